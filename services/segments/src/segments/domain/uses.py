"""Who uses segments, as other services report it, and segments themselves."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

MAX_USES = 20_000
MAX_CONSUMER_CHARS = 64
MAX_USER_CHARS = 128
MAX_SEGMENTS_OF_USE = 500
CAMPAIGN = "campaign"


@dataclass(frozen=True, slots=True)
class SegmentUse:
    """Something of a kind that rests on segments."""

    kind: str
    name: str
    segment_ids: tuple[str, ...]


def dependents(referred: Mapping[str, Collection[str]], segment_id: str) -> list[str]:
    """The segments that refer to one, at any depth, in order; `referred`: segment -> those that it refers to."""
    found: set[str] = set()
    waiting = [segment_id]
    while waiting:
        here = waiting.pop()
        users = {name for name, inner in referred.items() if here in inner} - found - {segment_id}
        found |= users
        waiting += users
    return sorted(found)
