"""The retail catalogue in a suite, known to tagging and to segments."""

import asyncio

from cli.calls import segments, tags
from suite_process import SuiteProcess


def apply_catalogue(suite: SuiteProcess) -> None:
    """Returns when rules may name its tags."""
    asyncio.run(_apply(suite))


async def _apply(suite: SuiteProcess) -> None:
    async with suite.channel("tagging") as channel:
        applied = await tags.apply(channel, tags.definitions([]))
    async with suite.channel("segments") as channel:
        await segments.preview(channel, "city = '杭州'", "all", token=applied.revision.token)
