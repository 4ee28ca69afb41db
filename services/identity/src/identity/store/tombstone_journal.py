"""Erasures beside the store: a file that only grows, so that a store put back from an older backup learns again whom it
must not know. One line per erasure: a digest, a space, JSON. It holds keyed hashes and numbers, no personal data. Keep
it apart from the store's backups.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from identity.store.privacy_rows import ErasureRow, JournalledErasure

DIGEST_HEX_CHARS = 32


class JournalDamaged(Exception):
    """A line of the journal is not what was written; the message says which and what to do."""


class TombstoneJournal:
    """Journal on a file. Processes of one machine may share it: each line is appended by one write."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()

    def append(self, erasures: Sequence[JournalledErasure]) -> None:
        """Returns when the lines are on the disk. Raises OSError."""
        if not erasures:
            return
        content = "".join(_line(erasure) for erasure in erasures).encode()
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                size = os.fstat(descriptor).st_size
                if size and os.pread(descriptor, 1, size - 1) != b"\n":
                    content = b"\n" + content
                os.write(descriptor, content)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def read(self) -> list[JournalledErasure]:
        """Every erasure, the first written first. A last line that a crash cut short is left out: its erasure is in the
        store. Raises JournalDamaged, OSError."""
        if not self._path.exists():
            return []
        lines = self._path.read_text(encoding="ascii", errors="replace").split("\n")
        found: list[JournalledErasure] = []
        torn = 0
        for number, line in enumerate(lines, start=1):
            if not line:
                continue
            erasure = _parsed(line)
            if erasure is not None:
                found.append(erasure)
            elif line.startswith("{") or (len(line) > DIGEST_HEX_CHARS and line.endswith("}")):
                raise JournalDamaged(
                    f"line {number} of the tombstone journal {self._path} is not what was written: "
                    "restore the file from your backup of it"
                )
            else:
                torn += 1
        if torn > 1:
            raise JournalDamaged(
                f"{torn} lines of the tombstone journal {self._path} are cut short: restore the file from your backup"
            )
        return found


def _line(erasure: JournalledErasure) -> str:
    row = erasure.row
    text = json.dumps(
        {
            "tenant": erasure.tenant,
            "erasure_id": row.erasure_id,
            "person_ids": row.person_ids,
            "key_ids": row.key_ids,
            "subject": row.subject,
            "reason": row.reason,
            "time_us": row.time_us,
            "counts": row.counts,
            "tombstones": [mark.hex() for mark in erasure.tombstones],
        },
        sort_keys=True,
    )
    return f"{_digest(text)} {text}\n"


def _parsed(line: str) -> JournalledErasure | None:
    digest, _, text = line.partition(" ")
    if digest != _digest(text):
        return None
    said = json.loads(text)
    row = ErasureRow(
        said["erasure_id"],
        tuple(said["person_ids"]),
        tuple(said["key_ids"]),
        said["subject"],
        said["reason"],
        said["time_us"],
        said["counts"],
    )
    return JournalledErasure(said["tenant"], row, tuple(bytes.fromhex(mark) for mark in said["tombstones"]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_HEX_CHARS]
