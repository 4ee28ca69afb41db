"""Named places where a test lets the process die. Nothing happens unless the environment names one."""

import os
import signal
from collections.abc import Callable

VARIABLE = "HUAXIANG_FAILPOINT"
NAMES = {
    "planned": "after a part of the rows is stored",
    "claimed": "after the claim",
    "written": "after SUBMITTING is stored, before anything is sent",
    "sent": "after the provider's answer, before it is stored",
    "resulted": "after the answer is stored",
    "received": "after a callback is stored, before the provider is answered",
    "applied": "after callbacks are applied",
    "relayed": "after identity has taken records, before they leave the outbox",
    "resolved": "after the resolver's question or second submission, before its answer is stored",
}
Reach = Callable[[str], None]


def failpoint(name: str | None) -> Reach:
    """A function to call at each place; it kills the process with SIGKILL at the named one. Raises ValueError for a
    name that is none."""
    if name is None:
        return lambda place: None
    if name not in NAMES:
        raise ValueError(f"{VARIABLE}: {name!r} is none of {', '.join(NAMES)}")

    def reach(place: str) -> None:
        if place == name:
            os.kill(os.getpid(), signal.SIGKILL)

    return reach
