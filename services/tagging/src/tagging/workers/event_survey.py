"""Keeps the survey of what came in close behind the events."""

import asyncio
from time import perf_counter

from servicekit.logging import logger
from tagging.app.survey_events import SurveyEvents

IDLE_PAUSE_S = 1.0
REST = 9
"""Parts of rest after each part of work: a tenth of a core at most, however many events come."""
FAILURE_PAUSE_S = 5.0


class EventSurvey:
    """Runs until cancelled."""

    def __init__(self, look: SurveyEvents) -> None:
        self._look = look

    async def run(self) -> None:
        while True:
            started = perf_counter()
            try:
                worked = await self._look()
                pause_s = (perf_counter() - started) * REST if worked else IDLE_PAUSE_S
            except Exception as error:
                logger().error("what came in was not looked at", exc_info=error)
                pause_s = FAILURE_PAUSE_S
            await asyncio.sleep(pause_s)
