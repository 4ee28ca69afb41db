"""Block files are on the disk before a transaction that names them ends."""

from pathlib import Path

import numpy as np
import pytest
from tagging.domain.columns import Coded
from tagging.store import block_files
from tagging.store.block_files import Block, BlockFiles

CONTENT = Block(Coded.of({1: [10_000], 3: [20_000]}), np.empty(0, np.int64), np.empty(0, np.int64))


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what was synced, in order."""
    found: list[str] = []
    monkeypatch.setattr(block_files, "_sync_one", lambda path: found.append(path.name))
    return found


def _files(folder: Path, *, is_synced: bool = True) -> BlockFiles:
    return BlockFiles(folder, iter("abcdefghij").__next__, synced=is_synced)


def test_a_file_is_synced_and_then_its_folder(tmp_path: Path, synced: list[str]) -> None:
    _files(tmp_path).write("t1", "orders", 0, CONTENT)
    assert synced == ["0-a.npy", "orders"]


def test_what_is_written_together_is_synced_together_before_it_ends(
    tmp_path: Path, synced: list[str]
) -> None:
    files = _files(tmp_path)
    with files.together():
        for block in range(5):
            files.write("t1", "orders", block, CONTENT)
        files.write("t1", "city", 0, CONTENT)
        assert synced == []
    assert (sorted(synced[:6]), sorted(synced[6:])) == (
        ["0-a.npy", "0-f.npy", "1-b.npy", "2-c.npy", "3-d.npy", "4-e.npy"],
        ["city", "orders"],
    )
    files.write("t1", "city", 1, CONTENT)
    assert synced[8:] == ["1-g.npy", "city"]


def test_what_breaks_off_is_not_waited_for(tmp_path: Path, synced: list[str]) -> None:
    files = _files(tmp_path)

    def broken_off() -> None:
        with files.together():
            files.write("t1", "orders", 0, CONTENT)
            raise KeyError

    with pytest.raises(KeyError):
        broken_off()
    files.write("t1", "orders", 1, CONTENT)
    assert synced == ["1-b.npy", "orders"]


def test_unsynced_files_are_left_to_the_machine(tmp_path: Path, synced: list[str]) -> None:
    files = _files(tmp_path, is_synced=False)
    with files.together():
        files.write("t1", "orders", 0, CONTENT)
    assert synced == []
