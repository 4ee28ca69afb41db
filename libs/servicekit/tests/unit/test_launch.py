"""A program is imported without looks for garbage; then Python looks again."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from servicekit.launch import launch

PROGRAM = """
import gc

LOOKED = gc.isenabled()
FROZEN = gc.get_freeze_count()


def main():
    return 3 if gc.isenabled() and not LOOKED and gc.get_freeze_count() > FROZEN else 1
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "a_program.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(tmp_path)
    yield "a_program"
    sys.modules.pop("a_program", None)
    gc.unfreeze()


def test_main_runs_with_the_imports_out_of_the_collectors_way(program: str) -> None:
    assert launch(program) == 3
