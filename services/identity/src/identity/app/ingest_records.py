"""IngestEvents: a batch of records becomes evidence, linked persons and published changes, in one
transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

from servicekit.revision import Lane, Revision

from identity.app.append_changes import append_changes
from identity.app.change_graph import IdsTaken
from identity.app.encoding import Encoding
from identity.app.hot_keys import HotKeys, Learned
from identity.app.keep_facts import keep_facts
from identity.app.keyed_records import Batch, KeyedRecord, key_arrivals, key_hashed
from identity.app.keying import Keyed, find_keys
from identity.app.policies import PolicyBook
from identity.app.publish_persons import PublishPersons
from identity.app.region import GraphChange
from identity.app.relink import relink
from identity.app.store_changes import store_relinked
from identity.app.tombstones import without_erased
from identity.domain.linking import Standing
from identity.domain.normalise import Problem
from identity.domain.policy import Policy
from identity.domain.record import UNKNOWN_ANCHOR, Arrival, Refusal, ResolvedEvent
from identity.store.ports import RecordKey, Stores, Vault
from identity.store.rows import Counters, KnownRecord, LedgerRow, Sighting

DIFFERS = Refusal(
    "record_id",
    Problem.FIELD_INVALID,
    "is known with other content, which stands: send a correction under an id of its own",
)


_ANCHOR_UNKNOWN = Refusal("anchor_key_id", Problem.FIELD_INVALID, UNKNOWN_ANCHOR)


_UNDECLARED = Refusal(
    "identifiers", Problem.NAMESPACE_UNKNOWN, "name a namespace that the policy has no more"
)


class IngestStatus(IntEnum):
    """What became of a record; the numbers are those of huaxiang.identity.v1.IngestStatus."""

    ACCEPTED = 1
    REPEATED = 2
    DIFFERS = 3
    REFUSED = 4


class Outcome(NamedTuple):
    """`person_id` 0: no identifier that may link, or refused."""

    status: IngestStatus
    person_id: int
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True)
class Ingested:
    """`revision` covers every consequence; `learned` is for HotKeys, after the commit."""

    revision: Revision
    outcomes: tuple[Outcome, ...]
    learned: Learned


@dataclass(frozen=True)
class _Admission:
    """The status of each record of the batch, what the ledger knew of them, and the new ones in order."""

    statuses: tuple[IngestStatus, ...]
    known: Mapping[RecordKey, KnownRecord]
    fresh: Mapping[RecordKey, KeyedRecord]


class IngestRecords:
    """The front door. `prepare` needs no store and may run beside another batch's transaction."""

    def __init__(
        self, policies: PolicyBook, vault: Vault, encoding: Encoding, publish: PublishPersons, hot: HotKeys
    ) -> None:
        self._policies = policies
        self._vault = vault
        self._encoding = encoding
        self._publish = publish
        self._hot = hot

    def prepare(self, tenant: str, lane: Lane, arrivals: Sequence[Arrival]) -> Batch:
        """Hashes the identifiers of what is taken."""
        version, policy = self._policies.latest_known(tenant)
        if version:
            arrivals = [_without_undeclared(arrival, policy) for arrival in arrivals]
        return Batch(tenant, lane, arrivals, self._keyed(tenant, arrivals, policy), version)

    def adopt(self, batch: Batch) -> Batch:
        """A batch that another process keyed under the built-in policy, as `prepare` would have given it; as it is when
        namespaces went meanwhile: then its transaction keys it."""
        version, policy = self._policies.latest_known(batch.tenant)
        if version == batch.policy_version:
            return batch
        named = {
            identifier.namespace for each in batch.keyed if each for identifier in each.record.identifiers
        }
        if named - policy.namespaces.keys():
            return batch
        keyed = [
            None if each is None else key_hashed(each.record, each.identifiers, policy)
            for each in batch.keyed
        ]
        return replace(batch, keyed=keyed, policy_version=version)

    def _keyed(self, tenant: str, arrivals: Sequence[Arrival], policy: Policy) -> list[KeyedRecord | None]:
        return key_arrivals(tenant, arrivals, self._vault, policy)

    def __call__(self, stores: Stores, batch: Batch, now_us: int) -> Ingested:
        """Stores and links what is new; a batch that is known already changes nothing."""
        tenant = batch.tenant
        counters = stores.tenants.lock(tenant, stores.changes.head().epoch)
        policy = self._policies.of_version(stores.policies, tenant, counters.policy_version)
        if batch.policy_version != counters.policy_version:
            arrivals = [_without_undeclared(arrival, policy) for arrival in batch.arrivals]
            keyed = self._keyed(tenant, arrivals, policy)
            batch = replace(batch, arrivals=arrivals, keyed=keyed)
        erasures = stores.erasures.last(tenant)
        self._hot.follow(tenant, erasures)
        batch = _with_known_anchors(stores, batch)
        if erasures:
            kept = without_erased(
                stores, tenant, list(zip(batch.arrivals, batch.keyed, strict=True)), self._vault, policy
            )
            batch = replace(
                batch, arrivals=[arrival for arrival, _ in kept], keyed=[keyed for _, keyed in kept]
            )
        admission = _admit(stores, batch)
        fresh = tuple(admission.fresh.values())
        found = find_keys(tenant, fresh, stores.keys, stores.edges, self._hot, counters.next_key_id)
        take = IdsTaken(counters.blocks)
        change = GraphChange({key_id: row for key_id, (row, _) in found.new_keys.items()}, found.changed)
        relinked = relink(stores, tenant, change, policy, take)
        sealed = {
            key_id: self._vault.seal(tenant, identifier.value, row.hash)
            for key_id, (row, identifier) in found.new_keys.items()
        }
        store_relinked(stores, tenant, change, relinked, sealed, now_us)
        stores.sightings.observe(tenant, _sightings(fresh, found.ids_of))
        stores.ledger.add(tenant, map(_ledger_row, fresh, found.ids_of, map(found.anchor_of, fresh)))
        facts = keep_facts(stores, tenant, fresh, found.key_ids, self._vault)
        anchors = [_anchor_of(admission, found, keyed) for keyed in batch.keyed]
        wanted = {*anchors, *facts.key_ids} - {0}
        rows = dict(stores.keys.rows(tenant, wanted - relinked.rows.keys())) | dict(relinked.rows)
        persons = self._publish.changed(
            stores,
            tenant,
            relinked.person_ids | {rows[key_id].person_id for key_id in facts.key_ids},
            relinked,
            policy,
            now_us,
        )
        events = _events(fresh, found, counters.next_ingest_sequence)
        stores.tenants.save(
            tenant,
            Counters(
                counters.next_key_id + len(found.new_keys),
                counters.next_ingest_sequence + len(events),
                take.left,
                counters.policy_version,
            ),
        )
        revision = append_changes(stores, self._encoding, tenant, batch.lane, persons, events)
        person_ids = [rows[key_id].person_id if key_id in rows else 0 for key_id in anchors]
        other = Lane.LIVE if batch.lane is Lane.BULK else Lane.BULK
        revision = revision.at(other, stores.persons.latest_version(tenant, set(person_ids) - {0}, other))
        outcomes = tuple(
            Outcome(status, person_id, (DIFFERS,) if status is IngestStatus.DIFFERS else arrival.refusals)
            for status, person_id, arrival in zip(admission.statuses, person_ids, batch.arrivals, strict=True)
        )
        return Ingested(revision, outcomes, Learned(tenant, found.key_ids, found.pairs, erasures))


def _without_undeclared(arrival: Arrival, policy: Policy) -> Arrival:
    """The arrival without identifiers of namespaces that went since it was parsed."""
    record = arrival.record
    if record is None or all(each.namespace in policy.namespaces for each in record.identifiers):
        return arrival
    kept = tuple(each for each in record.identifiers if each.namespace in policy.namespaces)
    return Arrival(record._replace(identifiers=kept), (*arrival.refusals, _UNDECLARED))


def _with_known_anchors(stores: Stores, batch: Batch) -> Batch:
    """The batch without the records that name an anchor which is no key, or one that never links."""
    named = {keyed.record.anchor_key_id for keyed in batch.keyed if keyed is not None} - {0}
    if not named:
        return batch
    rows = stores.keys.rows(batch.tenant, named)
    usable = {key_id for key_id, row in rows.items() if row.standing is not Standing.BLOCKED} | {0}
    kept = [
        (arrival, keyed)
        if keyed is None or keyed.record.anchor_key_id in usable
        else (Arrival(None, (_ANCHOR_UNKNOWN,)), None)
        for arrival, keyed in zip(batch.arrivals, batch.keyed, strict=True)
    ]
    return replace(batch, arrivals=[arrival for arrival, _ in kept], keyed=[keyed for _, keyed in kept])


def _admit(stores: Stores, batch: Batch) -> _Admission:
    """Sorts out repeats, of the ledger and within the batch."""
    wanted = {(keyed.record.source, keyed.record.record_id) for keyed in batch.keyed if keyed is not None}
    known = stores.ledger.known(batch.tenant, wanted)
    statuses: list[IngestStatus] = []
    fresh: dict[RecordKey, KeyedRecord] = {}
    for keyed in batch.keyed:
        if keyed is None:
            statuses.append(IngestStatus.REFUSED)
            continue
        place = (keyed.record.source, keyed.record.record_id)
        if place in known:
            first = known[place].digest
        elif place in fresh:
            first = fresh[place].record.digest
        else:
            fresh[place] = keyed
            statuses.append(IngestStatus.ACCEPTED)
            continue
        same = first == keyed.record.digest
        statuses.append(IngestStatus.REPEATED if same else IngestStatus.DIFFERS)
    return _Admission(tuple(statuses), known, fresh)


def _sightings(fresh: Iterable[KeyedRecord], ids_of: Iterable[tuple[int, ...]]) -> list[Sighting]:
    seen: dict[tuple[int, str], Sighting] = {}
    for keyed, ids in zip(fresh, ids_of, strict=True):
        source, time_us = keyed.record.source, keyed.record.time_us
        for key_id in ids:
            known = seen.get((key_id, source))
            if known is None:
                seen[key_id, source] = Sighting(key_id, source, time_us, time_us, 1)
            else:
                first, last = min(known.first_us, time_us), max(known.last_us, time_us)
                seen[key_id, source] = Sighting(key_id, source, first, last, known.records + 1)
    return sorted(seen.values())


def _anchor_of(admission: _Admission, found: Keyed, keyed: KeyedRecord | None) -> int:
    """The anchor's key id of what stands in the ledger for a record; 0 for none."""
    if keyed is None:
        return 0
    place = (keyed.record.source, keyed.record.record_id)
    known = admission.known.get(place)
    return found.anchor_of(admission.fresh[place]) if known is None else known.anchor_key_id


def _ledger_row(keyed: KeyedRecord, ids: tuple[int, ...], anchor: int) -> LedgerRow:
    record = keyed.record
    verified = sum(identifier.verified << n for n, identifier in enumerate(keyed.identifiers.values()))
    return LedgerRow(
        record.source,
        record.record_id,
        record.digest,
        record.time_us,
        anchor,
        ids,
        int(record.link_kind),
        verified,
    )


def _events(fresh: Iterable[KeyedRecord], found: Keyed, next_sequence: int) -> list[ResolvedEvent]:
    events: list[ResolvedEvent] = []
    for keyed in fresh:
        record = keyed.record
        if record.event is None:
            continue
        others = sorted(
            found.key_ids[hash_]
            for hash_, identifier in keyed.identifiers.items()
            if hash_ != keyed.anchor and not identifier.blocked
        )
        events.append(
            ResolvedEvent(
                next_sequence + len(events),
                record.source,
                record.record_id,
                record.brand,
                record.event.type,
                record.time_us,
                found.anchor_of(keyed),
                tuple(others),
                record.event.properties,
            )
        )
    return events
