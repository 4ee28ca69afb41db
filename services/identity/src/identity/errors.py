"""Errors of this service beyond the shared ones; reasons are those of huaxiang.identity.v1.ErrorReason."""

from collections.abc import Iterable

from servicekit.errors import InvalidInput

DOMAIN = "identity.huaxiang"


class ConsumerUnknown(InvalidInput):
    """The consumer is not named in the configuration."""

    domain = DOMAIN
    reason = "CONSUMER_UNKNOWN"

    def __init__(self, consumer: str, known: Iterable[str]) -> None:
        listed = ", ".join(known)
        super().__init__(
            f"no consumer is named {consumer!r}; configured are: {listed}", consumer=consumer, known=listed
        )
