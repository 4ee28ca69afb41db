"""Whether kernels can be used: they are compiled in the background, once somebody could use them.

On a machine that has never run them that takes half a minute; nobody waits for it, other code answers meanwhile.
"""

from collections.abc import Callable
from threading import Event, Lock, Thread

from servicekit.logging import logger


class Readiness:
    """Asked from any thread."""

    def __init__(self, prepare: Callable[[], None], without: str) -> None:
        """`prepare` compiles all kernels; `without`: what the log says when it fails."""
        self._prepare = prepare
        self._without = without
        self._ready = Event()
        self._lock = Lock()
        self._is_begun = False

    def __call__(self) -> bool:
        """Whether kernels are there; the first who asks has them compiled."""
        if not self._ready.is_set():
            with self._lock:
                if not self._is_begun:
                    self._is_begun = True
                    Thread(target=self._compile, name="compile-ahead", daemon=True).start()
        return self._ready.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Whether kernels are there before the time is over."""
        self()
        return self._ready.wait(timeout_s)

    def _compile(self) -> None:
        try:
            self._prepare()
        except Exception as error:
            logger().warning(self._without, cause=type(error).__name__)
        else:
            self._ready.set()
