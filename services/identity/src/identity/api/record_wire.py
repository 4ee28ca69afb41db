"""Records on the wire, by column: the bytes of Record.SerializeToString(deterministic=True), without the messages.

The digest by which repeats are told from corrections is of these bytes, so a row of an import and the record of
IngestEvents with the same content are one and the same.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

from identity.api.parse_records import DIGEST_BYTES
from identity.api.wire import NOTHING, entries, field, number, text, varint

Cells = Sequence[str | None]
Chunks = list[bytes]
"""What each row adds, in the order of the fields; b"" where it says nothing."""


def moment(time_us: int) -> bytes:
    """The content of a Timestamp at or after 1970."""
    seconds, rest_us = divmod(time_us, 1_000_000)
    return number(1, seconds) + number(2, rest_us * 1_000)


def identifiers(cells: Cells, namespace: str, scope: str, *, verified: bool) -> Chunks:
    """Record.identifiers of a column."""
    return _messages(4, text(1, namespace), 2, cells, text(3, scope) + number(4, verified))


def contact_points(cells: Cells, channel: int, scope: str) -> Chunks:
    """Record.contact_points of a column."""
    return _messages(9, number(1, channel), 2, cells, text(3, scope))


def attributes(values: Iterable[bytes | None], name: str) -> Chunks:
    """Record.attributes of a column of encoded values; a map's entries stand in order of their names."""
    key = text(1, name)
    return entries(7, key, values)


def consents(
    purpose: str,
    channel: int,
    addresses: Cells,
    scope: str,
    granted: Sequence[bool | None],
    times: Sequence[bytes],
    text_version: str,
) -> Chunks:
    """Record.consents of a permission's columns; `times` are fields already, b"" where there is none."""
    before = text(1, purpose) + number(2, channel)
    scope_field, version = text(4, scope), text(8, text_version)
    return [
        NOTHING
        if address is None
        else field(8, before + text(3, address) + scope_field + number(5, bool(given)) + time + version)
        for address, given, time in zip(addresses, granted, times, strict=True)
    ]


def digests(
    source: str,
    brand: str,
    record_ids: Sequence[str],
    times_us: Sequence[int],
    before: Sequence[Chunks],
    after: Sequence[Chunks],
) -> list[bytes]:
    """The digest of each row. `before` are the columns of fields before the brand, `after` those behind it, in the
    order of the fields and the attributes by name."""
    source_field = text(1, source)
    heads = [
        source_field + text(2, record_id) + field(3, moment(time_us))
        for record_id, time_us in zip(record_ids, times_us, strict=True)
    ]
    blake2b = hashlib.blake2b
    brands = [[text(5, brand)] * len(heads)] if brand else []
    return [
        blake2b(NOTHING.join(chunks), digest_size=DIGEST_BYTES).digest()
        for chunks in zip(heads, *before, *brands, *after, strict=True)
    ]


def _messages(tag: int, before: bytes, text_tag: int, cells: Cells, after: bytes) -> Chunks:
    """A message of each cell: what stands before its text, the text, what stands after it."""
    heads: dict[int, bytes] = {}
    head_of = _head_of(tag, before, text_tag, after)
    chunks: Chunks = []
    for cell in cells:
        if cell is None:
            chunks.append(NOTHING)
            continue
        content = cell.encode()
        size = len(content)
        head = heads.get(size)
        if head is None:
            head = heads[size] = head_of(size)
        chunks.append(head + content + after)
    return chunks


def _head_of(tag: int, before: bytes, text_tag: int, after: bytes) -> Callable[[int], bytes]:
    """What stands before a text of a given size."""

    def head(size: int) -> bytes:
        inside = before + (bytes([text_tag << 3 | 2]) + varint(size) if size else NOTHING)
        return bytes([tag << 3 | 2]) + varint(len(inside) + size + len(after)) + inside

    return head
