"""The rejects file: what of a file was not taken, and why."""

import csv
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from cli.exits import Exit, Refusal

if sys.platform != "win32":
    import fcntl

HEADER = ("line", "outcome", "field", "reason")


class Rejects:
    """Line, what became of the row, field, reason. Holds no value of a row.

    Opened before anything is sent, so that a place that cannot be written shows at once (OSError); gone in the end
    when nothing was refused. Raises Refusal when it would overwrite one of `keep`, or what another import is writing.
    """

    def __init__(
        self,
        path: Path,
        keep: tuple[Path, ...] = (),
        *,
        going_on: bool = False,
        put_aside: Callable[[Path], object] | None = None,
    ) -> None:
        """`going_on`: what the file holds already stays, until `keep_first` says how much of it. `put_aside`: what
        another import left there is moved to a new file beside it, of which this hears; without it, it is lost."""
        self.path = path
        self._keep = keep
        self._going_on = going_on
        self._put_aside = put_aside
        self._file: IO[str]
        self._lock = -1
        self._writer: Any = None

    def __enter__(self) -> "Rejects":
        for each in self._keep:
            if self.path.exists() and each.exists() and self.path.samefile(each):
                raise Refusal(
                    f"the rejects would overwrite {each}: name another file with --rejects", Exit.USAGE
                )
        self._hold()
        if self._put_aside is not None and self.path.stat().st_size:
            self._put_aside(self._moved())
        self._file = self.path.open("a" if self._going_on else "w", encoding="utf-8-sig", newline="")
        if self._going_on:
            self.keep_first(self.path.stat().st_size)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._writer is None:
            self.path.unlink()
        os.close(self._lock)

    def _hold(self) -> None:
        """Until it is left, or the process ends. Windows has no such lock: there nothing is held."""
        self._lock = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise Refusal(f"another import writes {self.path}: wait for its end", Exit.CONFLICT) from None

    def _moved(self) -> Path:
        """The lock is on the file itself, so its content is what goes."""
        number = 1
        while (aside := self.path.with_name(f"{self.path.stem}.{number}{self.path.suffix}")).exists():
            number += 1
        shutil.copyfile(self.path, aside)
        return aside

    def keep_first(self, size: int) -> None:
        """Drops all but the first bytes; what is added follows them."""
        self._file.close()
        size = min(size, self.path.stat().st_size)
        os.truncate(self.path, size)
        self._file = self.path.open(
            "a" if size else "w", encoding="utf-8" if size else "utf-8-sig", newline=""
        )
        self._writer = csv.writer(self._file) if size else None

    def flush(self) -> int:
        """Hands all over to the system; how many bytes there are."""
        self._file.flush()
        return self.path.stat().st_size

    def add(self, line: int, outcome: str, where: str, reason: str) -> None:
        if self._writer is None:
            self._writer = csv.writer(self._file)
            self._writer.writerow(HEADER)
        self._writer.writerow([line, outcome, where, reason])
