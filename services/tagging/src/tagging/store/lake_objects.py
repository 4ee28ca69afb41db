"""The lake's files in a local folder: written hidden, synced, renamed."""

import os
from collections.abc import Callable
from pathlib import Path


class LocalLakeObjects:
    """LakeObjects below one root: what any reader of the folder sees is what is kept."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def stage(self, path: str) -> Path:
        hidden = _hidden(self._root / path)
        hidden.parent.mkdir(parents=True, exist_ok=True)
        return hidden

    def keep(self, path: str) -> int:
        final = self._root / path
        hidden = _hidden(final)
        sync(hidden)
        hidden.rename(final)
        sync(final.parent)
        return final.stat().st_size

    def open(self, path: str) -> Path:
        final = self._root / path
        if not final.exists():
            raise FileNotFoundError(f"the lake has no file {path}")
        return final

    def paths(self) -> set[str]:
        return {
            each.relative_to(self._root).as_posix()
            for each in self._root.glob("*/day=*/*")
            if not each.name.startswith(".")
        }

    def remove(self, path: str) -> None:
        (self._root / path).unlink(missing_ok=True)

    def clear(self) -> int:
        staged = list(self._root.glob("*/day=*/.*"))
        for each in staged:
            each.unlink()
        return len(staged)

    def trim(self, held: Callable[[str], bool]) -> int:
        """There are no copies."""
        return 0


def sync(path: Path) -> None:
    """Returns when a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _hidden(final: Path) -> Path:
    return final.with_name(f".{final.name}.writing")
