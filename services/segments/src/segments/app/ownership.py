"""Whose a segment is to change, and what must be said of a change."""

from segments.domain.people import Actor
from segments.domain.segment import Segment
from segments.domain.versions import MAX_REASON_CHARS
from segments.errors import StepForbidden
from servicekit.errors import InvalidField


def require_owner(segment: Segment, actor: Actor, step: str) -> None:
    """Raises StepForbidden."""
    owner = segment.draft.owner
    if not actor.may_change(owner):
        raise StepForbidden(segment.segment_id, step, owner)


def require_reason(reason: str, *, needed: bool = False) -> None:
    """Raises InvalidField for one that is too long, or missing where it is needed."""
    if needed and not reason.strip():
        raise InvalidField("reason", "is empty: say why it is forced")
    if len(reason) > MAX_REASON_CHARS:
        raise InvalidField("reason", f"is longer than {MAX_REASON_CHARS} characters")
