"""Ties a process to the one that starts it, so that nothing outlives a supervisor that is killed.

Run as a program, `tied.py PARENT COMMAND...` becomes COMMAND, which the system asks to stop when PARENT ends. It is a
program, and not a function that a fork calls, because nothing may run between fork and exec of a process with threads.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def tied(command: Sequence[str]) -> list[str]:
    """The command, tied to this process; as it is where the system knows no such tie (not Linux)."""
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def main() -> None:
    parent, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() == int(parent):  # else it has ended before it could be asked for
        os.execv(command[0], command)  # noqa: S606  # the supervisor's own command


if __name__ == "__main__":
    main()
