"""Errors of this service, one class per reason of its contract."""

import re
from collections.abc import Collection
from difflib import get_close_matches

from rules.errors import Problem
from servicekit.errors import Exhausted, InvalidInput, NotFound, StateConflict

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
        users = ", ".join(sorted(used_by))
        super().__init__(
            f"tag '{tag_id}' is used by {users}: change these first", tag_id=tag_id, used_by=users
        )


class PersonUnknown(NotFound):
    """No living person has this id."""

    domain = DOMAIN
    reason = "PERSON_UNKNOWN"

    def __init__(self, person_id: int) -> None:
        super().__init__(f"no living person has the id {person_id}", person_id=person_id)


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


def nearest(name: str, candidates: Collection[str]) -> str:
    """The nearest candidate, "" when none is near."""
    found = get_close_matches(name, candidates, n=1)
    return found[0] if found else ""
