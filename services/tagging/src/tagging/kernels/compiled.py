"""How the kernels of this package are compiled, and how they read arrays of which they have the address alone.

Questions are about any number of tracks; a table of addresses keeps one signature for all of them. Whoever passes
addresses keeps the arrays alive.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from llvmlite import ir  # type: ignore[import-untyped]  # it has no stubs
from numba import types
from numba.extending import intrinsic
from servicekit.kernels.compiled import compiler

Table: TypeAlias = npt.NDArray[np.int64]

kernel = compiler("tagging", Path(__file__).parent)
"""Makes a kernel of a function of this package."""
part = compiler("tagging", Path(__file__).parent, inlined=True)
"""Makes a part of kernels of a function that is given arrays for each person or row."""


def _reader(bits: int, *, signed: bool) -> Callable[[int, int], int]:
    """What reads the integer at a place of an array at an address, as int64."""
    word = ir.IntType(64)

    def at(_: Any, address: Any, place: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            offset = builder.mul(arguments[1], ir.Constant(word, bits // 8))
            pointer = builder.inttoptr(builder.add(arguments[0], offset), ir.IntType(bits).as_pointer())
            found = builder.load(pointer)
            if bits == 64:
                return found
            return builder.sext(found, word) if signed else builder.zext(found, word)

        return types.int64(types.int64, types.int64), generate

    return cast(Callable[[int, int], int], intrinsic(at))


byte_at = _reader(8, signed=False)
half_at = _reader(16, signed=False)
int_at = _reader(32, signed=True)
long_at = _reader(64, signed=True)


def address_of(array: npt.NDArray[Any]) -> int:
    """Where a contiguous array begins."""
    return int(array.ctypes.data)
