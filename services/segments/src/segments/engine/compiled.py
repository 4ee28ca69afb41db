"""How the engine's kernels are compiled, and what all of them may call."""

from pathlib import Path
from typing import Any

import numpy as np
from servicekit.kernels.compiled import compiler

kernel = compiler("segments", Path(__file__).parent)
"""Makes a kernel of a function of the engine."""


@kernel
def signed(value: Any) -> int:
    """The same number as int64: numba makes a float of a signed and an unsigned one."""
    return np.int64(value)  # type: ignore[return-value]  # an int once it is compiled
