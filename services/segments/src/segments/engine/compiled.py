"""How kernels are compiled: without the GIL, without Python objects, kept on disk between processes."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np

K = TypeVar("K", bound=Callable[..., object])


def kernel(function: K) -> K:
    """Compiled at its first call for the types given then; NUMBA_CACHE_DIR says where the code is kept."""
    config: Any = numba.config
    kept = config.CACHE_DIR
    folder = Path(function.__code__.co_filename).parent
    config.CACHE_DIR = str(Path(kept or Path(__file__).parent / "__pycache__") / _version(folder))
    try:
        decorate = numba.njit(nogil=True, cache=True, error_model="numpy")
        return cast(K, decorate(function))
    finally:
        config.CACHE_DIR = kept


@cache
def _version(folder: Path) -> str:
    """Of all sources of the engine and of the kernel's own folder: kernels call each other across modules, and numba
    looks only at the module of the one that is called first."""
    sources = hashlib.sha256(numba.__version__.encode())
    for path in sorted({*Path(__file__).parent.glob("*.py"), *folder.glob("*.py")}):
        sources.update(path.read_bytes())
    return f"segments-{sources.hexdigest()[:16]}"


@kernel
def signed(value: Any) -> int:
    """The same number as int64: numba makes a float of a signed and an unsigned one."""
    return np.int64(value)  # type: ignore[return-value]  # an int once it is compiled
