"""The versions of what is said of a segment."""

import datetime as dt
from dataclasses import dataclass

from segments.domain.segment import Draft, Segment

MAX_REASON_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class Saying:
    """Who changes a segment, why and when."""

    subject: str
    reason: str
    time: dt.datetime


@dataclass(frozen=True, slots=True)
class SegmentVersion:
    """What was said from a moment on; `saying.subject` is empty for what was said before versions were kept."""

    version: int
    draft: Draft
    canonical_rule: str
    saying: Saying

    @classmethod
    def of(cls, segment: Segment, saying: Saying) -> "SegmentVersion":
        """The version that a segment is at."""
        return cls(segment.version, segment.draft, segment.canonical_rule, saying)


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A field of the contract's Segment that differs, as texts."""

    field: str
    old: str
    new: str


def differing_fields(old: Draft, new: Draft) -> tuple[FieldDifference, ...]:
    """In the order of the contract's Segment."""
    before, after = _texts(old), _texts(new)
    return tuple(
        FieldDifference(field, before[field], after[field])
        for field in before
        if before[field] != after[field]
    )


def _texts(draft: Draft) -> dict[str, str]:
    return {
        "display_name": draft.display_name,
        "description": draft.description,
        "rule": draft.rule,
        "population": draft.population.value,
        "brand": draft.brand,
        "folder": draft.folder,
        "owner": draft.owner,
    }
