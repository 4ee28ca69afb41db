"""Starts a suite in a session of its own, so that it outlives the command that asked for it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cli.exits import Exit, Refusal
from cli.suite.folder import SuiteFolder
from cli.suite.programs import SERVICES, Ports
from cli.suite.supervisor import WAITING_MARK, disk_note

DETACHED_WITHIN_S = 90.0
LOOK_S = 0.05
READY_MARK = "the suite serves: "


def addresses(ports: Ports, *, sandbox: bool) -> str:
    """The line that a supervisor says when everything serves."""
    names = ", ".join(f"{name} {ports.of(name)}" for name in SERVICES)
    return READY_MARK + names + (f", sandbox {ports.sandbox}" if sandbox else "")


def start_detached(
    suite: SuiteFolder,
    options: Sequence[str],
    environment: Mapping[str, str] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> str:
    """Runs `huaxiang up` with these options in the background and returns what it says once it serves.

    `environment` reaches every service; `say` hears what the suite waits for. Raises Refusal with the reason when the
    suite does not start; when the wait is broken off, the suite stops.
    """
    command = [sys.executable, "-m", "cli", "up", f"--folder={suite.root}", *options]
    suite.logs.mkdir(parents=True, exist_ok=True)
    log = suite.logs / "supervisor.log"
    with log.open("ab") as output:
        start = output.tell()
        process = subprocess.Popen(  # noqa: S603  # our own command
            command,
            env={**os.environ, **(environment or {})},
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        return _ready_line(process, log, start, say)
    except BaseException:
        _end(process)
        raise


def _ready_line(process: subprocess.Popen[bytes], log: Path, start: int, say: Callable[[str], None]) -> str:
    until = time.monotonic() + DETACHED_WITHIN_S
    told = 0
    while time.monotonic() < until:
        said = log.read_bytes()[start:].decode(errors="replace")
        if process.poll() is not None:
            why = said.strip().removeprefix("huaxiang: ")
            raise Refusal(why or f"the suite did not start{disk_note(log.parent)}", _code(process.returncode))
        if READY_MARK in said:
            process.returncode = 0  # left to itself: running.stop waits for it, not this object
            return said[said.index(READY_MARK) :].strip()
        waits = [line for line in said.splitlines() if line.startswith(WAITING_MARK)]
        for line in waits[told:]:
            say(line)
        told = len(waits)
        time.sleep(LOOK_S)
    raise Refusal(f"the suite did not serve within {DETACHED_WITHIN_S:.0f} s; see {log.parent}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nobody waits for the suite any more: it must not come up later."""
    process.terminate()
    process.wait()


def _code(number: int) -> Exit:
    return Exit(number) if number in Exit.__members__.values() and number else Exit.FAILED
