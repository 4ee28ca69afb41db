"""What an answer about audiences rests on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from segments.app.freshness_notes import (
    Freshness,
    TagFreshness,
    freshness_of,
    freshness_of_members,
    freshness_of_tags,
)
from segments.app.insight.audiences import Persons, Resolving
from segments.app.readable import SENSITIVE, MayRead
from servicekit.revision import Revision


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: which grades of tags may be read, and of how few persons cells are withheld (0: of none)."""

    may_read: MayRead
    fewest: int


@dataclass(frozen=True, slots=True)
class Basis:
    """The last part of every answer. `purposes` of sensitive tags, in order."""

    freshness: Freshness
    read_at: Revision
    tags: tuple[TagFreshness, ...]
    purposes: tuple[str, ...]
    withheld_below: int


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
    standing = [each.standing for each in audiences if each.standing is not None]
    asked = {*tag_ids, *(tag_id for rule in rules for tag_id in rule.tags)} & index.tags.keys()
    today = index.as_of(now)
    notes, of_members = freshness_of(segments, rules, now), freshness_of_members(segments, standing, now)
    freshness = Freshness(
        as_of=of_members.as_of,
        population_count=max((each.population_count for each in audiences), default=0),
        warnings=tuple(dict.fromkeys((*notes.warnings, *of_members.warnings))),
        evaluate_us=evaluate_us,
    )
    sensitive = (index.tags[each] for each in asked if index.tags[each].grade == SENSITIVE)
    purposes = {each.purpose for each in sensitive if each.purpose}
    return Basis(
        freshness=freshness,
        read_at=resolving.version.revision,
        tags=freshness_of_tags(index, asked, today),
        purposes=tuple(sorted(purposes.union(*(each.purposes for each in audiences)))),
        withheld_below=caller.fewest,
    )
