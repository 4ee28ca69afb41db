"""Which kernels have been compiled for good, told without loading a compiler."""

import fcntl
import hashlib
import platform
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path


class KeptKernels:
    """Those of all modules below `root`, as they are written now, by this interpreter and compiler. `cache` is where
    NUMBA_CACHE_DIR says."""

    def __init__(self, name: str, root: Path, cache: Path) -> None:
        self._cache, self._name = cache, name
        by = f"{platform.machine()} {sys.implementation.cache_tag} {version('numba')}"
        sources = hashlib.sha256(by.encode())
        for path in sorted(root.rglob("*.py")):
            sources.update(path.read_bytes())
        self._mark = cache / f"{name}-{sources.hexdigest()[:16]}.compiled"

    @property
    def are_there(self) -> bool:
        """Whether `make` has ended once. A machine of another processor compiles again, when it needs them."""
        return self._mark.exists()

    def make(self, compile_all: Callable[[], None]) -> None:
        """Compiles them unless they are there: one process at a time, the others find them then. Raises what
        `compile_all` raises; they are not there then."""
        self._cache.mkdir(parents=True, exist_ok=True)
        with (self._cache / f"{self._name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self.are_there:
                compile_all()
                self._mark.touch()
