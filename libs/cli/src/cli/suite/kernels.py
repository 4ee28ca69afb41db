"""Compiles the kernels of tagging and segments when a suite is set up, so that no first question waits for it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from servicekit.kernels.kept import KeptKernels

KERNELS = {"segments": "engine", "tagging": "kernels"}
"""Services that have kernels, and the package of each that holds them."""


class _NotCompiled(Exception):
    """The message is the last that the compiler said."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """What became of a service's kernels: how long it took, 0 when they were there, and why they are not."""

    service: str
    seconds: float = 0.0
    problem: str = ""


def compile_missing(cache: Path, say: Callable[[str], None]) -> list[Compiled]:
    """Compiles what is not kept in a folder yet, one service after the other; says which, and how long it took. What
    cannot be compiled keeps nobody: services answer without kernels."""
    kept = {
        service: KeptKernels(service, _package(service) / folder, cache)
        for service, folder in KERNELS.items()
    }
    missing = [service for service, kernels in kept.items() if not kernels.are_there]
    found = [Compiled(service) for service in kept if service not in missing]
    for number, service in enumerate(missing, 1):
        say(f"compiling the kernels of {service} ({number} of {len(missing)}), once: half a minute or so")
        found.append(_made(service, kept[service], cache))
        last = found[-1]
        say(
            f"{service} answers without kernels, more slowly: {last.problem}"
            if last.problem
            else f"the kernels of {service} are compiled ({last.seconds:.0f} s) and kept in {cache}"
        )
    return found


def _made(service: str, kernels: KeptKernels, cache: Path) -> Compiled:
    started = time.monotonic()
    try:
        kernels.make(lambda: _compile(service, cache))
    except (_NotCompiled, OSError) as error:
        return Compiled(service, time.monotonic() - started, str(error))
    return Compiled(service, time.monotonic() - started)


def _compile(service: str, cache: Path) -> None:
    ended = subprocess.run(  # noqa: S603  # our own modules
        [sys.executable, "-m", f"{service}.compile_ahead"],
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode != 0:
        said = ended.stderr.strip().splitlines()
        raise _NotCompiled(said[-1] if said else f"it ended with code {ended.returncode}")


def _package(name: str) -> Path:
    """Where its modules are; does not import it."""
    spec = find_spec(name)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0])
