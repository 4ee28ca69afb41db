"""How far a bulk import was told of: beside the file."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Progress:
    """`rows` are told of in the first `rejects_bytes` of the rejects file, and all of the file once it is `done`;
    `broken`, `left_out` and `reasons` as in ImportResult."""

    rows: int = 0
    rejects_bytes: int = 0
    broken: int = 0
    left_out: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    done: bool = False


class Journal:
    """A small file of one import; one of another import, or one that cannot be read, is as good as none."""

    def __init__(self, path: Path, import_id: str) -> None:
        self.path = path
        self._import_id = import_id

    def read(self) -> Progress | None:
        """What was written last; None for nothing."""
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            if content.pop("import_id") != self._import_id:
                return None
            return Progress(**content)
        except (OSError, ValueError, TypeError, AttributeError, KeyError):
            return None

    def goes_on(self, rejects: Path) -> bool:
        """Whether what was told stands in the rejects file still."""
        told = self.read()
        if told is None:
            return False
        return not told.rejects_bytes or (rejects.exists() and rejects.stat().st_size >= told.rejects_bytes)

    def write(self, progress: Progress) -> None:
        """Replaces it as a whole."""
        beside = self.path.with_name(self.path.name + ".new")
        content = {"import_id": self._import_id, **asdict(progress)}
        beside.write_text(json.dumps(content), encoding="utf-8")
        os.replace(beside, self.path)

    def remove(self) -> None:
        """The rejects file is another's from now on."""
        self.path.unlink(missing_ok=True)
