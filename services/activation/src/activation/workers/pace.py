"""How workers wait: at once while there is work, a little longer each idle time, never busy."""

import asyncio
from collections.abc import Awaitable, Callable

from servicekit.errors import Unavailable
from servicekit.logging import logger

FIRST_PAUSE_S = 0.01
MAX_PAUSE_S = 0.25
MAX_FAILURE_PAUSE_S = 5.0


async def keep_doing(
    name: str, round_: Callable[[], Awaitable[bool]], max_pause_s: float = MAX_PAUSE_S
) -> None:
    """Runs rounds until cancelled; a round says whether it found work. A failed round is logged and repeated."""
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            worked = await round_()
        except Unavailable as error:
            logger().warning("worker waits", worker=name, reason=error.reason)
            worked, pause_s = False, min(max(pause_s * 2, max_pause_s), MAX_FAILURE_PAUSE_S)
        except Exception as error:
            logger().error("worker round failed", worker=name, exc_info=error)
            worked, pause_s = False, min(max(pause_s * 2, max_pause_s), MAX_FAILURE_PAUSE_S)
        if worked:
            pause_s = FIRST_PAUSE_S
            continue
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, max(max_pause_s, pause_s))
