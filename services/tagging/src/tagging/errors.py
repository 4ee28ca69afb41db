"""Errors of this service, one class per reason of its contract."""

import re
from collections.abc import Collection
from difflib import get_close_matches

from rules.errors import Problem
from servicekit.errors import Exhausted, Forbidden, InvalidInput, NotFound, StateConflict

DOMAIN = "tagging.huaxiang"
_SUGGESTED = re.compile(r"did you mean '([^']+)'")


class RuleInvalid(InvalidInput):
    """A rule or expression is malformed or names something unknown; `tag_id` is "" outside definitions."""

    domain = DOMAIN
    reason = "RULE_INVALID"

    def __init__(self, problems: tuple[Problem, ...], tag_id: str = "", field: str = "") -> None:
        first = problems[0]
        where = f"tag '{tag_id}', {field}: " if tag_id else ""
        suggested = _SUGGESTED.search(first.hint)
        metadata = {"problem": first.message, "line": first.line, "column": first.column}
        if first.hint:
            metadata["suggestion"] = suggested[1] if suggested else first.hint
        if tag_id:
            metadata |= {"tag_id": tag_id, "field": field}
        super().__init__(where + "; ".join(str(each) for each in problems), **metadata)


class DefinitionRefused(InvalidInput):
    """A definition breaks its limits."""

    domain = DOMAIN
    reason = "DEFINITION_INVALID"

    def __init__(self, tag_id: str, field: str, problem: str) -> None:
        super().__init__(f"tag '{tag_id}', {field}: {problem}", tag_id=tag_id, field=field, problem=problem)


class TagCircle(InvalidInput):
    """Tags refer to each other in a circle."""

    domain = DOMAIN
    reason = "TAG_CYCLE"

    def __init__(self, path: tuple[str, ...]) -> None:
        told = " -> ".join(path)
        super().__init__(f"tags refer to each other in a circle: {told}", path=told)


class TagInUse(StateConflict):
    """The tag is used by others."""

    domain = DOMAIN
    reason = "TAG_IN_USE"

    def __init__(self, tag_id: str, used_by: Collection[str]) -> None:
        users = ", ".join(used_by)
        super().__init__(
            f"tag '{tag_id}' is used by {users}: change these first, or force it with a reason",
            tag_id=tag_id,
            used_by=users,
        )


class PersonUnknown(NotFound):
    """No living person has this id."""

    domain = DOMAIN
    reason = "PERSON_UNKNOWN"

    def __init__(self, person_id: int) -> None:
        super().__init__(f"no living person has the id {person_id}", person_id=person_id)


class TableFull(Exhausted):
    """A reference table has as many rows as allowed, versions counted."""

    domain = DOMAIN
    reason = "TABLE_FULL"

    def __init__(self, table: str, count: int, limit: int) -> None:
        super().__init__(
            f"table '{table}' would have {count} rows with their versions, the limit is {limit}: "
            "state only what changed, and leave out columns that no rule reads",
            table=table,
            count=count,
            limit=limit,
        )


class EventTypeInvalid(InvalidInput):
    """A declaration of an event type breaks its limits."""

    domain = DOMAIN
    reason = "EVENT_TYPE_INVALID"

    def __init__(self, event_type: str, field: str, problem: str) -> None:
        super().__init__(
            f"event type '{event_type}', {field}: {problem}",
            event_type=event_type,
            field=field,
            problem=problem,
        )


class EventTypeInUse(StateConflict):
    """Rules read what would go or be of another type."""

    domain = DOMAIN
    reason = "EVENT_TYPE_IN_USE"

    def __init__(self, event_type: str, used_by: Collection[str]) -> None:
        users = ", ".join(used_by)
        super().__init__(
            f"event type '{event_type}' is read by {users}: change these first, or keep what they read",
            event_type=event_type,
            used_by=users,
        )


class EventTypeQuota(Exhausted):
    """The tenant has declared as many event types as allowed."""

    domain = DOMAIN
    reason = "EVENT_TYPE_QUOTA"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"{limit} event types are declared, which is the limit: delete some first", limit=limit
        )


class TableUnknown(NotFound):
    """There is no such reference table."""

    domain = DOMAIN
    reason = "TABLE_UNKNOWN"

    def __init__(self, table: str, known: Collection[str]) -> None:
        listed = ", ".join(sorted(known))
        super().__init__(f"no reference table '{table}'; these exist: {listed}", table=table, known=listed)


class FeatureQuota(Exhausted):
    """The tenant needs more features than allowed."""

    domain = DOMAIN
    reason = "FEATURE_QUOTA"

    def __init__(self, count: int, limit: int) -> None:
        super().__init__(f"{count} features are needed, the limit is {limit}", count=count, limit=limit)


class TagStateConflict(StateConflict):
    """The step does not fit the state that the tag or its draft is in; `fitting` are the states that it fits."""

    domain = DOMAIN
    reason = "TAG_STATE"

    def __init__(self, message: str, tag_id: str, state: str, step: str, fitting: Collection[str]) -> None:
        super().__init__(message, tag_id=tag_id, state=state, step=step, fitting=", ".join(fitting))


class StepForbidden(Forbidden):
    """The step is for others."""

    domain = DOMAIN
    reason = "STEP_FORBIDDEN"

    def __init__(self, message: str, tag_id: str, step: str, who: str) -> None:
        super().__init__(message, tag_id=tag_id, step=step, who=who)


class OwnReview(Forbidden):
    """Nobody reviews or decides on their own; `named` is the tag's or the request's id under its field's name."""

    domain = DOMAIN
    reason = "OWN_REVIEW"

    def __init__(self, message: str, step: str, because: str, **named: str) -> None:
        super().__init__(message, step=step, because=because, **named)


class DraftOutdated(StateConflict):
    """What is in force changed since the draft was last written."""

    domain = DOMAIN
    reason = "DRAFT_OUTDATED"

    def __init__(self, tag_id: str) -> None:
        super().__init__(
            f"tag '{tag_id}': what is in force has changed since the draft was written: withdraw it, compare, and "
            "write it again",
            tag_id=tag_id,
        )


class RequestClosed(StateConflict):
    """The request is not open."""

    domain = DOMAIN
    reason = "REQUEST_STATE"

    def __init__(self, tag_request_id: str, state: str) -> None:
        super().__init__(
            f"request '{tag_request_id}' is {state}, not open", tag_request_id=tag_request_id, state=state
        )


class RequestQuota(Exhausted):
    """Too many requests are open."""

    domain = DOMAIN
    reason = "REQUEST_QUOTA"

    def __init__(self, count: int, limit: int) -> None:
        super().__init__(
            f"{count} requests are open, the limit is {limit}: decide on some first", count=count, limit=limit
        )


class NamingRefused(InvalidInput):
    """The tenant's naming rules refuse the id."""

    domain = DOMAIN
    reason = "NAMING_REFUSED"

    def __init__(self, tag_id: str, problem: str, pattern: str, word: str, example: str) -> None:
        told = {"pattern": pattern, "word": word, "example": example}
        hint = f"; for example '{example}'" if example else ""
        super().__init__(
            f"tag_id '{tag_id}': {problem}{hint}",
            tag_id=tag_id,
            problem=problem,
            **{name: text for name, text in told.items() if text},
        )


class CategoryUnknown(InvalidInput):
    """There is no such category."""

    domain = DOMAIN
    reason = "CATEGORY_UNKNOWN"

    def __init__(self, category: str, suggestion: str = "") -> None:
        hint = f"; did you mean '{suggestion}'?" if suggestion else ": make it first"
        details = {"suggestion": suggestion} if suggestion else {}
        super().__init__(f"there is no category '{category}'{hint}", category=category, **details)


class CategoryInUse(StateConflict):
    """Categories, tags or drafts stand there."""

    domain = DOMAIN
    reason = "CATEGORY_IN_USE"

    def __init__(self, category: str, used_by: Collection[str]) -> None:
        users = ", ".join(used_by)
        super().__init__(
            f"category '{category}' holds {users}: move them first", category=category, used_by=users
        )


class CategoryQuota(Exhausted):
    """The tree is full."""

    domain = DOMAIN
    reason = "CATEGORY_QUOTA"

    def __init__(self, count: int, limit: int) -> None:
        super().__init__(
            f"the tree would have {count} categories, the limit is {limit}", count=count, limit=limit
        )


class TagRetired(StateConflict):
    """A retired tag comes back through a draft only."""

    domain = DOMAIN
    reason = "TAG_RETIRED"

    def __init__(self, tag_id: str, replacement: str) -> None:
        instead = f"use '{replacement}' instead" if replacement else "take it out of the files"
        super().__init__(
            f"tag '{tag_id}' is retired: {instead}, or bring it back through a draft",
            tag_id=tag_id,
            **({"replacement": replacement} if replacement else {}),
        )


class TemplateRefused(InvalidInput):
    """A portrait template breaks its limits."""

    domain = DOMAIN
    reason = "TEMPLATE_INVALID"

    def __init__(self, template_id: str, field: str, problem: str) -> None:
        super().__init__(
            f"template '{template_id}', {field}: {problem}",
            template_id=template_id,
            field=field,
            problem=problem,
        )


class TemplateForbidden(Forbidden):
    """The caller has none of the roles that may read by the template."""

    domain = DOMAIN
    reason = "TEMPLATE_FORBIDDEN"

    def __init__(self, template_id: str) -> None:
        super().__init__(
            f"template '{template_id}' is for other roles: read without it, or have a role added to it",
            template_id=template_id,
        )


class TemplateQuota(Exhausted):
    """The tenant has as many portrait templates as allowed."""

    domain = DOMAIN
    reason = "TEMPLATE_QUOTA"

    def __init__(self, limit: int) -> None:
        super().__init__(f"there are {limit} portrait templates already: delete one first", limit=limit)


class TagNotStated(StateConflict):
    """Values of the tag are computed, nobody states them."""

    domain = DOMAIN
    reason = "TAG_NOT_STATED"

    def __init__(self, tag_id: str, kind: str) -> None:
        super().__init__(
            f"values of tag '{tag_id}' are computed ({kind}): only imported and manual tags take values",
            tag_id=tag_id,
            kind=kind,
        )


class VersionsNotKept(StateConflict):
    """Versions of the tag's values do not reach back so far; `kept_since` is "" when none are kept."""

    domain = DOMAIN
    reason = "VERSIONS_NOT_KEPT"

    def __init__(self, tag_id: str, kept_since: str) -> None:
        reach = f"reach back to {kept_since}" if kept_since else "are not kept: give the tag keep_days"
        super().__init__(f"versions of tag '{tag_id}' {reach}", tag_id=tag_id, kept_since=kept_since)


def nearest(name: str, candidates: Collection[str]) -> str:
    """The nearest candidate, "" when none is near."""
    found = get_close_matches(name, candidates, n=1)
    return found[0] if found else ""
