"""Processes that prepare messages beside the one that commits them: they have cores of their own.

Each is spawned with one socket and nothing else of ours. Over it goes the secret of keyed hashes, then one frame a
message (frames.py), each answered by one. A process whose socket closes ends, so
none outlives the service.
"""

import marshal
import queue
import socket
import subprocess
import sys
from contextlib import suppress
from threading import Lock

from servicekit.logging import logger

from identity.api.frames import receive_frame, send_frame
from identity.api.packed_batches import unpack
from identity.api.preparation import Message
from identity.app.keyed_records import Batch

MODULE = "identity.preparer"
MAX_TRIES = 3
"""How often a message is given to a process; each time but the last one died of it, or beside it."""
ANSWER_S = 30.0
"""A process that has not answered by then is ended."""


class Preparers:
    """A fixed number of processes; safe to use from any threads, each call keeps one process busy."""

    def __init__(self, count: int, secret: bytes) -> None:
        """Starts them; they are ready a second later, and what comes before waits."""
        self.count = count
        self._secret = secret
        self._idle: queue.SimpleQueue[_Preparer | None] = queue.SimpleQueue()
        self._all = {_Preparer(secret) for _ in range(count)}
        self._closed = False
        self._changing = Lock()
        for each in self._all:
            self._idle.put(each)

    def prepare(self, message: Message) -> Batch | None:
        """A batch keyed under the built-in policy; None when no process could: prepare it here and see why. Blocks. A
        process that dies is replaced and its message given to another."""
        frame = marshal.dumps(tuple(message))
        for _ in range(MAX_TRIES):
            preparer = self._idle.get()
            if preparer is None:
                self._idle.put(None)
                break
            try:
                answer = preparer.ask(frame)
            except (OSError, EOFError):
                self._idle.put(self._replaced(preparer))
                continue
            self._idle.put(preparer)
            return unpack(answer) if answer else None
        return None

    def close(self) -> None:
        """Ends every process; what waits for one is prepared where it came from."""
        with self._changing:
            self._closed = True
            self._idle.put(None)
            for each in self._all:
                each.end()

    @property
    def process_ids(self) -> list[int]:
        """Of the processes that run now."""
        return [each.process_id for each in self._all]

    def _replaced(self, dead: "_Preparer") -> "_Preparer | None":
        with self._changing:
            dead.end()
            if self._closed:
                return None
            logger().warning("a preparing process died, starting another", process_id=dead.process_id)
            try:
                fresh = _Preparer(self._secret)
            except OSError as error:  # no memory, or no file left: who takes the dead one tries again
                logger().error("a preparing process cannot be started", exc_info=error)
                return dead
            self._all = (self._all - {dead}) | {fresh}
            return fresh


class _Preparer:
    """One process."""

    def __init__(self, secret: bytes) -> None:
        """Raises OSError."""
        self._connection, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-m", MODULE]
        try:
            self._process = subprocess.Popen(command, stdin=theirs.fileno())  # noqa: S603  # nobody's input
        except OSError:
            self._connection.close()
            raise
        finally:
            theirs.close()
        self._connection.settimeout(ANSWER_S)
        with suppress(OSError):  # it ended already: the first message will tell
            send_frame(self._connection, secret)

    @property
    def process_id(self) -> int:
        return self._process.pid

    def ask(self, frame: bytes) -> bytes:
        """The answer to a message. Raises OSError, EOFError: the process is of no use any more."""
        send_frame(self._connection, frame)
        return receive_frame(self._connection)

    def end(self) -> None:
        with suppress(OSError):  # whoever waits for an answer is woken
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()
        self._process.kill()
        self._process.wait()
