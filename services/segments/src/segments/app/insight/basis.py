"""What an answer about audiences rests on, and which tags its caller may ask about."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from segments.app.freshness_notes import Freshness, freshness_of
from segments.app.insight.audiences import Persons, Resolving
from segments.app.names import nearest
from segments.app.readable import SENSITIVE, MayRead
from segments.app.standing import TenantSegments
from segments.errors import TagNotReadable
from servicekit.errors import ResourceNotFound
from servicekit.revision import Revision


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: which grades of tags may be read, and of how few persons cells are withheld (0: of none)."""

    may_read: MayRead
    fewest: int


@dataclass(frozen=True, slots=True)
class TagFreshness:
    """`as_of` is None for a tag that only runs compute."""

    tag_id: str
    as_of: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Basis:
    """The last part of every answer. `purposes` of sensitive tags, in order."""

    freshness: Freshness
    read_at: Revision
    tags: tuple[TagFreshness, ...]
    purposes: tuple[str, ...]
    withheld_below: int


def require_readable(segments: TenantSegments, tag_ids: Iterable[str], may_read: MayRead) -> None:
    """Distributions tell of values themselves, so every grade counts. Raises ResourceNotFound, TagNotReadable with the
    names of all that the caller may not read."""
    known = segments.index.tags
    forbidden, rights = [], set()
    for tag_id in tag_ids:
        if tag_id not in known:
            raise ResourceNotFound(f"tag {tag_id!r}", nearest(tag_id, known))
        if not may_read(known[tag_id].grade):
            forbidden.append(tag_id)
            rights.add(f"tagging.values.read_{known[tag_id].grade}")
    if forbidden:
        raise TagNotReadable(sorted(forbidden), sorted(rights))


def basis_of(
    resolving: Resolving,
    audiences: Sequence[Persons],
    tag_ids: Iterable[str],
    caller: Caller,
    evaluate_us: int,
) -> Basis:
    """Of an answer about these audiences and tags."""
    segments, now = resolving.segments, resolving.now
    index = segments.index
    rules = [each.rule for each in audiences if each.rule is not None]
    standing = [each.rule for each in audiences if each.rule is not None and each.standing]
    asked = {*tag_ids, *(tag_id for rule in rules for tag_id in rule.tags)} & index.tags.keys()
    today = index.as_of(now)
    notes = replace(
        freshness_of(segments, rules, now, evaluate_us=evaluate_us),
        as_of=min((segments.as_of(rule, now) for rule in standing), default=today),
        population_count=max((each.population_count for each in audiences), default=0),
    )
    sensitive = (index.tags[each] for each in asked if index.tags[each].grade == SENSITIVE)
    purposes = {each.purpose for each in sensitive if each.purpose}
    return Basis(
        freshness=notes,
        read_at=resolving.version.revision,
        tags=tuple(
            TagFreshness(each, None if index.tags[each].run_only else today) for each in sorted(asked)
        ),
        purposes=tuple(sorted(purposes.union(*(each.purposes for each in audiences)))),
        withheld_below=caller.fewest,
    )
