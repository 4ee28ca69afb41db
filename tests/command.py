"""The `huaxiang` command in this process: its exit code, its standard output and error, without a start of Python.

Tests whose claim is the process itself (a signal, a file that must survive it) start `python -m cli` instead.
"""

import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import cli
from cli.main import main

PROGRAM = str(Path(cli.__file__).with_name("__main__.py"))
"""What `python -m cli` runs."""


@dataclass(frozen=True)
class Ended:
    """What a command leaves."""

    returncode: int
    stdout: str
    stderr: str


def huaxiang(*arguments: str, environment: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ended:
    """Runs the command to its end, like a process with `environment` added to this one's."""
    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    problems = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with (
        _called_as(PROGRAM, *arguments),
        _added(environment or {}),
        chdir(cwd) if cwd else nullcontext(),
        redirect_stdout(said),
        redirect_stderr(problems),
    ):
        code = _in_a_thread(_exit_code)
    return Ended(code, *(each.buffer.getvalue().decode() for each in (said, problems)))


def _exit_code() -> int:
    try:
        main()
    except SystemExit as ended:
        return 0 if ended.code is None else int(ended.code)
    return 0


def _in_a_thread(work: Callable[[], int]) -> int:
    """Commands run loops of their own, which a thread that runs a test's loop must not."""
    found: list[int | BaseException] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:
            found.append(error)

    thread = Thread(target=run, name="huaxiang")
    thread.start()
    thread.join()
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


@contextmanager
def _called_as(*words: str) -> Iterator[None]:
    before, sys.argv = sys.argv, list(words)
    try:
        yield
    finally:
        sys.argv = before


@contextmanager
def _added(environment: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
