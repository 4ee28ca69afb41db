"""The suite's time, read from the clock file that every process of the suite reads."""

import contextlib
import json
import time
from pathlib import Path


class ClockFileError(ValueError):
    """The clock file is missing or malformed; the message names it."""


class Clock:
    """Seconds since the epoch on the suite's clock.

    The file holds {"machine_epoch_s", "suite_epoch_s", "speed"}:
    suite now = suite_epoch_s + (machine now - machine_epoch_s) * speed. It is read again whenever it changes,
    so time may jump; damaged later, it keeps its last good setting. Without a file the suite's time is the
    machine's.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Raises ClockFileError when the file is missing or cannot be read as one."""
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._machine_epoch_s = 0.0
        self._suite_epoch_s = 0.0
        self._speed = 1.0
        if path is not None:
            self._read(path)

    def now(self) -> float:
        self._refresh()
        return self._suite_epoch_s + (time.time() - self._machine_epoch_s) * self._speed

    def machine_seconds(self, suite_seconds: float) -> float:
        """How long the machine takes for `suite_seconds` at the present speed; infinite when time stands."""
        self._refresh()
        return suite_seconds / self._speed if self._speed > 0 else float("inf")

    def _refresh(self) -> None:
        if self._path is None:
            return
        with contextlib.suppress(ClockFileError):
            self._read(self._path)

    def _read(self, path: Path) -> None:
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp == self._stamp:
                return
            content = json.loads(path.read_text(encoding="utf-8"))
            machine, suite = float(content["machine_epoch_s"]), float(content["suite_epoch_s"])
            speed = float(content["speed"])
        except OSError as error:
            raise ClockFileError(f"{path}: cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ClockFileError(
                f"{path}: not a clock file; expected machine_epoch_s, suite_epoch_s, speed as numbers"
            ) from error
        self._machine_epoch_s, self._suite_epoch_s, self._speed = machine, suite, speed
        self._stamp = stamp
