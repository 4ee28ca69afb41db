"""Starts the suite's processes, waits until they serve, and restarts one that dies with a growing pause."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cli.exits import Exit, Refusal
from cli.suite.programs import Program
from cli.suite.state import Process, State, write_state
from cli.suite.tied import tied

READY_WITHIN_S = 60.0
FOLLOW_WITHIN_S = 25.0
STOP_WITHIN_S = 30.0
FIRST_PAUSE_S = 0.2
MAX_PAUSE_S = 30.0
STEADY_S = 60.0
"""A process that ran this long starts again at the first pause."""
LOOK_S = 0.1
FULL_BELOW_BYTES = 1_000_000
WAITING_MARK = "waiting until "
REFUSES_TO_START = {
    65: "its data is of a newer version",
    69: "its port is in use",
    75: "another process has its store",
    78: "its configuration is refused",
}


@dataclass
class _Child:
    program: Program
    process: subprocess.Popen[bytes]
    started: float
    pause_s: float = FIRST_PAUSE_S
    restart_at: float | None = None
    restarts: int = 0


@dataclass
class Supervisor:
    """Runs in the foreground until `stop` was asked for by SIGTERM or SIGINT. `logs` gets one file per process. Its
    processes end with it even when it is killed, where the system can see to that.

    `behind` names the services that serve, but do not yet hear of changes from those that they read; it may block.
    """

    programs: Sequence[Program]
    logs: Path
    state: Path
    say: Callable[[str], None]
    behind: Callable[[], Sequence[str]] = tuple
    _children: dict[str, _Child] = field(default_factory=dict)
    _stopping: bool = False

    def run(self, ready: Callable[[], None]) -> None:
        """Starts everything, calls `ready` when all serve and follow each other, supervises. Raises Refusal when one
        refuses to start."""
        require_free_ports(self.programs)
        self.logs.mkdir(parents=True, exist_ok=True)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._ask_to_stop)
        try:
            for program in self.programs:
                self._start(program)
            self._write_state()
            self._wait_until_ready()
            self._wait_until_following()
            if not self._stopping:
                ready()
            while not self._stopping:
                self._look()
                time.sleep(LOOK_S)
        finally:
            self._stop_all()
            self.state.unlink(missing_ok=True)

    def _ask_to_stop(self, *_: object) -> None:
        self._stopping = True

    def _start(self, program: Program) -> None:
        known = self._children.get(program.name)
        with (self.logs / f"{program.name}.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603  # our own interpreter and modules
                tied(program.command),
                env={**os.environ, **program.environment},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        child = _Child(program, process, time.monotonic())
        if known is not None:
            child.restarts, child.pause_s = known.restarts + 1, known.pause_s
        self._children[program.name] = child

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + READY_WITHIN_S
        waiting = {program.name: program for program in self.programs}
        while waiting and not self._stopping:
            for name, program in list(waiting.items()):
                code = self._children[name].process.poll()
                if code is not None:
                    raise Refusal(self._why_it_ended(name, code), Exit.FAILED)
                if listens(program.ready_port):
                    del waiting[name]
            if time.monotonic() > until:
                names = ", ".join(sorted(waiting))
                raise Refusal(f"{names} did not serve within {READY_WITHIN_S:.0f} s; see {self.logs}")
            time.sleep(LOOK_S / 2)

    def _wait_until_following(self) -> None:
        """Bounded: a suite whose services do not hear of each other yet serves, with what each of them knows."""
        until = time.monotonic() + FOLLOW_WITHIN_S
        said: Sequence[str] = ()
        while not self._stopping and (behind := self.behind()):
            names = ", ".join(behind)
            if time.monotonic() > until:
                self.say(
                    f"no changes reached {names} within {FOLLOW_WITHIN_S:.0f} s: answers may be old; see {self.logs}"
                )
                return
            if behind != said:
                self.say(f"{WAITING_MARK}changes reach {names}")
                said = behind
            self._look()
            time.sleep(LOOK_S)

    def _why_it_ended(self, name: str, code: int) -> str:
        log = self.logs / f"{name}.log"
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        why = REFUSES_TO_START.get(code, f"it ended with code {code}{disk_note(self.logs)}")
        tail = "\n  ".join(lines[-3:])
        return f"{name} does not start: {why}\n  {tail}\n  (whole log: {log})"

    def _look(self) -> None:
        now = time.monotonic()
        for child in list(self._children.values()):
            if child.process.poll() is None:
                continue
            if child.restart_at is None:
                if now - child.started > STEADY_S:
                    child.pause_s = FIRST_PAUSE_S
                child.restart_at = now + child.pause_s
                self.say(
                    f"{child.program.name} ended with code {child.process.returncode}; "
                    f"starting it again in {child.pause_s:.1f} s"
                )
            elif now >= child.restart_at:
                child.pause_s = min(child.pause_s * 2, MAX_PAUSE_S)
                self._start(child.program)
                self._write_state()

    def _write_state(self) -> None:
        processes = {
            name: {
                **asdict(Process.now(child.process.pid)),
                "port": child.program.ready_port,
                "restarts": child.restarts,
            }
            for name, child in self._children.items()
        }
        write_state(self.state, State(Process.now(os.getpid()), processes))

    def _stop_all(self) -> None:
        """Right to left, so that nobody loses what it depends on first."""
        alive = [child for child in reversed(self._children.values()) if child.process.poll() is None]
        for child in alive:
            child.process.send_signal(signal.SIGTERM)
        until = time.monotonic() + STOP_WITHIN_S
        for child in alive:
            try:
                child.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()


def disk_note(folder: Path) -> str:
    """Says so when the disk is full: then no log tells why something ended."""
    return " (the disk is full)" if shutil.disk_usage(folder).free < FULL_BELOW_BYTES else ""


def listens(port: int) -> bool:
    """Whether something on this machine answers on a port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def require_free_ports(programs: Sequence[Program]) -> None:
    """Raises Refusal naming every port that is taken."""
    taken = [f"{port} ({program.name})" for program in programs for port in program.ports if listens(port)]
    if taken:
        raise Refusal(
            f"ports in use: {', '.join(taken)}; stop what listens there (huaxiang down), or choose others: "
            "huaxiang up --base-port 8100",
            Exit.CONFLICT,
        )
