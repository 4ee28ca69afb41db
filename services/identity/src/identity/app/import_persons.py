"""ImportPersons: rows of a message become records, persons and published changes, in one transaction.

Most rows of a file share nothing with any other row or with the store: those are written by column (lone_persons.py).
All others go the way of IngestEvents, in the same transaction; the two kinds have no identifier and no address in
common, so their order does not matter. Linking costs more than writing, so a transaction links a bounded number of
rows: a message with more of them is taken in portions, in the order of its rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations

from servicekit.changelog import Entry
from servicekit.revision import Lane, Revision

from identity.app.encoding import ChangeKind, Encoding
from identity.app.hot_keys import Learned
from identity.app.ingest_records import DIFFERS, IngestRecords, IngestStatus
from identity.app.keep_facts import address_of
from identity.app.lone_persons import Hashes, LoneMessage, LonePerson, LonePersons, NextIds, PlainHashes
from identity.app.policies import PolicyBook
from identity.app.tenant_settings import settings_of
from identity.domain.attributes import AttributeDictionary
from identity.domain.bulk_rows import Opening, ParsedRows
from identity.domain.policy import Policy
from identity.domain.record import Arrival, Record, Refusal
from identity.errors import ImportDiffers, NamespaceGone, RowsMissing
from identity.store.bulk_ports import NewRows, StoredImport
from identity.store.ports import Stores, Vault
from identity.store.rows import Counters

MAX_LINKED_ROWS = 500
"""Rows that one transaction links one by one, at most; so long other writers wait. A second portion of a message looks
no further ahead than twice as many rows: looking costs, too."""


@dataclass(frozen=True)
class PreparedRows:
    """A message of rows, hashed. `hashes` are the plain rows'; `others` those of all other rows, by place."""

    opening: Opening
    parsed: ParsedRows
    hashes: PlainHashes
    others: Mapping[int, frozenset[bytes]]


@dataclass(frozen=True)
class RowProblem:
    """A row of the import, from 0, that was not taken or not whole."""

    row: int
    status: IngestStatus
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True)
class Imported:
    """How far the import is; `learned` is for HotKeys, after the commit. Of the message `taken` rows are behind."""

    revision: Revision
    standing: StoredImport
    problems: tuple[RowProblem, ...] = ()
    learned: Learned | None = None
    taken: int = 0


@dataclass(frozen=True)
class _Admission:
    """Places of the plain rows (among the plain rows) that are new, of the other rows that are, and each row's status
    by its place in the message. `twice` are those of the new plain rows whose record id another row has, too. All of
    them are from the place `start` on and before `stop`."""

    plain: Sequence[int]
    others: Sequence[int]
    statuses: Mapping[int, IngestStatus]
    twice: frozenset[int]
    start: int
    stop: int

    def until(self, stop: int, parsed: ParsedRows) -> "_Admission":
        """What of it is before a place."""
        return _Admission(
            [at for at in self.plain if parsed.plain.rows[at] < stop],
            [at for at in self.others if parsed.others[at][0] < stop],
            {row: status for row, status in self.statuses.items() if row < stop},
            self.twice,
            self.start,
            stop,
        )


class ImportPersons:
    """The bulk lane of the front door. `prepare` needs no store and may run beside another message's transaction."""

    def __init__(
        self,
        policies: PolicyBook,
        dictionary: AttributeDictionary,
        vault: Vault,
        encoding: Encoding,
        ingest: IngestRecords,
        max_linked_rows: int = MAX_LINKED_ROWS,
    ) -> None:
        self._policies = policies
        self._max_linked_rows = max_linked_rows
        self._vault = vault
        self._encoding = encoding
        self._ingest = ingest
        self._persons = LonePersons(dictionary, vault, encoding)

    def open(self, stores: Stores, tenant: str, opening: Opening) -> Imported:
        """Where an import stands; a new one is stored. Raises ImportDiffers."""
        stores.tenants.lock(tenant, stores.changes.head().epoch)
        head = stores.changes.head()
        stored = stores.imports.get(tenant, opening.import_id)
        if stored is None:
            stored = StoredImport(opening.digest)
            stores.imports.put(tenant, opening.import_id, stored)
        elif stored.opening_digest != opening.digest:
            raise ImportDiffers(opening.import_id)
        revision = stores.changes.append(Lane.BULK, [])
        return Imported(revision.at(Lane.LIVE, head.last(Lane.LIVE)), stored)

    def prepare(self, tenant: str, opening: Opening, parsed: ParsedRows) -> PreparedRows:
        """Hashes identifiers and addresses."""
        others = {
            row: frozenset(self._hashes_of(tenant, arrival.record))
            for row, _, arrival in parsed.others
            if arrival.record is not None
        }
        return PreparedRows(
            opening, parsed, PlainHashes.of(tenant, opening, parsed.plain, self._vault), others
        )

    def __call__(
        self, stores: Stores, tenant: str, prepared: PreparedRows, now_us: int, start: int = 0
    ) -> Imported:
        """Stores and links what is new of a message's rows from the place `start` on: all of them, or as many as one
        transaction may link. Raises RowsMissing when rows before those were never committed, NamespaceGone."""
        opening, parsed = prepared.opening, prepared.parsed
        counters = stores.tenants.lock(tenant, stores.changes.head().epoch)
        head = stores.changes.head()  # what others committed before the lock was free is behind it
        stored = stores.imports.get(tenant, opening.import_id) or StoredImport(opening.digest)
        if parsed.first_row + start > stored.rows:
            raise RowsMissing(stored.rows, parsed.first_row + start)
        policy = self._policies.of_version(stores.policies, tenant, counters.policy_version)
        _require_declared(opening, policy)
        stop = min(parsed.count, start + 2 * self._max_linked_rows) if start else parsed.count
        admission = self._admit(stores, tenant, opening, parsed, start, stop)
        lone = self._lone(stores, tenant, prepared, admission, policy)
        admission, lone = _bounded(parsed, admission, lone, self._max_linked_rows)
        message = LoneMessage(
            tenant,
            opening,
            parsed.plain,
            prepared.hashes,
            policy,
            settings_of(stores, tenant).sensitive,
            now_us,
        )
        ids = NextIds(counters.next_key_id, counters.blocks)
        written = self._persons.write(stores, message, lone, ids)
        counters = Counters(
            written.next_ids.key_id,
            counters.next_ingest_sequence,
            written.next_ids.blocks,
            counters.policy_version,
        )
        stores.tenants.save(tenant, counters)
        learned, taken = self._ingest_rest(stores, tenant, opening, parsed, admission, written.rows, now_us)
        revision = self._publish(stores, tenant, written.persons)
        problems = tuple(_problems(parsed, admission, taken))
        statuses = {**admission.statuses, **{row: status for row, (status, _) in taken.items()}}
        standing = _counted(stored, parsed, statuses, admission.stop)
        stores.imports.put(tenant, opening.import_id, standing)
        return Imported(
            revision.at(Lane.LIVE, head.last(Lane.LIVE)), standing, problems, learned, admission.stop
        )

    def _publish(self, stores: Stores, tenant: str, persons: Sequence[LonePerson]) -> Revision:
        """Appends the born persons; their rows keep the positions as versions."""
        versioned = self._encoding.versioned
        revision = stores.changes.append(
            Lane.BULK,
            [Entry(ChangeKind.PERSON, tenant, partial(versioned, person.entry)) for person in persons],
        )
        first = revision.position(Lane.BULK) - len(persons) + 1
        lane = int(Lane.BULK)
        rows = [
            (tenant, person_id, birth_key_id, birth_hash, 0, version, lane, entry)
            for version, (person_id, birth_key_id, birth_hash, entry) in enumerate(persons, first)
        ]
        stores.bulk_rows.add(NewRows(persons=rows))
        return revision

    def _hashes_of(self, tenant: str, record: Record) -> Iterator[bytes]:
        for identifier in record.identifiers:
            yield self._vault.identifier_hash(tenant, identifier)
        for address in (*record.contact_points, *(consent.at for consent in record.consents)):
            yield address_of(tenant, address, self._vault).hash

    def _admit(
        self, stores: Stores, tenant: str, opening: Opening, parsed: ParsedRows, start: int, stop: int
    ) -> _Admission:
        """Sorts out repeats, of the ledger and within the message."""
        source = opening.source
        rows = [each for each in _in_order(parsed) if start <= each[0] < stop]
        known = stores.ledger.known(tenant, {(source, record_id) for _, _, _, record_id, _ in rows})
        statuses: dict[int, IngestStatus] = {}
        fresh: tuple[list[int], list[int]] = [], []
        plain_of: dict[str, int] = {}
        twice: set[int] = set()
        for row, kind, at, record_id, digest in rows:
            found = known.get((source, record_id))
            if digest is None:
                statuses[row] = IngestStatus.REFUSED
            elif found is not None:
                same = found.digest == digest
                statuses[row] = IngestStatus.REPEATED if same else IngestStatus.DIFFERS
            else:
                statuses[row] = IngestStatus.ACCEPTED
                fresh[kind].append(at)
                before = plain_of.setdefault(record_id, -1 if kind else at)
                if before != at or kind:
                    twice.update({before, -1 if kind else at} - {-1})
        return _Admission(fresh[0], fresh[1], statuses, frozenset(twice), start, stop)

    def _lone(
        self, stores: Stores, tenant: str, prepared: PreparedRows, admission: _Admission, policy: Policy
    ) -> list[int]:
        """The fresh plain rows that share no identifier and no address with another row or with the store, and hold
        nothing that is blocked or erased; as places among the plain rows."""
        hashes = prepared.hashes
        owners: dict[bytes, int] = {}
        met: set[int] = set()
        for row, found in prepared.others.items():
            owners.update((hash_, -1 - row) for hash_ in found)
        for column in chain(hashes.identifiers, hashes.addresses()):
            for at in admission.plain:
                hash_ = column[at]
                if hash_ is not None and owners.setdefault(hash_, at) != at:
                    met.update((at, owners[hash_]))
        keys = {hash_ for column in hashes.identifiers for at in admission.plain if (hash_ := column[at])}
        addresses = {
            hash_ for column in hashes.addresses() for at in admission.plain if (hash_ := column[at])
        }
        known = set(stores.keys.find(tenant, keys))
        known |= stores.bulk_rows.known_addresses(tenant, addresses)
        if stores.erasures.last(tenant):
            marks = {self._vault.tombstone(tenant, hash_): hash_ for hash_ in keys | addresses}
            known.update(marks[mark] for mark in stores.erasures.tombstoned(tenant, set(marks)))
        met.update(owners[hash_] for hash_ in known)
        met.update(admission.twice)
        met.update(_repeated([column[1:3] for column in prepared.opening.identifiers], hashes.identifiers))
        met.update(
            _repeated([column[1:] for column in prepared.opening.contact_points], hashes.contact_points)
        )
        met.update(_blocked(prepared, policy))
        return [at for at in admission.plain if at not in met]

    def _ingest_rest(
        self,
        stores: Stores,
        tenant: str,
        opening: Opening,
        parsed: ParsedRows,
        admission: _Admission,
        written: frozenset[int],
        now_us: int,
    ) -> tuple[Learned | None, dict[int, tuple[IngestStatus, tuple[Refusal, ...]]]]:
        """Takes the fresh rows that were not written, in their order; what became of them by place."""
        plain = parsed.plain
        rest = [
            (plain.rows[at], Arrival(plain.record(opening, at), ()))
            for at in admission.plain
            if at not in written
        ]
        rest += [(parsed.others[at][0], parsed.others[at][2]) for at in admission.others]
        if not rest:
            return None, {}
        rest.sort(key=lambda pair: pair[0])
        batch = self._ingest.prepare(tenant, Lane.BULK, [arrival for _, arrival in rest])
        answer = self._ingest(stores, batch, now_us)
        taken = {
            row: (outcome.status, outcome.refusals)
            for (row, _), outcome in zip(rest, answer.outcomes, strict=True)
        }
        return answer.learned, taken


def _require_declared(opening: Opening, policy: Policy) -> None:
    """A policy that came into force since the rows were read may have dropped a namespace. Raises NamespaceGone."""
    for index, column in enumerate(opening.identifiers):
        if column.namespace not in policy.namespaces:
            raise NamespaceGone(index, column.namespace)


def _bounded(
    parsed: ParsedRows, admission: _Admission, lone: list[int], max_linked_rows: int
) -> tuple[_Admission, list[int]]:
    """The first of the rows that are not lone, as many as a transaction links, and the lone ones before the next of
    them: rows that are lone among many are so among the first of those."""
    alone = set(lone)
    linked = [parsed.plain.rows[at] for at in admission.plain if at not in alone]
    linked += [parsed.others[at][0] for at in admission.others]
    if len(linked) <= max_linked_rows:
        return admission, lone
    stop = sorted(linked)[max_linked_rows]
    return admission.until(stop, parsed), [at for at in lone if parsed.plain.rows[at] < stop]


def _in_order(parsed: ParsedRows) -> Iterator[tuple[int, int, int, str, bytes | None]]:
    """All rows in order: place, 0 for a plain one and 1 for another, its place among those, record id, digest."""
    plain = parsed.plain
    others = [
        (row, 1, at, record_id, None if arrival.record is None else arrival.record.digest)
        for at, (row, record_id, arrival) in enumerate(parsed.others)
    ]
    every = [
        (row, 0, at, record_id, digest)
        for at, (row, record_id, digest) in enumerate(
            zip(plain.rows, plain.record_ids, plain.digests, strict=True)
        )
    ]
    return iter(sorted(every + others) if others else every)


def _repeated(places: Sequence[tuple[object, ...]], columns: Sequence[Hashes]) -> Iterator[int]:
    """The rows that name one identifier, or one address, in two columns."""
    for (place, column), (other_place, other) in combinations(zip(places, columns, strict=True), 2):
        if place == other_place:
            for at, (one, same) in enumerate(zip(column, other, strict=True)):
                if one is not None and one == same:
                    yield at


def _blocked(prepared: PreparedRows, policy: Policy) -> Iterator[int]:
    """The plain rows with a value that the tenant's policy forbids to link."""
    if not policy.blocking:
        return
    for column, values in zip(prepared.opening.identifiers, prepared.parsed.plain.identifiers, strict=True):
        for at, value in enumerate(values):
            if value is not None and policy.blocks(column.namespace, value):
                yield at


def _problems(
    parsed: ParsedRows,
    admission: _Admission,
    taken: Mapping[int, tuple[IngestStatus, tuple[Refusal, ...]]],
) -> Iterator[RowProblem]:
    """What was not taken, in order of the rows."""
    found: dict[int, RowProblem] = {}
    for row, _, arrival in parsed.others:
        if arrival.refusals and admission.start <= row < admission.stop:
            found[row] = RowProblem(parsed.first_row + row, admission.statuses[row], arrival.refusals)
    for row, status in admission.statuses.items():
        if status is IngestStatus.DIFFERS:
            found[row] = RowProblem(parsed.first_row + row, status, (DIFFERS,))
    for row, (status, refusals) in taken.items():
        if refusals:
            found[row] = RowProblem(parsed.first_row + row, status, refusals)
    for row in sorted(found):
        yield found[row]


def _counted(
    stored: StoredImport, parsed: ParsedRows, statuses: Mapping[int, IngestStatus], stop: int
) -> StoredImport:
    """The import after the message's rows before a place; rows that were committed before are not counted again."""
    new = [status for row, status in statuses.items() if parsed.first_row + row >= stored.rows]
    return StoredImport(
        stored.opening_digest,
        max(stored.rows, parsed.first_row + stop),
        stored.accepted + new.count(IngestStatus.ACCEPTED),
        stored.known + new.count(IngestStatus.REPEATED),
        stored.differing + new.count(IngestStatus.DIFFERS),
        stored.refused + new.count(IngestStatus.REFUSED),
    )
