"""Kernels are compiled once for what they are written like, and keep nobody who cannot compile them."""

from pathlib import Path

import pytest
from cli.suite import kernels
from cli.suite.kernels import compile_missing

COMPILES = """
import os, pathlib
with (pathlib.Path(os.environ["NUMBA_CACHE_DIR"]) / "runs").open("a") as runs:
    runs.write("once ")
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service with kernels, where Python finds it."""
    found = tmp_path / "toy_with_kernels"
    (found / "kernels").mkdir(parents=True)
    (found / "__init__.py").touch()
    (found / "compile_ahead.py").write_text(COMPILES)
    (found / "kernels" / "sums.py").write_text("ONE = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(kernels, "KERNELS", {"toy_with_kernels": "kernels"})
    return found


def test_kernels_are_compiled_once_and_anew_when_they_are_written_otherwise(
    package: Path, tmp_path: Path
) -> None:
    cache, said = tmp_path / "cache", list[str]()
    (made,) = compile_missing(cache, said.append)
    assert (made.problem, len(said)) == ("", 2)
    assert said[0].startswith("compiling the kernels of toy_with_kernels (1 of 1)")
    (found,) = compile_missing(cache, said.append)
    assert (found.seconds, len(said)) == (0.0, 2), "nothing is said of what is there"
    (package / "kernels" / "sums.py").write_text("ONE = 2\n")
    compile_missing(cache, said.append)
    assert (cache / "runs").read_text() == "once once "


def test_what_cannot_be_compiled_is_told_and_tried_again(package: Path, tmp_path: Path) -> None:
    (package / "compile_ahead.py").write_text("raise SystemExit('no room on the disk')")
    said = list[str]()
    for _ in range(2):
        (found,) = compile_missing(tmp_path / "cache", said.append)
        assert found.problem == "no room on the disk"
    assert "answers without kernels" in said[1]
