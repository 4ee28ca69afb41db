"""Structured logs to stderr, one JSON object per line, without personal data.

Only fields on the allow-list are written; a field that is not on it is dropped and its name listed under
"dropped", so that a forgotten one shows without its value.
"""

import logging as stdlib_logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

ALLOWED_FIELDS = frozenset(
    {
        "event", "level", "timestamp", "service", "exception", "exception_type", "stack",
        "call_id", "rpc", "code", "reason", "domain", "trace_id", "tenant", "subject",
        "consumer", "lane", "revision", "epoch", "position", "count", "entries", "bytes", "limit",
        "duration_ms", "pause_s", "port", "host", "target", "path", "schema", "signal", "worker", "state",
        "run", "tag", "segment", "campaign", "channel", "source", "kind", "version", "dropped",
    }
)  # fmt: skip
"""What services may log. `subject` names a key, `tag`, `segment`, `campaign`, `run` a definition: never a
person."""


def configure(
    service: str, level: int = stdlib_logging.INFO, extra_fields: frozenset[str] = frozenset()
) -> None:
    """Sets up the process's logging; called once, in main.py."""
    allowed = ALLOWED_FIELDS | extra_fields

    def drop_unlisted(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        dropped = sorted(name for name in event if name not in allowed)
        for name in dropped:
            del event[name]
        if dropped:
            event["dropped"] = dropped
        return event

    def add_service(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            add_service,
            structlog.processors.format_exc_info,
            drop_unlisted,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def logger() -> Any:
    """A structlog logger: `logger().info("applied", consumer=..., count=...)`."""
    return structlog.get_logger()
