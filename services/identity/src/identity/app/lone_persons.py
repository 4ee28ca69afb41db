"""The persons of lone rows, written by column: each row is one person with keys of its own."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

from identity.app.attribute_sealing import seal_statement
from identity.app.encoding import Encoding
from identity.domain.attributes import AttributeDictionary, Release
from identity.domain.bulk_rows import Opening, PlainRows, Texts
from identity.domain.consents import Address, Channel, Consent, permitted_purposes
from identity.domain.linking import Standing
from identity.domain.lone_rows import RowShape, seen_together, shape_of
from identity.domain.person import Person, PersonKey, ReachableChannel
from identity.domain.person_ids import IdBlocks
from identity.domain.policy import Policy
from identity.store.bulk_ports import NewRows
from identity.store.ports import RecordKey, Stores, Vault
from identity.store.rows import PersonRow

Hashes = Sequence[bytes | None]


@dataclass(frozen=True)
class PlainHashes:
    """The keyed hashes of plain rows, by column."""

    identifiers: Sequence[Hashes]
    contact_points: Sequence[Hashes]
    consents: Sequence[Hashes]

    @classmethod
    def of(cls, tenant: str, opening: Opening, plain: PlainRows, vault: Vault) -> "PlainHashes":
        """Hashes every column."""

        def of_addresses(channel: Channel, scope: str, values: Texts) -> Hashes:
            return vault.address_hashes(tenant, channel, scope, values)

        return cls(
            [
                vault.identifier_hashes(tenant, column.namespace, column.scope, values)
                for column, values in zip(opening.identifiers, plain.identifiers, strict=True)
            ],
            [
                of_addresses(column.channel, column.scope, values)
                for column, values in zip(opening.contact_points, plain.contact_points, strict=True)
            ],
            [
                of_addresses(column.at.channel, column.at.scope, cells.addresses)
                for column, cells in zip(opening.consents, plain.consents, strict=True)
            ],
        )

    def addresses(self) -> Iterator[Hashes]:
        """The columns of addresses."""
        yield from self.contact_points
        yield from self.consents


@dataclass(frozen=True)
class LoneMessage:
    """The plain rows of a message, and what holds for them; `sensitive` are the tenant's sensitive purposes."""

    tenant: str
    opening: Opening
    plain: PlainRows
    hashes: PlainHashes
    policy: Policy
    sensitive: Collection[str]
    now_us: int


class NextIds(NamedTuple):
    """Where new ids come from."""

    key_id: int
    blocks: IdBlocks


@dataclass(frozen=True)
class Written:
    """`rows` are the places of the rows that were written; `persons` are to be published."""

    rows: frozenset[int]
    persons: list[PersonRow]
    next_ids: NextIds


@dataclass
class _Work:
    """One message's worth."""

    message: LoneMessage
    next_key_id: int
    blocks: IdBlocks
    new: NewRows = field(default_factory=NewRows)
    consents: list[tuple[RecordKey, Consent]] = field(default_factory=list)
    persons: list[PersonRow] = field(default_factory=list)


class LonePersons:
    """Writes what IngestRecords would write of the same rows, ids equal up to renaming."""

    def __init__(self, dictionary: AttributeDictionary, vault: Vault, encoding: Encoding) -> None:
        self._vault = vault
        self._encoding = encoding
        self._open = frozenset(
            name for name, declared in dictionary.definitions.items() if declared.release is Release.OPEN
        )

    def write(self, stores: Stores, message: LoneMessage, lone: Collection[int], ids: NextIds) -> Written:
        """Writes those of the lone rows whose shape makes them one person each. The persons' rows are left to be
        published: they have no version yet."""
        work = _Work(message, ids.key_id, ids.blocks)
        plain, opening, policy = message.plain, message.opening, message.policy
        written: list[int] = []
        for places, rows in _by_places(plain, lone).items():
            shape = shape_of(places, opening.identifiers, policy)
            if shape is not None:
                self._add(work, shape, rows)
                written += rows
        stores.bulk_rows.add(work.new)
        stores.consents.add(message.tenant, work.consents)
        return Written(frozenset(written), work.persons, NextIds(work.next_key_id, work.blocks))

    def _add(self, work: _Work, shape: RowShape, rows: Sequence[int]) -> None:
        person_ids, work.blocks = work.blocks.take_many(shape.strong, len(rows))
        width = len(shape.places)
        for at, person_id in zip(rows, person_ids, strict=True):
            key_ids = range(work.next_key_id, work.next_key_id + width)
            work.next_key_id += width
            anchor = self._add_keys(work, shape, at, person_id, key_ids)
            self._add_facts(work, at, anchor)
            self._add_person(work, shape, at, person_id, key_ids)

    def _add_keys(self, work: _Work, shape: RowShape, at: int, person_id: int, key_ids: Sequence[int]) -> int:
        """The keys of a row with what was seen of them; answers the anchor's id."""
        tenant, source, plain, new = (
            work.message.tenant,
            work.message.opening.source,
            work.message.plain,
            work.new,
        )
        time_us = plain.times_us[at]
        key_of: dict[int, int] = dict(zip(shape.places, key_ids, strict=True))
        verified = 0
        for n, place in enumerate(shape.places):
            column, key_id = work.message.opening.identifiers[place], key_ids[n]
            hash_, value = work.message.hashes.identifiers[place][at], plain.identifiers[place][at]
            assert hash_ is not None
            assert value is not None
            sealed = self._vault.seal(tenant, value, hash_)
            born = person_id if place == shape.birth else 0
            new.keys.append(
                (
                    tenant,
                    key_id,
                    hash_,
                    column.namespace,
                    column.scope,
                    sealed,
                    int(Standing.LINKING),
                    person_id,
                    born,
                    0,
                )
            )
            new.sightings.append((tenant, key_id, source, time_us, time_us, 1))
            verified |= column.verified << n
        for one, other in combinations(shape.places, 2):
            columns = work.message.opening.identifiers[one], work.message.opening.identifiers[other]
            seen = seen_together(columns, time_us, source)[:5]
            new.edges.append((tenant, key_of[one], key_of[other], *seen, source))
            new.edges.append((tenant, key_of[other], key_of[one], *seen, ""))
        anchor = min(shape.anchors, key=lambda place: work.message.hashes.identifiers[place][at] or b"")
        new.records.append(
            (
                tenant,
                source,
                plain.record_ids[at],
                plain.digests[at],
                time_us,
                key_of[anchor],
                tuple(key_ids),
                0,
                verified,
            )
        )
        return key_of[anchor]

    def _add_facts(self, work: _Work, at: int, anchor: int) -> None:
        """What the row says at its anchor and at addresses."""
        tenant, opening, plain, new = work.message.tenant, work.message.opening, work.message.plain, work.new
        for statement in sorted(plain.statements(opening, at), key=lambda said: said.name):
            kept = seal_statement(self._vault, tenant, anchor, statement)
            new.attribute_values.append(
                (tenant, anchor, kept.name, kept.source, kept.time_us, kept.value, int(kept.verified))
            )
        for point, addresses, hashes in zip(
            opening.contact_points, plain.contact_points, work.message.hashes.contact_points, strict=True
        ):
            address, hash_ = addresses[at], hashes[at]
            if address is not None and hash_ is not None:
                sealed = self._vault.seal(tenant, address, hash_)
                new.contact_points.append(
                    (tenant, anchor, int(point.channel), point.scope, hash_, sealed, plain.times_us[at])
                )
        record = opening.source, plain.record_ids[at]
        work.consents += [(record, consent) for consent in _consents(work, at)]

    def _add_person(
        self, work: _Work, shape: RowShape, at: int, person_id: int, key_ids: Sequence[int]
    ) -> None:
        born = shape.places.index(shape.birth)
        birth_hash = self._vault.birth_hash(
            work.message.tenant, work.message.hashes.identifiers[shape.birth][at] or b""
        )
        person = Person(
            person_id,
            shape.state,
            birth_hash,
            keys=tuple(
                PersonKey(key_id, work.message.opening.identifiers[place].namespace)
                for key_id, place in zip(key_ids, shape.places, strict=True)
            ),
            attributes={
                column.name: value
                for column, values in zip(
                    work.message.opening.attributes, work.message.plain.attributes, strict=True
                )
                if (value := values[at]) is not None and column.name in self._open
            },
            channels=_channels(work, at),
        )
        entry = self._encoding.person(person)
        work.persons.append(PersonRow(person_id, key_ids[born], birth_hash, 0, 0, 0, entry))


def _by_places(plain: PlainRows, lone: Collection[int]) -> Mapping[tuple[int, ...], list[int]]:
    """The lone rows by which columns of identifiers have a value."""
    found: dict[tuple[int, ...], list[int]] = defaultdict(list)
    columns = plain.identifiers
    for at in lone:
        found[tuple(place for place, column in enumerate(columns) if column[at] is not None)].append(at)
    return found


def _consents(work: _Work, at: int) -> Iterator[Consent]:
    opening = work.message.opening
    for column, cells, hashes in zip(
        opening.consents, work.message.plain.consents, work.message.hashes.consents, strict=True
    ):
        hash_ = hashes[at]
        if hash_ is not None:
            yield Consent(
                Address(column.at.channel, column.at.scope, hash_),
                column.purpose,
                opening.brand,
                bool(cells.granted[at]),
                cells.times_us[at],
                None,
                column.text_version,
                "",
            )


def _channels(work: _Work, at: int) -> tuple[ReachableChannel, ...]:
    """The channels with an address of the row, and what its consents permit there."""
    if not work.message.opening.contact_points:
        return ()
    consents = list(_consents(work, at))
    purposes: dict[Channel, set[str]] = defaultdict(set)
    for column, hashes in zip(
        work.message.opening.contact_points, work.message.hashes.contact_points, strict=True
    ):
        hash_ = hashes[at]
        if hash_ is not None:
            address = Address(column.channel, column.scope, hash_)
            said = [consent for consent in consents if consent.address == address]
            purposes[column.channel].update(
                permitted_purposes(said, work.message.now_us, work.message.sensitive)
            )
    return tuple(
        ReachableChannel(channel, tuple(sorted(found))) for channel, found in sorted(purposes.items())
    )
