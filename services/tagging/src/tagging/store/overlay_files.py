"""Overlays: what was found of some persons of a block, to lie over the files that the block has. Those of one column
stand one after the other in one file, and each is named by its place: `<file>@<start>+<bytes>`.

An overlay tells what was there before, too: it is what the changelog says of the change. Little-endian, without gaps: a
head, then offsets (uint16, person_id & 0xFFFF, ascending), the counts and codes of the new values and of the old ones
(integers as wide as theirs need; none is unknown), and offsets and as_of (int64 microseconds) of those whose new value
is the stream's.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from tagging.domain.columns import BLOCK_BITS, Coded, Ints, narrowed, within
from tagging.store.blocks import Block

_HEAD = struct.Struct("<5I4B")
"""Block, persons, new codes, old codes, streamed; bytes of a new count, new code, old count, old code."""


@dataclass(frozen=True)
class Overlay:
    """`content`: the new values, with persons who have none any more; `old`: of the same persons."""

    content: Block
    old: Coded

    def without(self, persons: Ints) -> "Overlay":
        """What is left when these, ascending, go."""
        if not len(persons):
            return self
        coded = self.content.coded
        staying = ~within(coded.persons, persons)
        moments = self.content.moments.without(persons)
        return Overlay(Block.of(coded.take(staying), moments), self.old.take(staying))

    def part(self, places: slice) -> "Overlay":
        """Of the persons that stand there."""
        content = self.content.coded.part(places)
        return Overlay(Block.of(content, self.content.moments), self.old.part(places))


class OverlayWriter:
    """Writes the overlays of one column. The file is there from the first on."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / name
        self.name = name
        self._file: BinaryIO | None = None

    @property
    def path(self) -> Path | None:
        """What was written, None for nothing."""
        return self._path if self._file is not None else None

    def add(self, block: int, overlay: Overlay) -> str:
        """The name of the overlay; nothing refers to it yet."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb")
        start = self._file.tell()
        size = self._file.write(_packed(block, overlay))
        return f"{self.name}@{start}+{size}"

    def close(self) -> None:
        """Everything is with the system; see `BlockFiles.finish`."""
        if self._file is not None:
            self._file.close()


def read_overlay(folder: Path, part: str) -> Overlay:
    """The overlay of a name."""
    name, _, place = part.partition("@")
    start, _, size = place.partition("+")
    with (folder / name).open("rb") as file:
        file.seek(int(start))
        return _unpacked(file.read(int(size)))


def is_overlay(part: str) -> bool:
    """Whether what a name of the store names is one, not a file of its own."""
    return "@" in part


def _packed(block: int, overlay: Overlay) -> bytes:
    new, old, base = overlay.content.coded, overlay.old, block << BLOCK_BITS
    numbers = [narrowed(each) for each in (new.counts, new.codes, old.counts, old.codes)]
    head = _HEAD.pack(
        block,
        len(new.persons),
        len(new.codes),
        len(old.codes),
        len(overlay.content.streamed),
        *(each.itemsize for each in numbers),
    )
    streamed = (overlay.content.streamed - base).astype("<u2"), overlay.content.streamed_as_of.astype("<i8")
    arrays = [(new.persons - base).astype("<u2"), *map(_little, numbers), *streamed]
    return b"".join([head, *(each.tobytes() for each in arrays)])


def _little(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return numbers.astype(numbers.dtype.newbyteorder("<"), copy=False)


def _unpacked(content: bytes) -> Overlay:
    block, persons, new_codes, old_codes, streamed, *widths = _HEAD.unpack_from(content)
    place = _HEAD.size

    def read(kind: str, size: int) -> Any:
        nonlocal place
        found = np.frombuffer(content, kind, size, place)
        place += found.nbytes
        return found

    ids = read("<u2", persons).astype(np.int64) + (block << BLOCK_BITS)
    sizes = (persons, new_codes, persons, old_codes)
    numbers = [read(f"<i{width}", size) for width, size in zip(widths, sizes, strict=True)]
    counts, codes, old_counts, said = numbers
    new = Coded(ids, counts.astype(np.uint16), codes.astype(np.int64))
    old = Coded(ids, old_counts.astype(np.uint16), said.astype(np.int64))
    moved = read("<u2", streamed).astype(np.int64) + (block << BLOCK_BITS)
    return Overlay(Block(new, moved, read("<i8", streamed).astype(np.int64)), old)
