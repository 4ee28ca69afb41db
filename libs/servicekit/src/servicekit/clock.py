"""Time as a port: the suite's clock can be set and sped up, the machine's clock cannot.

Leases, deadlines, heartbeats, changelog retention and latencies use machine time; everything a user sees as
a date uses suite time. One clock file read by every process makes demos and tests travel in time together.
"""

import json
import os
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

FILE_CHECK_INTERVAL_S = 0.05
"""A clock file is looked at no more often than this (machine time)."""


class ClockFileError(Exception):
    """The clock file is missing or malformed; the message names the file and the field."""


class Clock(Protocol):
    """Tells the time. Both answers are aware and UTC; neither blocks beyond a stat of one local file."""

    def now(self) -> datetime:
        """The suite's time."""
        ...

    def machine_now(self) -> datetime:
        """The machine's time."""
        ...


class SystemClock:
    """Suite time is machine time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def machine_now(self) -> datetime:
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is told to move; for tests. Both times move together."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("start must be an aware datetime")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def machine_now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        """Moves forward; a clock never goes back."""
        if by < timedelta(0):
            raise ValueError("a clock never goes back")
        self._now += by


class FileClock:
    """suite time = suite_epoch_s + (machine time - machine_epoch_s) * speed, as the file says at this moment.

    The file is read again when it changes. Raises ClockFileError at construction when it cannot be read; a
    file damaged later keeps the last good setting.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._machine_epoch_s, self._suite_epoch_s, self._speed = _read_clock_file(path)
        self._seen_mtime_ns = path.stat().st_mtime_ns
        self._next_check_s = 0.0

    def now(self) -> datetime:
        self._follow_file()
        elapsed_s = time.time() - self._machine_epoch_s
        return datetime.fromtimestamp(self._suite_epoch_s + elapsed_s * self._speed, UTC)

    def machine_now(self) -> datetime:
        return datetime.now(UTC)

    def _follow_file(self) -> None:
        monotonic_s = time.monotonic()
        if monotonic_s < self._next_check_s:
            return
        self._next_check_s = monotonic_s + FILE_CHECK_INTERVAL_S
        try:
            mtime_ns = self._path.stat().st_mtime_ns
            if mtime_ns == self._seen_mtime_ns:
                return
            setting = _read_clock_file(self._path)
        except (OSError, ClockFileError):
            return
        self._seen_mtime_ns = mtime_ns
        self._machine_epoch_s, self._suite_epoch_s, self._speed = setting


def clock_from(path: Path | None) -> Clock:
    """The clock a process should use: the file's when one is configured, else the machine's."""
    return SystemClock() if path is None else FileClock(path)


def write_clock_file(path: Path, suite_now: datetime, speed: float) -> None:
    """Sets the suite's clock, atomically: it reads `suite_now` at this machine moment and runs `speed`
    times as fast.

    Raises ValueError when `suite_now` is naive or `speed` is not positive.
    """
    if suite_now.tzinfo is None:
        raise ValueError("suite_now must be an aware datetime")
    if not speed > 0:
        raise ValueError(f"speed must be positive, not {speed}")
    setting = {"machine_epoch_s": time.time(), "suite_epoch_s": suite_now.timestamp(), "speed": speed}
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(setting, file)
    Path(temporary).replace(path)


def _read_clock_file(path: Path) -> tuple[float, float, float]:
    try:
        setting = json.loads(path.read_text(encoding="utf-8"))
        machine_epoch_s, suite_epoch_s, speed = (
            float(setting[name]) for name in ("machine_epoch_s", "suite_epoch_s", "speed")
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ClockFileError(f"clock file {path} cannot be read: {error!r}") from error
    if not speed > 0:
        raise ClockFileError(f"clock file {path}: speed must be positive, not {speed}")
    return machine_epoch_s, suite_epoch_s, speed
