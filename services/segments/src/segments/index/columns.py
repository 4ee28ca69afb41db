"""Columns with one value per person: blocks of 65,536 codes beside a mask of who has one."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap
from rules.evaluate.meaning import Scalar, Value, between
from rules.values import Kind

from segments.domain.changes import BLOCK_BITS, BLOCK_SIZE
from segments.domain.packing import Coded, code_of, recoded, scalar_of
from segments.index.bitmap_blocks import Mask, bitmap_of
from segments.index.plain_column import PlainColumn
from segments.index.stamps import new_stamp
from segments.index.texts import Texts

_OFFSET = BLOCK_SIZE - 1
_NARROW: Mapping[Kind, type] = {Kind.BOOL: np.int8, Kind.TEXT: np.int32, Kind.DATE: np.int32}
_GREATEST = 2**63 - 1
TextOf = Callable[[int], str]


@dataclass(slots=True)
class _Part:
    known: Mask
    codes: npt.NDArray[Any]

    @property
    def persons(self) -> int:
        return int(np.count_nonzero(self.known))

    @property
    def bytes(self) -> int:
        return self.known.nbytes + self.codes.nbytes


class ScalarColumn(PlainColumn[_Part]):
    """Implements rules' Column. A copy shares its blocks with the original until one of them is written, so whoever
    holds the original goes on reading what it was."""

    def __init__(self, kind: Kind, texts: Texts | None = None, parts: dict[int, _Part] | None = None) -> None:
        super().__init__(kind, texts, parts)
        self._own: set[int] = set()

    # ----------------------------------------------------------------------------------------- changing

    def put(self, changes: Mapping[int, Value | None]) -> None:
        """Sets persons' values; None makes one unknown."""
        self.stamp = new_stamp()
        for person_id, value in changes.items():
            part = self._writable(person_id >> BLOCK_BITS)
            offset = person_id & _OFFSET
            if value is not None:
                part.codes[offset] = self._code(cast(Scalar, value))
            elif part.known[offset]:
                self.bereft.add(person_id >> BLOCK_BITS)
            part.known[offset] = value is not None

    def put_block(self, block: int, coded: Coded, text_of: TextOf) -> None:
        """Sets values of persons of one block; `text_of` resolves the codes of texts and raises KeyError."""
        self.stamp = new_stamp()
        codes = coded.codes
        if self.kind is Kind.TEXT:
            codes = recoded(codes, lambda each: self._texts.code(text_of(each)))
        part = self._writable(block)
        known = coded.counts > 0
        part.known[coded.offsets] = known
        part.codes[coded.offsets[known]] = codes

    def _writable(self, block: int) -> _Part:
        if block in self._own:
            return self._parts[block]
        part = self._parts.get(block)
        if part is None:
            codes: npt.NDArray[Any] = np.zeros(BLOCK_SIZE, _NARROW.get(self.kind, np.int64))
            part = _Part(np.zeros(BLOCK_SIZE, np.bool_), codes)
        else:
            part = _Part(part.known.copy(), part.codes.copy())
        self._parts[block] = part
        self._own.add(block)
        return part

    # ------------------------------------------------------------------------------------------ reading

    def block(self, block: int) -> Coded:
        """The known values of one block, self-contained."""
        part = self._parts.get(block)
        if part is None:
            return Coded(np.zeros(0, np.uint16), np.zeros(0, np.uint16), np.zeros(0, np.int64))
        offsets = np.flatnonzero(part.known).astype(np.uint16)
        codes = part.codes[offsets].astype(np.int64)
        texts = {}
        if self.kind is Kind.TEXT:
            texts = {code: self._texts[code] for code in np.unique(codes).tolist()}
        return Coded(offsets, np.ones(len(offsets), np.uint16), codes, texts)

    def known(self) -> BitMap:
        return bitmap_of((block, part.known) for block, part in self._parts.items())

    def any_of(self, values: Collection[Scalar]) -> BitMap:
        if self.kind is Kind.TEXT:
            found = (self._texts.known(value) for value in values if isinstance(value, str))
            return self._with([code for code in found if code is not None])
        return self._with([code_of(value) for value in values])

    def between(self, low: Scalar | None, high: Scalar | None, *, with_low: bool, with_high: bool) -> BitMap:
        if self.kind in {Kind.TEXT, Kind.BOOL}:
            return self.where(lambda value: between(value, low, high, with_low=with_low, with_high=with_high))
        first = None if low is None else code_of(low) + (not with_low)
        last = None if high is None else code_of(high) - (not with_high)
        if (first is not None and first > _GREATEST) or (last is not None and last < -_GREATEST):
            return BitMap()
        return bitmap_of((block, self._inside(part, first, last)) for block, part in self._parts.items())

    def where(self, test: Callable[[Scalar], bool]) -> BitMap:
        if self.kind is Kind.TEXT:
            return self._with([code for code, text in enumerate(self._texts.all()) if test(text)])
        used = [np.unique(part.codes[part.known]) for part in self._parts.values()]
        if not used:
            return BitMap()
        distinct = np.unique(np.concatenate(used)).tolist()
        return self._with([code for code in distinct if test(scalar_of(code, self.kind))])

    def values(self, persons: BitMap) -> Iterator[tuple[int, Value]]:
        for person_id in persons:
            part = self._parts.get(person_id >> BLOCK_BITS)
            if part is not None and part.known[person_id & _OFFSET]:
                code = int(part.codes[person_id & _OFFSET])
                yield person_id, self._texts[code] if self.kind is Kind.TEXT else scalar_of(code, self.kind)

    def numbers(
        self, person_ids: npt.NDArray[np.uint32]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """See rules' Numbered. Ascending ids cost least."""
        numbers, known = np.zeros(len(person_ids), np.int64), np.zeros(len(person_ids), np.bool_)
        blocks, offsets = person_ids >> BLOCK_BITS, person_ids & _OFFSET
        edges = np.flatnonzero(blocks[1:] != blocks[:-1]) + 1
        for start, end in pairwise([0, *edges.tolist(), len(blocks)]):
            part = self._parts.get(int(blocks[start])) if start < end else None
            if part is not None:
                numbers[start:end] = part.codes[offsets[start:end]]
                known[start:end] = part.known[offsets[start:end]]
        return numbers, known

    def _with(self, codes: list[int]) -> BitMap:
        if not codes:
            return BitMap()
        if len(codes) == 1:
            return bitmap_of(
                (block, part.known & (part.codes == codes[0])) for block, part in self._parts.items()
            )
        wanted = np.asarray(codes, np.int64)
        return bitmap_of(
            (block, part.known & np.isin(part.codes, wanted)) for block, part in self._parts.items()
        )

    @staticmethod
    def _inside(part: _Part, first: int | None, last: int | None) -> Mask:
        inside = part.known
        if first is not None:
            inside = inside & (part.codes >= np.int64(first))
        if last is not None:
            inside = inside & (part.codes <= np.int64(last))
        return inside
