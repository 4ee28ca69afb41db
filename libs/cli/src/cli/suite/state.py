"""suite.json: the processes of a suite with their births, written by its supervisor, read by every other command."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.suite.birth import birth


@dataclass(frozen=True)
class Process:
    """A process of this machine. `born` tells it from a later one with the same id; empty where births are not told."""

    pid: int
    born: str

    @classmethod
    def now(cls, pid: int) -> "Process":
        return cls(pid, birth(pid))

    def lives(self) -> bool:
        """Whether it still runs; a stranger with its id is not it."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return birth(self.pid) == self.born and not _is_zombie(self.pid)


@dataclass(frozen=True)
class State:
    """`processes` has for each name pid, born, port and restarts."""

    supervisor: Process
    processes: dict[str, dict[str, Any]]

    def left(self) -> dict[str, Process]:
        """The processes beside the supervisor that still run, by name; none where births are not told."""
        found = {name: Process(each["pid"], each["born"]) for name, each in self.processes.items()}
        return {name: process for name, process in found.items() if process.born and process.lives()}


def write_state(path: Path, state: State) -> None:
    """Replaces what was there."""
    supervisor = {"supervisor": state.supervisor.pid, "born": state.supervisor.born}
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps({**supervisor, "processes": state.processes}, indent=2))
    draft.replace(path)


def read_state(path: Path) -> State | None:
    """None when there is none, or none that a supervisor would write."""
    try:
        found = json.loads(path.read_text())
        processes = {
            str(name): {**each, "pid": int(each["pid"]), "born": str(each["born"]), "port": int(each["port"])}
            for name, each in found["processes"].items()
        }
        return State(Process(int(found["supervisor"]), str(found["born"])), processes)
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return None


def _is_zombie(pid: int) -> bool:
    """A child of ours that has ended and was not waited for."""
    try:
        ended, _ = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return False
    return ended == pid
