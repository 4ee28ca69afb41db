"""Multi-valued columns: per block the persons who have values, how many, and their codes in one array."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap
from rules.evaluate.meaning import Scalar, Value, between
from rules.values import Kind

from segments.domain.changes import BLOCK_BITS, BLOCK_SIZE
from segments.domain.packing import Coded, Codes, Offsets, code_of, recoded, scalar_of
from segments.index.bitmap_blocks import Mask, bitmap_of
from segments.index.columns import TextOf
from segments.index.plain_column import PlainColumn
from segments.index.stamps import new_stamp

_OFFSET = BLOCK_SIZE - 1


@dataclass(frozen=True, slots=True)
class _Rows:
    """`ends[i]` is where the codes of offsets[i] end; everyone here has one at least."""

    offsets: Offsets
    ends: npt.NDArray[np.int64]
    codes: Codes

    @classmethod
    def of(cls, offsets: Offsets, counts: Offsets, codes: Codes) -> "_Rows":
        """Drops those who have none."""
        known = counts > 0
        return cls(offsets[known], np.cumsum(counts[known], dtype=np.int64), codes)

    @property
    def persons(self) -> int:
        return len(self.offsets)

    @property
    def bytes(self) -> int:
        return self.offsets.nbytes + self.ends.nbytes + self.codes.nbytes

    @property
    def counts(self) -> Offsets:
        return np.diff(self.ends, prepend=0).astype(np.uint16)

    def codes_of(self, offset: int) -> Codes:
        place = int(np.searchsorted(self.offsets, offset))
        if place == len(self.offsets) or int(self.offsets[place]) != offset:
            return self.codes[:0]
        return self.codes[int(self.ends[place - 1]) if place else 0 : int(self.ends[place])]

    def without(self, offsets: Offsets) -> "_Rows":
        """The rows of all others."""
        stays = ~np.isin(self.offsets, offsets)
        counts = self.counts
        return _Rows.of(self.offsets[stays], counts[stays], self.codes[np.repeat(stays, counts)])

    def with_rows(self, offsets: Offsets, counts: Offsets, codes: Codes) -> "_Rows":
        """With these rows in place of what the same persons had."""
        rest = self.without(offsets)
        all_offsets = np.concatenate([rest.offsets, offsets])
        all_counts = np.concatenate([rest.counts, counts])
        all_codes = np.concatenate([rest.codes, codes])
        order = np.argsort(all_offsets, kind="stable")
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.arange(len(order))
        codes_in_order = np.argsort(np.repeat(ranks, all_counts), kind="stable")
        return _Rows.of(all_offsets[order], all_counts[order], all_codes[codes_in_order])


_NOBODY = _Rows(np.zeros(0, np.uint16), np.zeros(0, np.int64), np.zeros(0, np.int64))


class ListColumn(PlainColumn[_Rows]):
    """Implements rules' Column; `kind` is that of the elements. Somebody without elements is unknown. Blocks are
    replaced and never changed, so a copy is independent."""

    # ----------------------------------------------------------------------------------------- changing

    def put(self, changes: Mapping[int, Value | None]) -> None:
        """Sets persons' values, tuples; None makes one unknown."""
        self.stamp = new_stamp()
        by_block: dict[int, dict[int, tuple[Scalar, ...]]] = {}
        for person_id, value in changes.items():
            elements = cast(tuple[Scalar, ...], value or ())
            by_block.setdefault(person_id >> BLOCK_BITS, {})[person_id & _OFFSET] = elements
        for block, rows in by_block.items():
            offsets = sorted(rows)
            codes = [self._code(element) for offset in offsets for element in rows[offset]]
            before = self._parts.get(block, _NOBODY)
            if any(not rows[offset] and len(before.codes_of(offset)) for offset in offsets):
                self.bereft.add(block)
            self._parts[block] = before.with_rows(
                np.asarray(offsets, np.uint16),
                np.asarray([len(rows[offset]) for offset in offsets], np.uint16),
                np.asarray(codes, np.int64),
            )

    def put_block(self, block: int, coded: Coded, text_of: TextOf) -> None:
        """Sets values of persons of one block; `text_of` resolves the codes of texts and raises KeyError."""
        self.stamp = new_stamp()
        codes = coded.codes
        if self.kind is Kind.TEXT:
            codes = recoded(codes, lambda each: self._texts.code(text_of(each)))
        rows = self._parts.get(block, _NOBODY)
        self._parts[block] = rows.with_rows(coded.offsets, coded.counts, codes)

    def _value(self, code: int) -> Scalar:
        return self._texts[code] if self.kind is Kind.TEXT else scalar_of(code, self.kind)

    # ------------------------------------------------------------------------------------------ reading

    def block(self, block: int) -> Coded:
        """The known values of one block, self-contained."""
        rows = self._parts.get(block, _NOBODY)
        texts = {}
        if self.kind is Kind.TEXT:
            texts = {code: self._texts[code] for code in np.unique(rows.codes).tolist()}
        return Coded(rows.offsets, rows.counts, rows.codes, texts)

    def known(self) -> BitMap:
        return bitmap_of((block, _mask(rows.offsets)) for block, rows in self._parts.items())

    def any_of(self, values: Collection[Scalar]) -> BitMap:
        if self.kind is Kind.TEXT:
            found = (self._texts.known(value) for value in values if isinstance(value, str))
            return self._with([code for code in found if code is not None])
        return self._with([code_of(value) for value in values])

    def between(self, low: Scalar | None, high: Scalar | None, *, with_low: bool, with_high: bool) -> BitMap:
        return self.where(lambda value: between(value, low, high, with_low=with_low, with_high=with_high))

    def where(self, test: Callable[[Scalar], bool]) -> BitMap:
        used = [np.unique(rows.codes) for rows in self._parts.values()]
        if not used:
            return BitMap()
        distinct = np.unique(np.concatenate(used)).tolist()
        return self._with([code for code in distinct if test(self._value(code))])

    def values(self, persons: BitMap) -> Iterator[tuple[int, Value]]:
        for person_id in persons:
            rows = self._parts.get(person_id >> BLOCK_BITS)
            codes = () if rows is None else rows.codes_of(person_id & _OFFSET).tolist()
            if codes:
                yield person_id, tuple(self._value(code) for code in codes)

    def _with(self, codes: list[int]) -> BitMap:
        if not codes:
            return BitMap()
        wanted = np.asarray(codes, np.int64)
        return bitmap_of(
            (block, _mask(np.repeat(rows.offsets, rows.counts)[np.isin(rows.codes, wanted)]))
            for block, rows in self._parts.items()
        )


def _mask(offsets: Offsets) -> Mask:
    mask = np.zeros(BLOCK_SIZE, np.bool_)
    mask[offsets] = True
    return mask
