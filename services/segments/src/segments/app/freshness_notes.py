"""What an answer rests on, in words."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from segments.app.rule_reading import ReadRule
from segments.app.standing import Standing
from segments.app.tenant_segments import TenantSegments
from segments.app.windows_ahead import windows_ahead
from segments.store.ports import TenantIndex


@dataclass(frozen=True, slots=True)
class TagFreshness:
    """`as_of`: the moment that its values hold for; of a tag that only runs compute the one that was told last, None
    when none was."""

    tag_id: str
    by_runs: bool
    as_of: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Freshness:
    """`as_of`: the moment that windows and dates were read at. `tags`: in order, each that the answer rests on."""

    as_of: dt.datetime
    population_count: int
    warnings: tuple[str, ...]
    evaluate_us: int
    tags: tuple[TagFreshness, ...] = ()


def freshness_of(
    segments: TenantSegments, rules: Sequence[ReadRule], now: dt.datetime, *, evaluate_us: int = 0
) -> Freshness:
    """Of an answer about some rules. Of several the oldest moment and the largest population."""
    index, tags = segments.index, segments.index.tags
    today = index.as_of(now)
    warnings = dict.fromkeys(warning for rule in rules for warning in rule.warnings)
    if by_runs := {each for rule in rules for each in rule.tags if each in tags and tags[each].run_only}:
        told = ", ".join(_last_told(index, each) for each in sorted(by_runs))
        warnings[f"computed by runs only: {told}"] = None
    if index.day is not None and today < now:
        warnings[f"day windows still stand at {index.day.day}"] = None
    for name in sorted({name for rule in rules for name in rule.segments}):
        if (inner := segments.get(name)) is not None and inner.stale:
            warnings[_waiting(inner)] = None
    warnings |= dict.fromkeys(windows_ahead(segments, rules, today))
    return Freshness(
        as_of=min((segments.as_of(rule, now) for rule in rules), default=today),
        population_count=max((len(index.population(rule.population)) for rule in rules), default=0),
        warnings=tuple(warnings),
        evaluate_us=evaluate_us,
        tags=freshness_of_tags(index, _tags_of(segments, rules), today),
    )


def freshness_of_tags(
    index: TenantIndex, tag_ids: Iterable[str], today: dt.datetime
) -> tuple[TagFreshness, ...]:
    """In order of the tags, without those that are not there; `today`: the moment that live ones hold for."""
    return tuple(
        TagFreshness(each, by_runs, index.as_ofs.get(each) if by_runs else today)
        for each in sorted(set(tag_ids) & index.tags.keys())
        for by_runs in (index.tags[each].run_only,)
    )


def elapsed_us(nanoseconds: int) -> int:
    """Whole microseconds, rounded up: whatever was computed took time."""
    return -(-nanoseconds // 1_000)


def valueless(segments: TenantSegments, rules: Sequence[ReadRule]) -> tuple[str, ...]:
    """The tags that nobody has a value of, in words: to find nobody by them tells nothing of people."""
    index = segments.index
    named = {each for rule in rules for each in rule.tags if each in index.tags}
    empty = sorted(each for each in named if index.is_empty(each))
    if not empty:
        return ()
    return (f"never computed, or unknown of everybody: {', '.join(empty)}",)


def freshness_of_members(
    segments: TenantSegments, standing: Sequence[Standing], now: dt.datetime
) -> Freshness:
    """Of an answer about some segments' members, who may be of an earlier moment than their rules would be."""
    notes = freshness_of(segments, [each.rule for each in standing if each.rule is not None], now)
    times = sorted({each.frozen.time for each in standing if each.frozen is not None})
    if not times:
        return notes
    settled = sorted({each.settled.time for each in standing if each.settled is not None})
    told = [f"the members are those of {time.isoformat(timespec='seconds')}" for time in settled]
    told += [_waiting(each) for each in standing if each.stale]
    warnings = tuple(dict.fromkeys((*notes.warnings, *told)))
    return replace(notes, as_of=min(notes.as_of, times[0]), warnings=warnings)


def _tags_of(segments: TenantSegments, rules: Sequence[ReadRule]) -> set[str]:
    """All that the rules look at, and the segments that they refer to, at any depth."""
    tags: set[str] = set()
    seen: set[str] = set()
    waiting = list(rules)
    while waiting:
        rule = waiting.pop()
        tags |= rule.tags
        inner = (segments.get(name) for name in rule.segments - seen)
        seen |= rule.segments
        waiting.extend(each.rule for each in inner if each is not None and each.rule is not None)
    return tags


def _last_told(index: TenantIndex, tag_id: str) -> str:
    """With the moment that the values hold for, where a run has told it: one that changed none tells nothing."""
    as_of = index.as_ofs.get(tag_id)
    return tag_id if as_of is None else f"{tag_id} (told last as of {as_of.isoformat(timespec='seconds')})"


def _waiting(standing: Standing) -> str:
    """Of one whose members are those of before."""
    return f"segment '{standing.segment.segment_id}' is being computed anew: {standing.segment.note}"
