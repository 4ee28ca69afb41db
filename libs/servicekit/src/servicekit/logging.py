"""Structured logs to stderr, one JSON object per line, without personal data.

Only fields on the allow-list are written; a field that is not on it is dropped and its name listed under
"dropped", so that a forgotten one shows without its value. Of an exception the class and the frames are
written, the message only for classes whose messages quote no data.
"""

import logging as stdlib_logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import grpc
import structlog

from servicekit.errors import ServiceError

ALLOWED_FIELDS = frozenset(
    {
        "event", "level", "timestamp", "service", "exception", "exception_type", "stack",
        "call_id", "rpc", "code", "reason", "domain", "trace_id", "tenant", "subject",
        "consumer", "lane", "revision", "epoch", "position", "count", "entries", "bytes", "limit",
        "duration_ms", "pause_s", "port", "host", "target", "path", "schema", "signal", "worker", "state",
        "run", "tag", "segment", "campaign", "channel", "source", "kind", "version", "dropped",
        "metric", "of", "value", "unit",
    }
)  # fmt: skip
"""What services may log. `subject` names a key, `tag`, `segment`, `campaign`, `run` a definition: never a
person."""


QUOTED_EXCEPTIONS = (ServiceError, OSError, RuntimeError, TypeError, AttributeError, ImportError)
"""Exceptions whose messages quote no data. A ValueError, a KeyError or an SQL error often does."""
MAX_FRAMES = 30


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
            _write_exception,
            drop_unlisted,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def describe_exception(error: BaseException, seen: frozenset[int] = frozenset()) -> list[str]:
    """One line per exception and frame, outermost exception last, as in a traceback, without source lines.
    Causes can form a circle; an exception of `seen` (by id) is not told again."""
    seen |= {id(error)}
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    lines = [] if cause is None or id(cause) in seen else describe_exception(cause, seen)
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            lines += describe_exception(inner, seen)
    lines += [
        f"  {frame.filename}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__, limit=MAX_FRAMES)
    ]
    lines.append(_name_and_message(error))
    return lines


def _name_and_message(error: BaseException) -> str:
    name = type(error).__qualname__
    if isinstance(error, grpc.RpcError) and hasattr(error, "code"):
        return f"{name}: {error.code().name}"
    return f"{name}: {error}" if isinstance(error, QUOTED_EXCEPTIONS) else name


def _write_exception(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given
    if isinstance(error, BaseException):
        event["exception"] = "\n".join(describe_exception(error))
    return event


def logger() -> Any:
    """A structlog logger: `logger().info("applied", consumer=..., count=...)`."""
    return structlog.get_logger()
