"""The persons of lone rows, written by column: each row is one person with keys of its own."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, permutations
from typing import NamedTuple, TypeVar

from identity.app.encoding import Encoding
from identity.domain.attributes import AttributeDictionary, Release, sealing_place
from identity.domain.bulk_rows import NewPersons, Opening, PlainRows
from identity.domain.consents import Address, Channel, Consent, permitted_purposes
from identity.domain.evidence import DAY_US
from identity.domain.linking import Standing
from identity.domain.lone_rows import RowShape, seen_together, shape_of
from identity.domain.person import ReachableChannel
from identity.domain.person_ids import IdBlocks
from identity.domain.policy import Policy
from identity.store.bulk_ports import NewRows, TableRow
from identity.store.ports import RecordKey, Stores, Vault

T = TypeVar("T")
Hashes = Sequence[bytes | None]


@dataclass(frozen=True)
class PlainHashes:
    """The keyed hashes of plain rows, by column, and what is sealed of them."""

    identifiers: Sequence[Hashes]
    contact_points: Sequence[Hashes]
    consents: Sequence[Hashes]
    sealed_identifiers: Sequence[Hashes]
    sealed_contact_points: Sequence[Hashes]

    @classmethod
    def of(cls, tenant: str, opening: Opening, plain: PlainRows, vault: Vault) -> "PlainHashes":
        """Hashes and seals every column."""
        identifiers = [
            vault.identifier_hashes(tenant, column.namespace, column.scope, values)
            for column, values in zip(opening.identifiers, plain.identifiers, strict=True)
        ]
        contact_points = [
            vault.address_hashes(tenant, column.channel, column.scope, values)
            for column, values in zip(opening.contact_points, plain.contact_points, strict=True)
        ]
        return cls(
            identifiers,
            contact_points,
            [
                vault.address_hashes(tenant, column.at.channel, column.at.scope, cells.addresses)
                for column, cells in zip(opening.consents, plain.consents, strict=True)
            ],
            [
                vault.seal_column(tenant, values, hashes)
                for values, hashes in zip(plain.identifiers, identifiers, strict=True)
            ],
            [
                vault.seal_column(tenant, values, hashes)
                for values, hashes in zip(plain.contact_points, contact_points, strict=True)
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


class LonePerson(NamedTuple):
    """A person who was born and is to be published."""

    person_id: int
    birth_key_id: int
    birth_hash: int
    entry: bytes


@dataclass(frozen=True)
class Written:
    """`rows` are the places of the rows that were written; `persons` are to be published."""

    rows: frozenset[int]
    persons: list[LonePerson]
    next_ids: NextIds


@dataclass
class _Work:
    """One message's worth."""

    message: LoneMessage
    next_key_id: int
    blocks: IdBlocks
    consents: list[tuple[RecordKey, Consent]] = field(default_factory=list)
    persons: list[LonePerson] = field(default_factory=list)


@dataclass(frozen=True)
class _Part:
    """The rows of a message that have one shape; what is new of each, in their order."""

    message: LoneMessage
    shape: RowShape
    rows: Sequence[int]
    person_ids: Sequence[int]
    first_key_ids: Sequence[int]

    def of(self, column: Sequence[T]) -> Sequence[T]:
        """The rows' cells of a column."""
        return column if len(self.rows) == len(column) else [column[at] for at in self.rows]


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
        with stores.bulk_rows.adding() as add:
            for places, rows in _by_places(plain, lone).items():
                shape = shape_of(places, opening.identifiers, policy)
                if shape is not None:
                    self._add(work, shape, rows, add)
                    written += rows
        stores.consents.add(message.tenant, work.consents)
        return Written(frozenset(written), work.persons, NextIds(work.next_key_id, work.blocks))

    def _add(self, work: _Work, shape: RowShape, rows: Sequence[int], add: Callable[[NewRows], None]) -> None:
        """Adds the persons of rows of one shape; the keys of each follow one another."""
        message = work.message
        person_ids, work.blocks = work.blocks.take_many(shape.strong, len(rows))
        width = len(shape.places)
        first_key_ids = range(work.next_key_id, work.next_key_id + width * len(rows), width)
        work.next_key_id = first_key_ids.stop
        part = _Part(message, shape, rows, person_ids, first_key_ids)
        anchors = _anchors(part)
        add(NewRows(keys=list(_keys(part))))
        add(NewRows(edges=list(_edges(part))))
        add(NewRows(sightings=_sightings(part), records=_records(part, anchors)))
        add(NewRows(attribute_values=list(self._attribute_values(part, anchors))))
        add(NewRows(contact_points=_contact_points(part, anchors)))
        if message.opening.consents:
            source, ids = message.opening.source, message.plain.record_ids
            work.consents += [((source, ids[at]), said) for at in rows for said in _consents(message, at)]
        self._add_persons(work, part)

    def _attribute_values(self, part: _Part, anchors: Sequence[int]) -> Iterator[TableRow]:
        """What rows say about their persons, in order of the anchors and names."""
        message = part.message
        tenant, source, plain = message.tenant, message.opening.source, message.plain
        verified = int(any(message.opening.identifiers[place].verified for place in part.shape.anchors))
        columns: list[list[TableRow | None]] = []
        for column, values in sorted(
            zip(message.opening.attributes, plain.attributes, strict=True), key=lambda pair: pair[0].name
        ):
            name = column.name
            said = part.of(values)
            if column.closed:
                said = [
                    value if value is None else self._sealed(tenant, anchor, name, source, value)
                    for anchor, value in zip(anchors, said, strict=True)
                ]
            columns.append(
                [
                    None if value is None else (tenant, anchor, name, source, time_us, value, verified)
                    for anchor, value, time_us in zip(anchors, said, part.of(plain.times_us), strict=True)
                ]
            )
        return (row for rows in zip(*columns, strict=True) for row in rows if row is not None)

    def _sealed(self, tenant: str, key_id: int, name: str, source: str, value: bytes) -> bytes:
        return self._vault.seal_bytes(tenant, value, sealing_place(key_id, name, source))

    def _add_persons(self, work: _Work, part: _Part) -> None:
        message, shape = part.message, part.shape
        birth = shape.places.index(shape.birth)
        hashes = [hash_ or b"" for hash_ in part.of(message.hashes.identifiers[shape.birth])]
        birth_hashes = self._vault.birth_hashes(message.tenant, hashes)
        entries = self._encoding.new_persons(
            NewPersons(
                part.person_ids,
                shape.state,
                [message.opening.identifiers[place].namespace for place in shape.places],
                part.first_key_ids,
                birth_hashes,
                [
                    (column.name, part.of(values))
                    for column, values in sorted(
                        zip(message.opening.attributes, message.plain.attributes, strict=True),
                        key=lambda pair: pair[0].name,
                    )
                    if column.name in self._open
                ],
                _channels(message, part.rows),
            )
        )
        work.persons += [
            LonePerson(person_id, first + birth, birth_hash, entry)
            for person_id, first, birth_hash, entry in zip(
                part.person_ids, part.first_key_ids, birth_hashes, entries, strict=True
            )
        ]


def _keys(part: _Part) -> Iterator[TableRow]:
    """Key after key, person after person."""
    message, shape = part.message, part.shape
    tenant, linking = message.tenant, int(Standing.LINKING)
    columns: list[list[TableRow]] = []
    for n, place in enumerate(shape.places):
        column = message.opening.identifiers[place]
        namespace, scope = column.namespace, column.scope
        born = part.person_ids if place == shape.birth else [0] * len(part.rows)
        columns.append(
            [
                (tenant, first + n, hash_, namespace, scope, sealed, linking, person_id, born_id, 0)
                for first, hash_, sealed, person_id, born_id in zip(
                    part.first_key_ids,
                    part.of(message.hashes.identifiers[place]),
                    part.of(message.hashes.sealed_identifiers[place]),
                    part.person_ids,
                    born,
                    strict=True,
                )
            ]
        )
    return chain.from_iterable(zip(*columns, strict=True))


def _sightings(part: _Part) -> list[TableRow]:
    tenant, source = part.message.tenant, part.message.opening.source
    width = range(len(part.shape.places))
    return [
        (tenant, first + n, source, time_us, time_us, 1)
        for first, time_us in zip(part.first_key_ids, part.of(part.message.plain.times_us), strict=True)
        for n in width
    ]


def _edges(part: _Part) -> Iterator[TableRow]:
    """Both directions of each pair, by the one key and then the other."""
    message, places = part.message, part.shape.places
    tenant, source = message.tenant, message.opening.source
    days = [time_us - time_us % DAY_US for time_us in part.of(message.plain.times_us)]
    columns: list[list[TableRow]] = []
    for one, other in permutations(range(len(places)), 2):
        low, high = sorted((one, other))
        pair = message.opening.identifiers[places[low]], message.opening.identifiers[places[high]]
        seen = {day: seen_together(pair, day, source)[:5] for day in set(days)}
        sources = source if one < other else ""
        columns.append(
            [
                (tenant, first + one, first + other, *seen[day], sources)
                for first, day in zip(part.first_key_ids, days, strict=True)
            ]
        )
    return chain.from_iterable(zip(*columns, strict=True))


def _anchors(part: _Part) -> list[int]:
    """The key at which each row is kept: of those of highest priority the one with the lowest hash."""
    places = part.shape.places
    if len(part.shape.anchors) == 1:
        offset = places.index(part.shape.anchors[0])
        return [first + offset for first in part.first_key_ids]
    hashes = part.message.hashes.identifiers
    return [
        first + places.index(min(part.shape.anchors, key=lambda place, at=at: hashes[place][at] or b""))  # type: ignore[misc]
        for first, at in zip(part.first_key_ids, part.rows, strict=True)
    ]


def _records(part: _Part, anchors: Sequence[int]) -> list[TableRow]:
    message, plain = part.message, part.message.plain
    tenant, source, width = message.tenant, message.opening.source, len(part.shape.places)
    verified = sum(
        message.opening.identifiers[place].verified << n for n, place in enumerate(part.shape.places)
    )
    return [
        (tenant, source, record_id, digest, time_us, anchor, range(first, first + width), 0, verified)
        for record_id, digest, time_us, anchor, first in zip(
            part.of(plain.record_ids),
            part.of(plain.digests),
            part.of(plain.times_us),
            anchors,
            part.first_key_ids,
            strict=True,
        )
    ]


def _contact_points(part: _Part, anchors: Sequence[int]) -> list[TableRow]:
    message = part.message
    return [
        (message.tenant, anchor, int(point.channel), point.scope, hash_, sealed, time_us)
        for point, hashes, sealed_column in zip(
            message.opening.contact_points,
            message.hashes.contact_points,
            message.hashes.sealed_contact_points,
            strict=True,
        )
        for anchor, hash_, sealed, time_us in zip(
            anchors,
            part.of(hashes),
            part.of(sealed_column),
            part.of(message.plain.times_us),
            strict=True,
        )
        if hash_ is not None
    ]


def _by_places(plain: PlainRows, lone: Collection[int]) -> Mapping[tuple[int, ...], list[int]]:
    """The lone rows by which columns of identifiers have a value."""
    found: dict[tuple[int, ...], list[int]] = defaultdict(list)
    columns = plain.identifiers
    for at in lone:
        found[tuple(place for place, column in enumerate(columns) if column[at] is not None)].append(at)
    return found


def _consents(message: LoneMessage, at: int) -> Iterator[Consent]:
    """What a row says of permissions."""
    opening = message.opening
    for column, cells, hashes in zip(
        opening.consents, message.plain.consents, message.hashes.consents, strict=True
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


def _channels(message: LoneMessage, rows: Sequence[int]) -> list[tuple[ReachableChannel, ...]]:
    """The channels with an address of each row, and what its consents permit there.

    Rows that say the same of each purpose at their addresses are alike: their times only matter where two columns speak
    of one purpose.
    """
    opening, hashes = message.opening, message.hashes
    if not opening.contact_points:
        return [()] * len(rows)
    purposes = {column.purpose for column in opening.consents}
    if len(purposes) < len(opening.consents):
        return [_channels_of(message, at) for at in rows]
    said = list(zip(hashes.consents, [cells.granted for cells in message.plain.consents], strict=True))
    known: dict[tuple[tuple[bool | None, ...] | None, ...], tuple[ReachableChannel, ...]] = {}
    found: list[tuple[ReachableChannel, ...]] = []
    for at in rows:
        alike = tuple(
            [
                None
                if (hash_ := points[at]) is None
                else tuple([granted[at] if addresses[at] == hash_ else None for addresses, granted in said])
                for points in hashes.contact_points
            ]
        )
        if alike not in known:
            known[alike] = _channels_of(message, at)
        found.append(known[alike])
    return found


def _channels_of(message: LoneMessage, at: int) -> tuple[ReachableChannel, ...]:
    consents = list(_consents(message, at))
    purposes: dict[Channel, set[str]] = defaultdict(set)
    for column, hashes in zip(message.opening.contact_points, message.hashes.contact_points, strict=True):
        hash_ = hashes[at]
        if hash_ is not None:
            said = [consent for consent in consents if consent.address.hash == hash_]
            purposes[column.channel].update(permitted_purposes(said, message.now_us, message.sensitive))
    return tuple(
        ReachableChannel(channel, tuple(sorted(found))) for channel, found in sorted(purposes.items())
    )
