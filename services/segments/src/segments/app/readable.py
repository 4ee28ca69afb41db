"""Which grades of tags and events a caller must be allowed to read to select by them, and to see why somebody is in.

Whom a rule selects tells something of what is in it, but of many at once: only what is sensitive is kept from those who
may not read it. An explanation, and persons as examples, tell one person's values: every grade counts there, as in a
portrait.
"""

from collections.abc import Callable, Iterator

from segments.app.rule_reading import ReadRule
from segments.app.tenant_segments import TenantSegments
from servicekit.errors import RightMissing

MayRead = Callable[[str], bool]
"""Whether the caller may read tags and events of a grade."""
SENSITIVE = "sensitive"


def selectable_grades(may_read: MayRead) -> frozenset[str]:
    """Of tags and events that the caller may select and count many persons by."""
    return frozenset({"public", "internal", "personal"} | ({SENSITIVE} if may_read(SENSITIVE) else set()))


def require_selectable(segments: TenantSegments, rule: ReadRule, may_read: MayRead) -> None:
    """Of the tags and events that the rule itself names. Raises RightMissing."""
    if SENSITIVE in _grades(segments, rule) and not may_read(SENSITIVE):
        raise _missing(SENSITIVE)


def require_explainable(segments: TenantSegments, rule: ReadRule, may_read: MayRead) -> None:
    """Of the rule and of every segment that it refers to, which an explanation shows, too. Raises RightMissing."""
    for grade in unreadable_grades(segments, rule, may_read):
        raise _missing(grade)


def unreadable_grades(segments: TenantSegments, rule: ReadRule, may_read: MayRead) -> list[str]:
    """Those of the rule, and of every segment that it refers to, that the caller may not read, in order."""
    found = {grade for each in _with_inner(segments, rule) for grade in _grades(segments, each)}
    return sorted(grade for grade in found if not may_read(grade))


def purposes_of(segments: TenantSegments, rule: ReadRule) -> tuple[str, ...]:
    """What the sensitive tags and events of the rule, and of segments that it refers to, are kept for, in order."""
    found: set[str] = set()
    for each in _with_inner(segments, rule):
        known = (segments.index.tags.get(tag_id) for tag_id in each.tags)
        found |= {tag.purpose for tag in known if tag is not None and tag.grade == SENSITIVE and tag.purpose}
        found |= {event.purpose for event in each.graded if event.grade == SENSITIVE and event.purpose}
    return tuple(sorted(found))


def _with_inner(segments: TenantSegments, rule: ReadRule) -> Iterator[ReadRule]:
    """Segments never refer to each other in a circle."""
    waiting = [rule]
    while waiting:
        here = waiting.pop()
        yield here
        for name in here.segments:
            inner = segments.get(name)
            if inner is not None and inner.rule is not None:
                waiting.append(inner.rule)


def _grades(segments: TenantSegments, rule: ReadRule) -> set[str]:
    known = segments.index.tags
    of_tags = {known[tag_id].grade for tag_id in rule.tags if tag_id in known}
    return of_tags | {each.grade for each in rule.graded}


def _missing(grade: str) -> RightMissing:
    return RightMissing(f"tagging.values.read_{grade}")
