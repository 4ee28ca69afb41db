"""Fields as protobuf writes them, without messages."""

from collections.abc import Iterable

NOTHING = b""


def varint(number: int) -> bytes:
    """An unsigned number."""
    if number < 0x80:
        return _SMALL[number]
    if number < 0x4000:
        return bytes((number & 0x7F | 0x80, number >> 7))
    if number < 0x200000:
        return bytes((number & 0x7F | 0x80, number >> 7 & 0x7F | 0x80, number >> 14))
    parts = bytearray()
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


_SMALL = [bytes([number]) for number in range(0x80)]


def text(tag: int, value: str) -> bytes:
    """A text field below 16; nothing for an empty text."""
    return field(tag, value.encode()) if value else NOTHING


def field(tag: int, content: bytes) -> bytes:
    """A field of bytes, a text or a message."""
    return bytes([tag << 3 | 2]) + varint(len(content)) + content


def number(tag: int, value: int) -> bytes:
    """A field of an unsigned number, an enum or a bool; nothing for 0."""
    return bytes([tag << 3]) + varint(value) if value else NOTHING


def entries(tag: int, key: bytes, values: Iterable[bytes | None]) -> list[bytes]:
    """Entries of a map with one key: of each encoded value, nothing for None."""
    return [NOTHING if value is None else field(tag, key + field(2, value)) for value in values]
