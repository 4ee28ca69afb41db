"""What applying definitions would change: the plan, and the stored tags it is made against."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from .definition import TagDefinition
from .document import flatten, to_document


@dataclass(frozen=True, slots=True)
class Tag:
    """A definition in force. `coverage`: persons with a value. `replacement`: what to use
    instead of a deprecated tag."""

    definition: TagDefinition
    version: int
    update_time: dt.datetime
    coverage: int = 0
    deprecated: bool = False
    replacement: str = ""

    @property
    def tag_id(self) -> str:
        return self.definition.tag_id

    @property
    def etag(self) -> str:
        """Changes with every change of the definition."""
        text = json.dumps([self.version, to_document(self.definition)], sort_keys=True, ensure_ascii=False)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class ChangeOfTag(Enum):
    CREATED = "created"
    REDEFINED = "redefined"
    DESCRIBED = "described"
    DELETED = "deleted"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """`field` is the path in the document; a side is "" where the field is absent."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What happens to one tag; `tag` is what is in force afterwards, for a deleted one what was."""

    tag_id: str
    change: ChangeOfTag
    tag: Tag
    fields: tuple[FieldDifference, ...] = ()


def catalogue_etag(tags: Iterable[Tag]) -> str:
    """Changes when any tag of the tenant changes, comes or goes."""
    text = json.dumps(sorted((each.tag_id, each.etag) for each in tags))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def plan(
    stored: Mapping[str, Tag],
    given: Iterable[TagDefinition],
    now: dt.datetime,
    *,
    delete_missing: bool = False,
    versions: Mapping[str, int] | None = None,
) -> tuple[Difference, ...]:
    """One difference per tag given, and per tag deleted, in order of tag_id. `given` names each tag once. `versions`:
    the latest number of tags that were in force before, which go on from there."""
    wanted = {each.tag_id: each for each in given}
    before = versions or {}
    found = [
        _difference(stored.get(tag_id), definition, now, before.get(tag_id, 0))
        for tag_id, definition in wanted.items()
    ]
    if delete_missing:
        found += [
            Difference(tag_id, ChangeOfTag.DELETED, tag, differing_fields(tag.definition, None))
            for tag_id, tag in stored.items()
            if tag_id not in wanted
        ]
    return tuple(sorted(found, key=lambda each: each.tag_id))


def _difference(old: Tag | None, new: TagDefinition, now: dt.datetime, version: int) -> Difference:
    if old is None:
        return Difference(
            new.tag_id, ChangeOfTag.CREATED, Tag(new, version + 1, now), differing_fields(None, new)
        )
    if old.definition == new:
        return Difference(new.tag_id, ChangeOfTag.UNCHANGED, old)
    fields = differing_fields(old.definition, new)
    if old.definition.meaning == new.meaning:
        described = replace(old, definition=new, update_time=now)
        return Difference(new.tag_id, ChangeOfTag.DESCRIBED, described, fields)
    redefined = replace(old, definition=new, version=old.version + 1, update_time=now, coverage=0)
    return Difference(new.tag_id, ChangeOfTag.REDEFINED, redefined, fields)


def differing_fields(old: TagDefinition | None, new: TagDefinition | None) -> tuple[FieldDifference, ...]:
    """In the document's order."""
    before = flatten(to_document(old)) if old else {}
    after = flatten(to_document(new)) if new else {}
    return tuple(
        FieldDifference(field, before.get(field, ""), after.get(field, ""))
        for field in dict.fromkeys([*before, *after])
        if before.get(field) != after.get(field)
    )
