"""Suite time follows the clock file; machine time does not."""

import json
import os
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from servicekit import clock
from servicekit.clock import (
    ClockFileError,
    FileClock,
    ManualClock,
    SystemClock,
    clock_from,
    write_clock_file,
)

MOMENT = datetime(2024, 11, 11, tzinfo=timezone(timedelta(hours=8)))


def close_to(a, b, seconds=1.0):
    return abs((a - b).total_seconds()) < seconds


def test_a_file_clock_starts_at_its_moment_and_runs_at_its_speed(tmp_path):
    write_clock_file(tmp_path / "clock.json", MOMENT, 3600.0)
    follows = FileClock(tmp_path / "clock.json")
    first = follows.now()
    time.sleep(0.1)
    assert first.tzinfo is UTC
    assert close_to(first, MOMENT, seconds=600)
    assert timedelta(seconds=300) < follows.now() - first < timedelta(seconds=3_600)
    assert close_to(follows.machine_now(), datetime.now(UTC))


def test_a_file_clock_follows_the_file_and_survives_damage(tmp_path, monkeypatch):
    monkeypatch.setattr(clock, "FILE_CHECK_INTERVAL_S", 0.0)
    path = tmp_path / "clock.json"
    write_clock_file(path, MOMENT, 1.0)
    follows = FileClock(path)
    write_clock_file(path, MOMENT + timedelta(days=30), 1.0)
    os.utime(path, ns=(1, 1))
    assert close_to(follows.now(), MOMENT + timedelta(days=30), seconds=5)
    path.write_text("{")
    os.utime(path, ns=(2, 2))
    assert close_to(follows.now(), MOMENT + timedelta(days=30), seconds=5)
    write_clock_file(path, MOMENT, 1.0)
    os.utime(path, ns=(3, 3))
    assert close_to(follows.now(), MOMENT, seconds=5), "a mended file is followed again"


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"machine_epoch_s": 1, "suite_epoch_s": 2, "speed": "x"}']
)
def test_a_malformed_file_is_refused_by_name(tmp_path, content):
    path = tmp_path / "clock.json"
    path.write_text(content)
    with pytest.raises(ClockFileError, match=r"clock\.json"):
        FileClock(path)


def test_a_clock_that_stands_or_runs_backwards_is_refused(tmp_path):
    for speed in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="speed"):
            write_clock_file(tmp_path / "clock.json", MOMENT, speed)
    path = tmp_path / "clock.json"
    path.write_text(json.dumps({"machine_epoch_s": 1, "suite_epoch_s": 2, "speed": 0}))
    with pytest.raises(ClockFileError, match="speed"):
        FileClock(path)
    with pytest.raises(ValueError, match="aware"):
        write_clock_file(path, datetime(2024, 1, 1), 1.0)  # noqa: DTZ001


def test_a_manual_clock_moves_only_forward():
    manual = ManualClock(MOMENT)
    manual.advance(timedelta(days=1))
    assert manual.now() == manual.machine_now() == MOMENT + timedelta(days=1)
    with pytest.raises(ValueError, match="back"):
        manual.advance(timedelta(seconds=-1))
    with pytest.raises(ValueError, match="aware"):
        ManualClock(datetime(2024, 1, 1))  # noqa: DTZ001


def test_without_a_file_suite_time_is_machine_time(tmp_path):
    assert isinstance(clock_from(None), SystemClock)
    assert close_to(SystemClock().now(), datetime.now(UTC))
    write_clock_file(tmp_path / "clock.json", MOMENT, 1.0)
    assert isinstance(clock_from(tmp_path / "clock.json"), FileClock)
