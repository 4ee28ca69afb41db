"""How large the content of an Arrow IPC stream is before anything of it is unfolded. Arrow is a library of the services
that take it."""

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_RECORD_BATCH, _DICTIONARY_BATCH = 3, 2
"""MessageHeader of Arrow's Message.fbs."""
_VERSION, _HEADER_TYPE, _HEADER, _CUSTOM_METADATA = 0, 1, 2, 4
_DATA_OF_DICTIONARY = 1
_COMPRESSION = 3
"""Numbers of fields of Message, DictionaryBatch and RecordBatch in Message.fbs."""
_V5 = 4
"""Batches of earlier versions may name their compression in custom metadata instead."""
_VIEW_WORDS = 4
"""A view of a text is four int32, the first of which is the text's length."""


def is_compressed(content: bytes) -> bool:
    """Whether a batch of the stream has a compressed body: a few bytes of one may unfold to gigabytes. Unfolds nothing.
    Raises pa.ArrowException, OSError, ValueError or struct.error for what is no stream."""
    for metadata in _messages(content):
        message = _table(metadata, 0)
        header = _field(metadata, message, _HEADER)
        kind = _field(metadata, message, _HEADER_TYPE)
        if header is None or kind is None or metadata[kind] not in {_RECORD_BATCH, _DICTIONARY_BATCH}:
            continue
        batch = _table(metadata, header)
        if metadata[kind] == _DICTIONARY_BATCH:
            data = _field(metadata, batch, _DATA_OF_DICTIONARY)
            if data is None:
                continue
            batch = _table(metadata, data)
        if _field(metadata, batch, _COMPRESSION) is not None or _is_told_beside(metadata, message):
            return True
    return False


def unfolded_bytes(texts: "pa.Array") -> int:
    """Bytes of a column of texts once each row has its own copy: rows of a dictionary, and views, share theirs."""
    import pyarrow as pa

    if not pa.types.is_dictionary(texts.type):
        return sum(_lengths(texts))
    lengths = _lengths(texts.dictionary)
    return sum(lengths[index] for index in texts.indices.to_pylist() if index is not None)


def _lengths(texts: "pa.Array") -> list[int]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string_view(texts.type):
        return [length or 0 for length in pc.binary_length(texts).to_pylist()]
    words = memoryview(texts.buffers()[1]).cast("B").cast("i")
    lengths = words[_VIEW_WORDS * texts.offset : _VIEW_WORDS * (texts.offset + len(texts)) : _VIEW_WORDS]
    valid = texts.is_valid().to_pylist()
    return [length if there else 0 for length, there in zip(lengths, valid, strict=True)]


def _is_told_beside(metadata: bytes, message: int) -> bool:
    """Whether custom metadata may say what the batch does not."""
    version = _field(metadata, message, _VERSION)
    is_early = version is None or int(struct.unpack_from("<h", metadata, version)[0]) < _V5
    return is_early and _field(metadata, message, _CUSTOM_METADATA) is not None


def _messages(content: bytes) -> Iterator[bytes]:
    """The metadata of each message of a stream."""
    import pyarrow as pa

    reader = pa.ipc.MessageReader.open_stream(content)
    while True:
        try:
            message = reader.read_next_message()
        except StopIteration:
            return
        yield message.metadata.to_pybytes()


def _table(flat: bytes, at: int) -> int:
    """Where the flatbuffer table begins that the offset at a place names."""
    return at + int(struct.unpack_from("<I", flat, at)[0])


def _field(flat: bytes, table: int, number: int) -> int | None:
    """Where a table's field is; None when it is left out."""
    fields = table - int(struct.unpack_from("<i", flat, table)[0])
    place = 4 + 2 * number
    if place >= int(struct.unpack_from("<H", flat, fields)[0]):
        return None
    offset = int(struct.unpack_from("<H", flat, fields + place)[0])
    return table + offset if offset else None
