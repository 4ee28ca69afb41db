"""How kernels are compiled: without the GIL, without Python objects, kept on disk between processes."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import numba

K = TypeVar("K", bound=Callable[..., object])


def compiler(name: str, root: Path, *, inlined: bool = False) -> Callable[[K], K]:
    """What makes a kernel of a function of a package whose kernels all lie at `root` or in the function's own folder.
    `inlined`: it becomes part of the kernels that call it. A call costs some ten nanoseconds for each array.

    A kernel is compiled at its first call for the types given then; NUMBA_CACHE_DIR says where the code is kept, by
    default beside the package.
    """

    def kernel(function: K) -> K:
        config: Any = numba.config
        kept = config.CACHE_DIR
        version = f"{name}-{_version(root, Path(function.__code__.co_filename).parent)}"
        config.CACHE_DIR = str(Path(kept or root / "__pycache__") / version)
        try:
            inline: Literal["always", "never"] = "always" if inlined else "never"
            decorate = numba.njit(nogil=True, cache=True, error_model="numpy", inline=inline)
            return cast(K, decorate(function))
        finally:
            config.CACHE_DIR = kept

    return kernel


@cache
def _version(root: Path, folder: Path) -> str:
    """Of all sources of both folders: kernels call each other across modules, and numba looks only at the module of the
    one that is called first."""
    sources = hashlib.sha256(numba.__version__.encode())
    for path in sorted({*root.glob("*.py"), *folder.glob("*.py")}):
        sources.update(path.read_bytes())
    return sources.hexdigest()[:16]
