"""Errors of this service beyond the shared ones; reasons are those of huaxiang.identity.v1.ErrorReason."""

from collections.abc import Iterable

from servicekit.errors import InvalidInput, StateConflict

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


class ServiceUnknown(InvalidInput):
    """The service is not one of those that erase."""

    domain = DOMAIN
    reason = "SERVICE_UNKNOWN"

    def __init__(self, service: str, known: Iterable[str]) -> None:
        listed = ", ".join(known)
        super().__init__(
            f"no service that erases is named {service!r}; configured are: {listed}",
            service=service,
            known=listed,
        )


class PersonErased(StateConflict):
    """The person was erased; nothing is left to read."""

    domain = DOMAIN
    reason = "PERSON_ERASED"

    def __init__(self, person_id: int) -> None:
        super().__init__(f"person {person_id} was erased: nothing is left to read", person_id=person_id)
