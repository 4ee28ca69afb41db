"""Named places where a test lets the process die, once. Nothing happens unless the environment names one."""

import os
import signal
from collections.abc import Callable

VARIABLE = "HUAXIANG_FAILPOINT"
NAMES = ("claimed", "written", "sent", "resulted", "relayed")
"""After the claim, after SUBMITTING is stored, after the answer came, after the result is stored, after the relay."""
Reach = Callable[[str], None]


def failpoint(name: str | None) -> Reach:
    """A function to call at each place; it kills the process with SIGKILL at the named one."""
    if name is None:
        return lambda place: None
    if name not in NAMES:
        raise ValueError(f"{VARIABLE}={name!r} is none of {', '.join(NAMES)}")

    def reach(place: str) -> None:
        if place == name:
            os.kill(os.getpid(), signal.SIGKILL)

    return reach
