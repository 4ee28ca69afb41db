"""The journal of erasures: survives crashes, tells damage, holds nothing readable."""

from pathlib import Path

import pytest
from identity.store.privacy_rows import ErasureRow, JournalledErasure
from identity.store.tombstone_journal import JournalDamaged, TombstoneJournal


def erasure(number: int) -> JournalledErasure:
    row = ErasureRow(number, (number, 9), (1, 2), "admin", "request", 5, "{}")
    return JournalledErasure("t", row, (bytes([number]) * 16,))


def test_what_is_appended_is_read_back_in_order(tmp_path: Path) -> None:
    journal = TombstoneJournal(tmp_path / "folder" / "journal")
    assert journal.read() == []
    journal.append([])
    assert not (tmp_path / "folder").exists()
    journal.append([erasure(1), erasure(2)])
    TombstoneJournal(tmp_path / "folder" / "journal").append([erasure(3)])
    assert journal.read() == [erasure(1), erasure(2), erasure(3)]
    assert (tmp_path / "folder" / "journal").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_last_line_that_a_crash_cut_short_is_left_out_and_the_next_stands(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal"
    journal = TombstoneJournal(path)
    journal.append([erasure(1), erasure(2)])
    path.write_bytes(path.read_bytes()[:-cut])
    left = [erasure(1)] if cut > 1 else [erasure(1), erasure(2)]
    assert journal.read() == left
    journal.append([erasure(3)])
    assert journal.read() == [*left, erasure(3)]


def test_a_changed_line_is_told_and_nothing_is_guessed(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = TombstoneJournal(path)
    journal.append([erasure(1), erasure(2)])
    path.write_text(path.read_text().replace('"erasure_id": 1', '"erasure_id": 7'))
    with pytest.raises(JournalDamaged, match="line 1"):
        journal.read()
