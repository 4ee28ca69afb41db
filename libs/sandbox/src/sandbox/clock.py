"""The suite's time, read from the clock file that every process of the suite reads."""

import json
import time
from pathlib import Path


class ClockFileError(ValueError):
    """The clock file exists but cannot be read as one."""


class Clock:
    """Seconds since the epoch on the suite's clock.

    The file holds {"machine_epoch_s", "suite_epoch_s", "speed"}:
    suite now = suite_epoch_s + (machine now - machine_epoch_s) * speed. It is read again whenever it changes,
    so time may jump. Without a file, or before it exists, the suite's time is the machine's.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._machine_epoch_s = 0.0
        self._suite_epoch_s = 0.0
        self._speed = 1.0

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
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp == self._stamp:
            return
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            machine, suite = float(content["machine_epoch_s"]), float(content["suite_epoch_s"])
            speed = float(content["speed"])
        except (ValueError, KeyError, TypeError) as error:
            raise ClockFileError(
                f"{self._path}: not a clock file; expected machine_epoch_s, suite_epoch_s, speed as numbers"
            ) from error
        self._machine_epoch_s, self._suite_epoch_s, self._speed = machine, suite, speed
        self._stamp = stamp
