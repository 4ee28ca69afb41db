"""Whether the block engine can answer: its kernels are compiled in the background, once somebody could use them.

On a machine that has never run them that takes half a minute; no question waits for it, bitmaps answer meanwhile.
"""

from threading import Event, Lock, Thread

from servicekit.logging import logger


class Readiness:
    """Asked from any thread."""

    def __init__(self) -> None:
        self._ready = Event()
        self._lock = Lock()
        self._is_begun = False

    def __call__(self) -> bool:
        """Whether kernels are there; the first who asks has them compiled."""
        if not self._ready.is_set():
            with self._lock:
                if not self._is_begun:
                    self._is_begun = True
                    Thread(target=self._prepare, name="compile-ahead", daemon=True).start()
        return self._ready.is_set()

    def _prepare(self) -> None:
        try:
            from segments.engine.compiling import compile_ahead
            from segments.index.selection import threads

            compile_ahead(threads())
        except Exception as error:
            logger().warning("bitmaps answer in place of the block engine", cause=type(error).__name__)
        else:
            self._ready.set()


engine_is_ready = Readiness()
"""That of this process."""
