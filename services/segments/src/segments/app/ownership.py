"""Whose a segment is to change."""

from segments.domain.people import Actor
from segments.domain.segment import Segment
from segments.errors import StepForbidden


def require_owner(segment: Segment, actor: Actor, step: str) -> None:
    """Raises StepForbidden."""
    owner = segment.draft.owner
    if not actor.may_change(owner):
        raise StepForbidden(segment.segment_id, step, owner)
