"""Gauges and counters as log lines: what an operator needs before there is a metrics server."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from servicekit.consumer import Consumer
from servicekit.logging import logger
from servicekit.telemetry.names import (
    CONSUMER_APPLIED,
    CONSUMER_BOOTSTRAPS,
    CONSUMER_FAILURES,
    CONSUMER_LAG,
    Metric,
)

REPORT_INTERVAL_S = 60.0


class Reading(NamedTuple):
    """A metric's value now; `of` says of what: a consumer, a queue."""

    metric: Metric
    of: str
    value: float


def consumer_readings(consumer: Consumer[Any, Any]) -> list[Reading]:
    """What is known of a consumer; its lag is left out until both lanes made progress."""
    state = consumer.state
    readings = [
        Reading(CONSUMER_APPLIED, consumer.name, state.applied),
        Reading(CONSUMER_BOOTSTRAPS, consumer.name, state.bootstraps),
        Reading(CONSUMER_FAILURES, consumer.name, state.failures),
    ]
    lag_s = state.lag_s()
    if lag_s is not None:
        readings.append(Reading(CONSUMER_LAG, consumer.name, round(lag_s, 3)))
    return readings


async def report(
    sources: Iterable[Callable[[], Iterable[Reading]]], interval_s: float = REPORT_INTERVAL_S
) -> None:
    """Logs all readings each minute of machine time until cancelled; a worker of ServiceApp."""
    listed = tuple(sources)
    while True:
        await asyncio.sleep(interval_s)
        for source in listed:
            for reading in source():
                logger().info(
                    "metric",
                    metric=reading.metric.name,
                    of=reading.of,
                    value=reading.value,
                    unit=reading.metric.unit,
                )
