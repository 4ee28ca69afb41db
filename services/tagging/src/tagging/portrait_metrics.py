"""Metrics of portraits, declared once."""

from servicekit.telemetry.names import Metric

HITS = Metric(
    "huaxiang.portraits.hits", "counter", "1", "portraits answered from hot copies", "nothing: more is better"
)
MISSES = Metric(
    "huaxiang.portraits.misses",
    "counter",
    "1",
    "portraits answered from the store",
    "the copies are too few (memory), gone (a flush, a restart), or everything moves (a run, a catalogue change)",
)
COPY_FAILURES = Metric(
    "huaxiang.portraits.copy_failures",
    "counter",
    "1",
    "calls of Redis that failed; reads go on from the store",
    "Redis is down, slow or full, or its password is another",
)
BREAKER_OPEN = Metric(
    "huaxiang.portraits.breaker_open",
    "gauge",
    "1",
    "1 while Redis is left alone after failures",
    "Redis is down, slow or full, or its password is another",
)
