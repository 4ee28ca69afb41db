"""Rows of an import: what their columns mean, and those rows of which everything is taken as it is, by column."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from identity.domain.attributes import AttributeStatement
from identity.domain.consents import Channel
from identity.domain.person import PersonState, ReachableChannel
from identity.domain.record import Arrival, Identifier, Record, StatedAddress, StatedConsent

T = TypeVar("T")
Texts = Sequence[str | None]
"""A column in normal form; None where the row says nothing."""


class IdentifierColumn(NamedTuple):
    """A column of identifiers; `scope` is made explicit."""

    column: str
    namespace: str
    scope: str
    verified: bool


class AttributeColumn(NamedTuple):
    """A column of an attribute's values; those of a `closed` one name or locate the person."""

    column: str
    name: str
    closed: bool


class AddressColumn(NamedTuple):
    """A column of addresses."""

    column: str
    channel: Channel
    scope: str


class ConsentColumn(NamedTuple):
    """The columns of one permission; `time_column` "" is the record's time."""

    purpose: str
    at: AddressColumn
    granted_column: str
    time_column: str
    text_version: str


@dataclass(frozen=True)
class Opening:
    """What an import is; `digest` is of the message that opened it."""

    import_id: str
    digest: bytes
    source: str
    brand: str
    record_id_column: str
    time_column: str
    identifiers: tuple[IdentifierColumn, ...]
    attributes: tuple[AttributeColumn, ...]
    contact_points: tuple[AddressColumn, ...]
    consents: tuple[ConsentColumn, ...]


@dataclass(frozen=True)
class ConsentCells:
    """One permission of each row; a row says nothing of it where `addresses` has None."""

    addresses: Texts
    granted: Sequence[bool | None]
    times_us: Sequence[int]


@dataclass(frozen=True)
class PlainRows:
    """Rows of which nothing was refused, with at least one identifier that may link, by column.

    `rows` are their places among the rows of the message, ascending; all other sequences are as long. The columns are
    in the order of the opening's.
    """

    rows: Sequence[int]
    record_ids: Sequence[str]
    digests: Sequence[bytes]
    times_us: Sequence[int]
    identifiers: Sequence[Texts]
    attributes: Sequence[Sequence[bytes | None]]
    contact_points: Sequence[Texts]
    consents: Sequence[ConsentCells]

    def without(self, odd: Collection[int]) -> "PlainRows":
        """All rows but some, given by their places here."""
        if not odd:
            return self
        kept = [at for at in range(len(self.rows)) if at not in odd]

        def of(column: Sequence[T]) -> list[T]:
            return [column[at] for at in kept]

        return PlainRows(
            of(self.rows),
            of(self.record_ids),
            of(self.digests),
            of(self.times_us),
            [of(column) for column in self.identifiers],
            [of(column) for column in self.attributes],
            [of(column) for column in self.contact_points],
            [
                ConsentCells(of(cells.addresses), of(cells.granted), of(cells.times_us))
                for cells in self.consents
            ],
        )

    def record(self, opening: Opening, at: int) -> Record:
        """One of the rows as the front door would have read it."""
        time_us = self.times_us[at]
        return Record(
            opening.source,
            self.record_ids[at],
            self.digests[at],
            time_us,
            opening.brand,
            tuple(
                Identifier(column.namespace, column.scope, value, verified=column.verified)
                for column, values in zip(opening.identifiers, self.identifiers, strict=True)
                if (value := values[at]) is not None
            ),
            None,
            tuple(self.statements(opening, at)),
            tuple(
                StatedConsent(
                    StatedAddress(column.at.channel, column.at.scope, address),
                    column.purpose,
                    bool(cells.granted[at]),
                    cells.times_us[at],
                    None,
                    column.text_version,
                    "",
                )
                for column, cells in zip(opening.consents, self.consents, strict=True)
                if (address := cells.addresses[at]) is not None
            ),
            tuple(
                StatedAddress(column.channel, column.scope, address)
                for column, addresses in zip(opening.contact_points, self.contact_points, strict=True)
                if (address := addresses[at]) is not None
            ),
        )

    def statements(self, opening: Opening, at: int) -> Iterator[AttributeStatement]:
        """What a row says about the person."""
        for column, values in zip(opening.attributes, self.attributes, strict=True):
            value = values[at]
            if value is not None:
                yield AttributeStatement(column.name, opening.source, self.times_us[at], value, column.closed)


@dataclass(frozen=True)
class NewPersons:
    """Persons who have keys of the same namespaces, by column: the keys of each follow one another from
    `first_key_ids`. `attributes` are columns of the open ones, encoded, in order of their names."""

    person_ids: Sequence[int]
    state: PersonState
    namespaces: Sequence[str]
    first_key_ids: Sequence[int]
    birth_hashes: Sequence[int]
    attributes: Sequence[tuple[str, Sequence[bytes | None]]]
    channels: Sequence[tuple[ReachableChannel, ...]]


@dataclass(frozen=True)
class ParsedRows:
    """A message of rows: `plain` ones, and all others one by one with their place, as the front door reads them.
    `first_row` is the place of the message's first row among all rows of the import."""

    first_row: int
    count: int
    plain: PlainRows
    others: Sequence[tuple[int, str, Arrival]]
    """Place, record id, and what is taken."""
