"""The rejects file: what of a file was not taken, and why."""

import csv
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from cli.exits import Exit, Refusal

HEADER = ("line", "outcome", "field", "reason")


class Rejects:
    """Line, what became of the row, field, reason. Holds no value of a row.

    Opened before anything is sent, so that a place that cannot be written shows at once (OSError); gone in the end
    when nothing was refused. Raises Refusal when it would overwrite one of `keep`.
    """

    def __init__(self, path: Path, keep: tuple[Path, ...] = ()) -> None:
        self.path = path
        self._keep = keep
        self._file: IO[str]
        self._writer: Any = None

    def __enter__(self) -> "Rejects":
        for each in self._keep:
            if self.path.exists() and each.exists() and self.path.samefile(each):
                raise Refusal(
                    f"the rejects would overwrite {each}: name another file with --rejects", Exit.USAGE
                )
        self._file = self.path.open("w", encoding="utf-8-sig", newline="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._writer is None:
            self.path.unlink()

    def add(self, line: int, outcome: str, where: str, reason: str) -> None:
        if self._writer is None:
            self._writer = csv.writer(self._file)
            self._writer.writerow(HEADER)
        self._writer.writerow([line, outcome, where, reason])
