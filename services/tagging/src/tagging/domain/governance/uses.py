"""Who uses tags: other tags by their definitions, segments and campaigns by their own report."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from tagging.domain.definition import TagDefinition
from tagging.domain.dependencies import dependents

MAX_USES = 20_000
MAX_NAMES = 500
MAX_NAME_CHARACTERS = 128


class UserKind(Enum):
    SEGMENT = "segment"
    CAMPAIGN = "campaign"


@dataclass(frozen=True, slots=True)
class TagUse:
    """Something that uses tags by name, and those of `segments`."""

    kind: UserKind
    name: str
    tag_ids: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()


class UseInvalid(ValueError):
    """A report breaks its limits."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


def check(uses: Iterable[TagUse]) -> None:
    """Raises UseInvalid for the first fault."""
    seen: set[tuple[UserKind, str]] = set()
    for place, each in enumerate(uses):
        if not 1 <= len(each.name) <= MAX_NAME_CHARACTERS:
            raise UseInvalid(f"uses[{place}].name", f"has 1 to {MAX_NAME_CHARACTERS} characters")
        if (each.kind, each.name) in seen:
            raise UseInvalid(f"uses[{place}].name", f"{each.kind.value} '{each.name}' is stated twice")
        seen.add((each.kind, each.name))
        for field, names in (("tag_ids", each.tag_ids), ("segments", each.segments)):
            if len(names) > MAX_NAMES:
                raise UseInvalid(f"uses[{place}].{field}", f"holds {len(names)}, the limit is {MAX_NAMES}")
            if any(not 1 <= len(name) <= MAX_NAME_CHARACTERS for name in names):
                raise UseInvalid(
                    f"uses[{place}].{field}", f"names have 1 to {MAX_NAME_CHARACTERS} characters"
                )


@dataclass(frozen=True, slots=True)
class Users:
    """All that rests on a tag, in order of name: tags and segments at any depth, campaigns."""

    tag_ids: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    campaigns: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tag_ids or self.segments or self.campaigns)

    def told(self) -> list[str]:
        """For an error: kind and name."""
        return [
            *(f"tag {each}" for each in self.tag_ids),
            *(f"segment {each}" for each in self.segments),
            *(f"campaign {each}" for each in self.campaigns),
        ]


def users(tag_id: str, rests_on: Mapping[str, Collection[str]], uses: Iterable[TagUse]) -> Users:
    """`rests_on`: tag -> the tags that its definition names."""
    tags = dependents([tag_id], rests_on)
    reported = list(uses)
    segments = {each.name for each in reported if each.kind is UserKind.SEGMENT and tags & {*each.tag_ids}}
    inner = {each.name: each.segments for each in reported if each.kind is UserKind.SEGMENT}
    segments = dependents(segments, inner) & inner.keys()
    campaigns = {
        each.name
        for each in reported
        if each.kind is UserKind.CAMPAIGN and (tags & {*each.tag_ids} or segments & {*each.segments})
    }
    return Users(tuple(sorted(tags - {tag_id})), tuple(sorted(segments)), tuple(sorted(campaigns)))


def lost_values(old: TagDefinition, new: TagDefinition) -> tuple[str, ...]:
    """Values that rules could name and cannot any more: those that a list loses by being closed shorter."""
    if not new.value_type.closed:
        return ()
    kept = {each.value for each in new.value_type.options}
    return tuple(each.value for each in old.value_type.options if each.value not in kept)


def is_breaking(old: TagDefinition, new: TagDefinition) -> bool:
    """Whether rules that name the tag may not hold any more."""
    before, after = old.value_type, new.value_type
    same = (before.base, before.multi_valued) == (after.base, after.multi_valued)
    return not same or bool(lost_values(old, new)) or (after.closed and not before.closed)
