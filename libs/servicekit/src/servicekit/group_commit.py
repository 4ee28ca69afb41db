"""Writes that wait for SQLite's one writer share a commit: under load a synced disk is asked once for many.

Each runs in a savepoint, so that one fails alone. A lone write has a transaction of its own. A group takes
no further write after 5 ms, so that those who have finished are not kept waiting for their commit.
"""

import contextlib
import queue
import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Engine

from servicekit.commits import Commits

GROUP_WRITES = 64
"""Writes that share a commit, at most."""
GROUP_S = 0.005

T = TypeVar("T")


class _Write(NamedTuple):
    work: Callable[[Connection], Any]
    future: "Future[Any]"


class _Outcome(NamedTuple):
    write: _Write
    result: Any
    error: BaseException | None


class GroupCommit:
    """One thread. `alone(work)` runs a write in a transaction of its own, with its retries."""

    def __init__(
        self, engine: Engine, alone: Callable[[Callable[[Connection], Any]], Any], commits: Commits
    ) -> None:
        self._engine = engine
        self._alone = alone
        self._commits = commits
        self._waiting: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._thread = Thread(target=self._run, name="store-write", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Connection], T]) -> "Future[T]":
        """Queues a write. The future is done after the commit that holds it."""
        future: Future[T] = Future()
        self._waiting.put(_Write(work, future))
        return future

    def close(self) -> None:
        """Cancels what waits and ends after the running group."""
        with contextlib.suppress(queue.Empty):
            while True:
                write = self._waiting.get_nowait()
                if write is not None:
                    write.future.cancel()
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (write := self._waiting.get()) is not None:
            if not write.future.set_running_or_notify_cancel():
                continue
            if self._waiting.empty():
                self._commit_alone(write)
            else:
                self._commit_group(write)

    def _commit_alone(self, write: _Write) -> None:
        try:
            result = self._alone(write.work)
        except BaseException as error:
            write.future.set_exception(error)
        else:
            write.future.set_result(result)

    def _commit_group(self, first: _Write) -> None:
        taken = [first]
        outcomes: list[_Outcome] = []
        until = time.monotonic() + GROUP_S
        try:
            with self._engine.connect() as connection, connection.begin():
                outcomes.append(_in_savepoint(connection, first))
                while len(taken) < GROUP_WRITES and time.monotonic() < until:
                    following = self._next()
                    if following is None:
                        break
                    taken.append(following)
                    outcomes.append(_in_savepoint(connection, following))
        except Exception:
            # The shared transaction is lost, and nobody's work with it: each once more on its own.
            for write in taken:
                self._commit_alone(write)
            return
        self._commits.notify()
        for write, result, error in outcomes:
            if error is None:
                write.future.set_result(result)
            else:
                write.future.set_exception(error)

    def _next(self) -> _Write | None:
        """The next write that waits and was not cancelled; None when there is none."""
        with contextlib.suppress(queue.Empty):
            while True:
                write = self._waiting.get_nowait()
                if write is None:
                    self._waiting.put(None)
                    return None
                if write.future.set_running_or_notify_cancel():
                    return write
        return None


def _in_savepoint(connection: Connection, write: _Write) -> _Outcome:
    connection.exec_driver_sql("SAVEPOINT one_of_group")
    try:
        result = write.work(connection)
    except BaseException as error:
        connection.exec_driver_sql("ROLLBACK TO one_of_group")
        connection.exec_driver_sql("RELEASE one_of_group")
        return _Outcome(write, None, error)
    connection.exec_driver_sql("RELEASE one_of_group")
    return _Outcome(write, result, None)
