"""Lines of 64 bytes, 512 persons: one vector operation each, written in LLVM's own words.

The compiler of plain loops over words has to ask at run time whether arrays overlap, and gives up on loops with an
early exit. All addresses are int64 and point to memory that the caller keeps alive; a line needs no alignment, it is
only faster with one.
"""

from collections.abc import Callable
from functools import reduce
from typing import Any, cast

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir  # type: ignore[import-untyped]  # it has no stubs
from numba import types
from numba.extending import intrinsic

from segments.engine.compiled import kernel

LINE_BYTES = 64
_WORD = ir.IntType(64)
_LINE = ir.VectorType(_WORD, 8)
_MASK = ir.VectorType(ir.IntType(1), 8)
_BYTE = ir.IntType(8)
_ZERO = ir.Constant(_LINE, [0] * 8)
_ONES = ir.Constant(_LINE, [-1] * 8)

Builder = Any
_carray: Any = numba.carray  # type: ignore[attr-defined]  # only reexported


def operation(generator: Callable[..., Any]) -> Callable[..., Any]:
    """What a kernel calls; the first parameter of the generator is the compiler's."""
    return cast(Callable[..., Any], intrinsic(generator))


def _at(builder: Builder, address: Any) -> Any:
    return builder.inttoptr(address, _LINE.as_pointer())


def _load(builder: Builder, address: Any) -> Any:
    return builder.load(_at(builder, address), align=8)


def _any(builder: Builder, line: Any) -> Any:
    """1 when a bit of the line is set, else 0."""
    mask = builder.icmp_unsigned("!=", line, _ZERO)
    byte = builder.bitcast(mask, _BYTE)
    return builder.zext(builder.icmp_unsigned("!=", byte, ir.Constant(_BYTE, 0)), _WORD)


def _splat(builder: Builder, word: Any) -> Any:
    one = builder.insert_element(ir.Constant(_LINE, ir.Undefined), word, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), 8), [0] * 8)
    return builder.shuffle_vector(one, ir.Constant(_LINE, ir.Undefined), zeros)


def _population(builder: Builder, line: Any) -> Any:
    declare = builder.module.declare_intrinsic
    counted = declare("llvm.ctpop.v8i64", fnty=ir.FunctionType(_LINE, [_LINE]))
    added = declare("llvm.vector.reduce.add.v8i64", fnty=ir.FunctionType(_WORD, [_LINE]))
    return builder.call(added, [builder.call(counted, [line])])


@operation
def is_line(_: Any, line: Any) -> Any:
    """1 when a bit of the line is set, else 0."""

    def generate(context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        return _any(builder, _load(builder, arguments[0]))

    return types.int64(types.int64), generate


@operation
def is_missing_line(_: Any, line: Any, from_line: Any) -> Any:
    """1 when a bit of `line` is not in `from_line`, else 0."""

    def generate(context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        line, other = (_load(builder, each) for each in arguments)
        return _any(builder, builder.and_(line, builder.xor(other, _ONES)))

    return types.int64(types.int64, types.int64), generate


@operation
def and_line(_: Any, target: Any, source: Any) -> Any:
    """target &= source; 1 when something is left, else 0."""

    def generate(context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        target, source = arguments
        found = builder.and_(_load(builder, target), _load(builder, source))
        builder.store(found, _at(builder, target), align=8)
        return _any(builder, found)

    return types.int64(types.int64, types.int64), generate


@operation
def andnot_line(_: Any, target: Any, source: Any) -> Any:
    """target &= ~source; 1 when something is left, else 0."""

    def generate(context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        target, source = arguments
        rest = builder.xor(_load(builder, source), _ONES)
        found = builder.and_(_load(builder, target), rest)
        builder.store(found, _at(builder, target), align=8)
        return _any(builder, found)

    return types.int64(types.int64, types.int64), generate


@operation
def or_line(_: Any, target: Any, source: Any, context: Any) -> Any:
    """target |= source & context; 1 when the target is not empty, else 0."""

    def generate(_context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        target, source, context = arguments
        added = builder.and_(_load(builder, source), _load(builder, context))
        found = builder.or_(_load(builder, target), added)
        builder.store(found, _at(builder, target), align=8)
        return _any(builder, found)

    return types.int64(types.int64, types.int64, types.int64), generate


@operation
def count_line(_: Any, line: Any) -> Any:
    """How many bits are set."""

    def generate(context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        return _population(builder, _load(builder, arguments[0]))

    return types.int64(types.int64), generate


@operation
def count_common_line(_: Any, line: Any, other: Any) -> Any:
    """How many bits both have."""

    def generate(context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        line, other = (_load(builder, each) for each in arguments)
        return _population(builder, builder.and_(line, other))

    return types.int64(types.int64, types.int64), generate


def _range_of(lines: int, *, low_end: bool, high_end: bool) -> Callable[..., Any]:
    """Keeps of neighbouring lines those persons whose number is on the inner side of the ends; 1 when somebody is left.

    Arguments: the address of the persons; that of `width` lines of slices for the first line of persons, the highest
    bit of the numbers first, those for the next line following; width; the ends, as far as they are asked for.

    Goes down the bits with the persons who are equal to an end so far, and ends as soon as there are none: O'Neil and
    Quass, Improved Query Performance with Variant Indexes (1997), here for both ends and several lines at once.
    """

    def generate(context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        target, slices, width, *both = arguments
        ends = [
            (end, low)
            for end, low, asked in zip(both, (True, False), (low_end, high_end), strict=True)
            if asked
        ]
        one, zero, size = (ir.Constant(_WORD, each) for each in (1, 0, LINE_BYTES))
        targets = [builder.add(target, ir.Constant(_WORD, LINE_BYTES * each)) for each in range(lines)]
        starts = []
        for each in targets:
            starts += [_load(builder, each), _ZERO] * len(ends)  # equal to the end so far, inside for sure
        before = builder.block
        loop, after = builder.append_basic_block("bits"), builder.append_basic_block("decided")
        builder.cbranch(builder.icmp_signed(">", width, zero), loop, after)

        builder.position_at_end(loop)
        place = builder.phi(_WORD)
        states = [builder.phi(_LINE) for _ in starts]
        shift = builder.sub(builder.sub(width, one), place)
        sides = [
            (_splat(builder, builder.neg(builder.and_(builder.lshr(end, shift), one))), low)
            for end, low in ends
        ]
        news: list[Any] = []
        for line in range(lines):
            ahead = builder.add(builder.mul(width, ir.Constant(_WORD, line)), place)
            bits = _load(builder, builder.add(slices, builder.mul(ahead, size)))
            for side, low in sides:
                news += _decided(builder, bits, side, low, *states[len(news) :][:2])
        undecided = reduce(builder.or_, news[::2])
        following = builder.add(place, one)
        open_ = builder.icmp_unsigned("!=", _any(builder, undecided), zero)
        builder.cbranch(builder.and_(builder.icmp_signed("<", following, width), open_), loop, after)
        for phi, first, next_ in zip([place, *states], [zero, *starts], [following, *news], strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(next_, loop)

        builder.position_at_end(after)
        lasts = [builder.phi(_LINE) for _ in starts]
        for last, first, next_ in zip(lasts, starts, news, strict=True):
            last.add_incoming(first, before)
            last.add_incoming(next_, loop)
        insides = [builder.or_(equal, sure) for equal, sure in zip(lasts[::2], lasts[1::2], strict=True)]
        founds = [reduce(builder.and_, insides[each * len(ends) :][: len(ends)]) for each in range(lines)]
        for each, found in zip(targets, founds, strict=True):
            builder.store(found, _at(builder, each), align=8)
        return _any(builder, reduce(builder.or_, founds))

    def range_lines(_: Any, target: Any, slices: Any, width: Any, low: Any, high: Any) -> Any:
        return types.int64(*[types.int64] * 5), generate

    return operation(range_lines)


def _decided(builder: Builder, bits: Any, side: Any, low: bool, equal: Any, sure: Any) -> list[Any]:
    """Who is still equal to an end after a bit, and who is inside for sure: has a bit that the low end lacks, or lacks
    one that the high end has. `side` is the end's bit for all persons."""
    differ = builder.xor(bits, side)
    inwards = bits if low else builder.xor(bits, _ONES)
    left = builder.and_(builder.and_(equal, differ), inwards)
    return [builder.and_(equal, builder.xor(differ, _ONES)), builder.or_(sure, left)]


RANGE_LINES = 2
"""Lines at once: while one waits for its bits the other is looked at."""
low_lines = _range_of(RANGE_LINES, low_end=True, high_end=False)
high_lines = _range_of(RANGE_LINES, low_end=False, high_end=True)
between_lines = _range_of(RANGE_LINES, low_end=True, high_end=True)


@operation
def prefetch(_: Any, address: Any) -> Any:
    """Asks for a line that will be read soon; any address will do."""

    def generate(context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        whole, word = ir.IntType(32), _BYTE.as_pointer()
        ask = builder.module.declare_intrinsic(
            "llvm.prefetch.p0", fnty=ir.FunctionType(ir.VoidType(), [word, whole, whole, whole])
        )
        read, near, data = (ir.Constant(whole, each) for each in (0, 3, 1))
        builder.call(ask, [builder.inttoptr(arguments[0], word), read, near, data])
        return ir.Constant(_WORD, 0)

    return types.int64(types.int64), generate


@operation
def count_word(_: Any, word: Any) -> Any:
    """How many bits of a word are set."""

    def generate(context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


@operation
def lowest_bit(_: Any, word: Any) -> Any:
    """The place of the lowest bit that is set in a word that is not 0."""

    def generate(context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@operation
def _words_at(_: Any, address: Any) -> Any:
    def generate(context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.uint64)(types.int64), generate  # type: ignore[no-untyped-call]  # numba has no types


@operation
def _halves_at(_: Any, address: Any) -> Any:
    def generate(context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.uint16)(types.int64), generate  # type: ignore[no-untyped-call]  # numba has no types


@operation
def _bytes_at(_: Any, address: Any) -> Any:
    def generate(context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.uint8)(types.int64), generate  # type: ignore[no-untyped-call]  # numba has no types


@kernel
def bytes_in(address: int, length: int) -> npt.NDArray[np.uint8]:
    """What is at an address, as uint8; nothing is checked."""
    return _carray(_bytes_at(address), (length,))  # type: ignore[no-any-return]  # an array once it is compiled


@kernel
def words_in(address: int, length: int) -> npt.NDArray[np.uint64]:
    """What is at an address, as uint64; nothing is checked."""
    return _carray(_words_at(address), (length,))  # type: ignore[no-any-return]  # an array once it is compiled


@kernel
def halves_in(address: int, length: int) -> npt.NDArray[np.uint16]:
    """What is at an address, as uint16; nothing is checked."""
    return _carray(_halves_at(address), (length,))  # type: ignore[no-any-return]  # an array once it is compiled
