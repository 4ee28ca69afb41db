"""Comparisons of 64 persons' codes or numbers with one, as the 64 bits of a word: a few vector instructions each."""

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]  # it has no stubs
from numba import types

from segments.engine.lines import Builder, operation

LANES = 64
_WORD = ir.IntType(64)


def _lanes(builder: Builder, address: Any, lane: Any) -> Any:
    place = builder.inttoptr(address, ir.VectorType(lane, LANES).as_pointer())
    return builder.load(place, align=lane.width // 8)


def _all(builder: Builder, value: Any) -> Any:
    vector = ir.VectorType(value.type, LANES)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), zeros)


@operation
def equal_lanes(_: Any, codes: Any, code: Any) -> Any:
    """Which of 64 uint16 at an address are `code`."""

    def generate(context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        address, code = arguments
        half = ir.IntType(16)
        wanted = _all(builder, builder.trunc(code, half))
        found = builder.icmp_unsigned("==", _lanes(builder, address, half), wanted)
        return builder.bitcast(found, _WORD)

    return types.uint64(types.int64, types.int64), generate


@operation
def within_lanes(_: Any, numbers: Any, low: Any, high: Any) -> Any:
    """Which of 64 int64 at an address are from `low` to `high`."""

    def generate(context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        address, low, high = arguments
        numbers = _lanes(builder, address, _WORD)
        above = builder.icmp_signed(">=", numbers, _all(builder, low))
        below = builder.icmp_signed("<=", numbers, _all(builder, high))
        return builder.bitcast(builder.and_(above, below), _WORD)

    return types.uint64(types.int64, types.int64, types.int64), generate
