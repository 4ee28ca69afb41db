"""Errors by what the caller should do. Services subclass the categories; status.py turns them into gRPC
statuses.

A service's own error names its domain and its own ErrorReason, and turns typed arguments into metadata:

    class TagUnknown(InvalidInput):
        domain = "tagging.huaxiang"
        reason = "TAG_UNKNOWN"

        def __init__(self, tag: str, suggestion: str) -> None:
            super().__init__(f"no tag is named {tag!r}", tag=tag, suggestion=suggestion)

Messages and metadata reach the caller: they say what, where and how to fix, and hold no personal data.
"""

from typing import ClassVar

SHARED_DOMAIN = "huaxiang"


MAX_MESSAGE_BYTES = 1_000
MAX_METADATA_BYTES = 500
"""Of a message, and of each value beside it, in UTF-8: all of an error must fit into gRPC's 8 KB of metadata, where a
message outside ASCII takes three times its bytes. What quotes a caller's long name is cut."""


class ServiceError(Exception):
    """Base of every error meant for a caller. `reason` is the name in the domain's ErrorReason, without its
    prefix."""

    domain: ClassVar[str] = SHARED_DOMAIN
    reason: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, **metadata: object) -> None:
        super().__init__(message)
        self.message = _clipped(message, MAX_MESSAGE_BYTES)
        self.metadata = {name: _clipped(str(value), MAX_METADATA_BYTES) for name, value in metadata.items()}


class InvalidInput(ServiceError):
    """The request is wrong whatever the state: mend it, do not repeat it."""

    reason = "INVALID_FIELD"


class NotFound(ServiceError):
    """Nothing has this name."""

    reason = "NOT_FOUND"


class AlreadyExists(ServiceError):
    """The name or the request id is taken by something different."""

    reason = "ALREADY_EXISTS"


class Stale(ServiceError):
    """The etag given is not the stored one: read again and repeat."""

    reason = "ETAG_STALE"


class StateConflict(ServiceError):
    """The resource is in a state that does not allow this."""

    reason = "STATE_CONFLICT"


class Forbidden(ServiceError):
    """The caller is known and may not do this."""

    reason = "RIGHT_MISSING"


class Unauthenticated(ServiceError):
    """The caller is not known."""

    reason = "KEY_UNKNOWN"


class Exhausted(ServiceError):
    """A stated bound is reached: slow down and repeat."""

    reason = "QUEUE_FULL"


class Unavailable(ServiceError):
    """Something this call needs cannot be reached: repeat."""

    reason = "UPSTREAM_UNAVAILABLE"


class HistoryGone(ServiceError):
    """The changelog no longer holds what follows the cursor: bootstrap."""

    reason = "HISTORY_GONE"

    def __init__(self, oldest: int, message: str = "") -> None:
        super().__init__(
            message or f"the changelog starts after position {oldest}: bootstrap from the export",
            oldest=oldest,
        )
        self.oldest = oldest


class RevisionForeign(StateConflict):
    """The revision comes from another service, or from before a restore."""

    reason = "REVISION_FOREIGN"

    def __init__(self, service: str, problem: str) -> None:
        super().__init__(f"revision of {service!r} refused: {problem}", service=service, problem=problem)


class RevisionMalformed(InvalidInput):
    """The text is not a revision token."""

    reason = "REVISION_MALFORMED"

    def __init__(self, problem: str) -> None:
        super().__init__(f"not a revision token: {problem}", problem=problem)


class NotReached(ServiceError):
    """The service did not reach the revision within the call's deadline."""

    reason = "REVISION_NOT_REACHED"

    def __init__(self, service: str) -> None:
        super().__init__(
            f"the changes of {service!r} up to this revision did not arrive within the deadline",
            service=service,
        )


class Internal(ServiceError):
    """Ours to mend; the log has the cause under the call's id."""

    reason = "INTERNAL"

    def __init__(self, call_id: str) -> None:
        super().__init__(f"internal error; the log has the cause under call {call_id}", call_id=call_id)


class InvalidField(InvalidInput):
    """A field breaks its stated limits."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}", field=field, problem=problem)


class BatchTooLarge(InvalidInput):
    """A batch holds more items than its limit."""

    reason = "BATCH_TOO_LARGE"

    def __init__(self, field: str, count: int, limit: int) -> None:
        super().__init__(
            f"{field} holds {count} items, the limit is {limit}: split it",
            field=field,
            count=count,
            limit=limit,
        )


class PageTokenMalformed(InvalidInput):
    """The page token is damaged or belongs to another request."""

    reason = "PAGE_TOKEN_MALFORMED"

    def __init__(self, problem: str) -> None:
        super().__init__(f"page token refused: {problem}", problem=problem)


class ResourceNotFound(NotFound):
    """`resource` is its kind and name, "tag rfm_class"; `suggestion` a near name, when there is one."""

    def __init__(self, resource: str, suggestion: str = "") -> None:
        hint = f"; did you mean {suggestion!r}?" if suggestion else ""
        details = {"suggestion": suggestion} if suggestion else {}
        super().__init__(f"{resource} does not exist{hint}", resource=resource, **details)


class ResourceExists(AlreadyExists):
    """`resource` is its kind and name."""

    def __init__(self, resource: str) -> None:
        super().__init__(f"{resource} exists already with different content", resource=resource)


class EtagStale(Stale):
    """`etag` is the stored one."""

    def __init__(self, resource: str, etag: str) -> None:
        super().__init__(f"{resource} has changed: read it again and repeat", resource=resource, etag=etag)


class WrongState(StateConflict):
    """`state` is the state the resource is in; `problem` what that forbids."""

    def __init__(self, resource: str, state: str, problem: str) -> None:
        super().__init__(f"{resource} is {state}: {problem}", resource=resource, state=state)


class RightMissing(Forbidden):
    """The caller's roles do not carry `right`."""

    def __init__(self, right: str) -> None:
        super().__init__(f"this key's roles do not carry the right {right!r}", right=right)


class KeyUnknown(Unauthenticated):
    """No key, or one that is not known."""

    def __init__(self, hint: str) -> None:
        super().__init__(f"key refused: {hint}", hint=hint)


class QueueFull(Exhausted):
    """A bounded queue is full."""

    def __init__(self, queue: str, limit: int) -> None:
        super().__init__(
            f"the queue of {queue} is full ({limit}): slow down and repeat", queue=queue, limit=limit
        )


class UpstreamUnavailable(Unavailable):
    """A service to the left cannot be reached."""

    def __init__(self, service: str) -> None:
        super().__init__(f"{service} cannot be reached: repeat", service=service)


def _clipped(text: str, max_bytes: int) -> str:
    encoded = text.encode()
    if len(encoded) <= max_bytes:
        return text
    return encoded[: max_bytes - 3].decode(errors="ignore") + "…"
