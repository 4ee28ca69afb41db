"""One process per store or folder: an advisory lock file, held until it is let go or the process ends."""

import os
import sys
from pathlib import Path

if sys.platform != "win32":
    import fcntl


class InUse(Exception):
    """Another process holds it; `pid` is that process, empty when it has not said so yet."""

    def __init__(self, what: Path, pid: str) -> None:
        super().__init__(f"{what} is in use by process {pid or 'of an unknown id'}: stop that one first")
        self.what = what
        self.pid = pid


class Hold:
    """Holds `what`, a file or folder, by a lock file beside it, which names the process. The system lets go when the
    process ends, however it ends; the lock file stays. Raises InUse.

    Windows has no such lock: there nothing is held.
    """

    def __init__(self, what: Path) -> None:
        lock = what.with_name(what.name + ".lock")
        lock.parent.mkdir(parents=True, exist_ok=True)
        self._file = lock.open("a+")
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            pid = self._file.read().strip()
            self._file.close()
            raise InUse(what, pid) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        self._file.close()
