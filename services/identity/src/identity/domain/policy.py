"""The linking policy: which namespaces there are, how strong they are, and when a key links nothing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from identity.domain.blocking import MAX_PATTERN_CHARS, BlockedList, blocked_list, compiled

MAX_NAMESPACES = 64
MAX_DAYS = 3_650
MAX_LIMIT = 100_000
MAX_ID_CHARS = 128
_OWN_NAME = re.compile(r"[a-z][a-z0-9_]{1,31}")
_WORDS_OF_POLICY = frozenset({"version", "max_person_keys", "max_component_keys", "namespaces"})
_WORDS_OF_NAMESPACE = frozenset(
    {
        "name",
        "grade",
        "unique",
        "scope",
        "form",
        "limits",
        "verified_only",
        "validity_days",
        "person_limit",
        "blocked_values",
        "blocked_patterns",
        "pattern",
        "max_length",
    }
)


class Grade(StrEnum):
    """How much a namespace says: a strong one makes a person known, a weak one is a device."""

    STRONG = "strong"
    WEAK = "weak"


class Form(StrEnum):
    """How the values of a namespace are normalised."""

    PHONE = "phone"
    EMAIL = "email"
    TEXT = "text"
    TOKEN = "token"  # noqa: S105  # a word of the policy
    DEVICE = "device"
    ID = "id"


@dataclass(frozen=True, slots=True)
class PersonLimit:
    """A person holds at most `count` values of a namespace and scope that were last seen within any `window_days`."""

    count: int
    window_days: int


@dataclass(frozen=True)
class IdShape:
    """What the values of a tenant's own namespace look like: at most `max_length` characters that the pattern (RE2),
    if there is one, matches as a whole."""

    pattern: str
    max_length: int
    _matcher: Any = field(compare=False, repr=False)

    def fits(self, value: str) -> bool:
        """Whether a value in normal form looks so."""
        return len(value) <= self.max_length and (
            self._matcher is None or self._matcher.fullmatch(value) is not None
        )


@dataclass(frozen=True, slots=True)
class NamespacePolicy:
    """One namespace. `priority` 0 is the strongest.

    `limits` says with how many values of this namespace and scope another, non-unique key may be seen before it
    counts as shared: by the other key's namespace, else by its grade; without either it is not judged.
    `verified_only`: a key links only where one record says that it was verified. `validity_days`: what was seen with
    a non-unique key before a silence of that length was another holder's and links nothing; 0 is for ever. `shape` is
    of the form ID alone, which the namespaces of a tenant have.
    """

    name: str
    priority: int
    grade: Grade
    unique: bool
    scoped_by_source: bool
    form: Form
    limits: Mapping[str, int]
    verified_only: bool = False
    validity_days: int = 0
    person_limit: PersonLimit | None = None
    blocked: BlockedList | None = None
    shape: IdShape | None = None

    def limit_for(self, judged: "NamespacePolicy") -> int | None:
        """How many values of this namespace a key of `judged` may be seen with; None is any number."""
        return self.limits.get(judged.name, self.limits.get(judged.grade))


@dataclass(frozen=True)
class Policy:
    """`max_person_keys`: a link that would make a larger person is not made. `max_component_keys`: where more keys
    hang together, shared ones not crossed, only unique namespaces link."""

    version: int
    max_person_keys: int
    namespaces: Mapping[str, NamespacePolicy]
    max_component_keys: int = 2_000

    def scope_of(self, namespace: str, scope: str, source: str) -> str:
        """The scope an identifier has: its own, or for a namespace scoped by source the record's source."""
        return scope or (source if self.namespaces[namespace].scoped_by_source else "")

    def blocks(self, namespace: str, value: str) -> bool:
        """Whether the tenant forbids a value in normal form to link."""
        blocked = self.namespaces[namespace].blocked
        return blocked is not None and blocked.holds(value)

    @cached_property
    def blocking(self) -> bool:
        """Whether the tenant blocks any value at all."""
        return any(declared.blocked is not None for declared in self.namespaces.values())

    @cached_property
    def limits_on(self) -> Mapping[str, Mapping[str, int]]:
        """By namespace, how many values of each other one a key of it may be seen with, where that is limited."""
        namespaces = self.namespaces.values()
        return {
            judged.name: {
                other.name: limit for other in namespaces if (limit := other.limit_for(judged)) is not None
            }
            for judged in namespaces
        }

    @cached_property
    def timed(self) -> frozenset[str]:
        """The namespaces whose linking depends on when a pair was seen, and not only on whether."""
        return frozenset(
            name
            for name, declared in self.namespaces.items()
            if declared.validity_days or declared.person_limit is not None
        )

    @cached_property
    def limited(self) -> frozenset[str]:
        """The namespaces of which a person may hold so many only."""
        return frozenset(
            name for name, declared in self.namespaces.items() if declared.person_limit is not None
        )

    @cached_property
    def verified_only(self) -> frozenset[str]:
        """The namespaces that link only where verified."""
        return frozenset(name for name, declared in self.namespaces.items() if declared.verified_only)


def parse_policy(document: Mapping[str, Any]) -> Policy:
    """The policy of a document shaped like standards/linking.yaml. Raises ValueError, with the place, on an unknown
    word, a missing one, or a number out of its range."""
    _check_words(document, _WORDS_OF_POLICY, "the policy")
    items = document.get("namespaces")
    if not isinstance(items, list) or not 0 < len(items) <= MAX_NAMESPACES:
        raise ValueError(f"namespaces is not a list of 1 to {MAX_NAMESPACES}")
    names = {
        item["name"] for item in items if isinstance(item, Mapping) and isinstance(item.get("name"), str)
    }
    if len(names) != len(items):
        raise ValueError("each namespace needs a name of its own")
    namespaces = {
        item["name"]: _parse_namespace(item, priority, names) for priority, item in enumerate(items)
    }
    return Policy(
        _number(document, "version", 1, 2**31 - 1),
        _number(document, "max_person_keys", 1, MAX_LIMIT),
        namespaces,
        _number(document, "max_component_keys", 2, MAX_LIMIT, 2_000),
    )


def _parse_namespace(item: Mapping[str, Any], priority: int, names: set[str]) -> NamespacePolicy:
    name = item["name"]
    try:
        _check_words(item, _WORDS_OF_NAMESPACE, "it")
        return NamespacePolicy(
            name,
            priority,
            Grade(str(item.get("grade"))),
            bool(item.get("unique", False)),
            _scope(item.get("scope")),
            Form(str(item.get("form"))),
            {_judged(word, names): int(limit) for word, limit in item.get("limits", {}).items()},
            bool(item.get("verified_only", False)),
            _number(item, "validity_days", 0, MAX_DAYS, 0),
            _person_limit(item.get("person_limit")),
            blocked_list(
                [str(value) for value in item.get("blocked_values", ())],
                [str(pattern) for pattern in item.get("blocked_patterns", ())],
            ),
            _shape(item),
        )
    except ValueError as error:
        raise ValueError(f"namespace {name}: {error}") from error


def own_namespaces(policy: Policy, built_in: Policy) -> dict[str, NamespacePolicy]:
    """The namespaces that a tenant adds to the built-in ones. Raises ValueError where one is not allowed."""
    own = {name: each for name, each in policy.namespaces.items() if name not in built_in.namespaces}
    for name, declared in own.items():
        if not _OWN_NAME.fullmatch(name):
            raise ValueError(f"namespace {name}: its name is not 2 to 32 of a-z, 0-9 and _, a letter first")
        if declared.form is not Form.ID:
            raise ValueError(f"namespace {name}: a namespace of your own has the form id")
    return own


def _shape(item: Mapping[str, Any]) -> IdShape | None:
    if item.get("form") != Form.ID:
        if "pattern" in item or "max_length" in item:
            raise ValueError("pattern and max_length are for the form id")
        return None
    pattern = item.get("pattern", "")
    if not isinstance(pattern, str) or len(pattern) > MAX_PATTERN_CHARS:
        raise ValueError(f"pattern is not at most {MAX_PATTERN_CHARS} characters")
    max_length = _number(item, "max_length", 1, MAX_ID_CHARS, MAX_ID_CHARS)
    return IdShape(pattern, max_length, compiled(pattern) if pattern else None)


def _person_limit(item: Mapping[str, Any] | None) -> PersonLimit | None:
    if item is None:
        return None
    _check_words(item, frozenset({"count", "window_days"}), "person_limit")
    return PersonLimit(_number(item, "count", 1, MAX_LIMIT), _number(item, "window_days", 1, MAX_DAYS))


def _scope(word: object) -> bool:
    if word not in ("tenant", "source"):
        raise ValueError(f"scope is tenant or source, not {word!r}")
    return word == "source"


def _judged(word: str, names: set[str]) -> str:
    if word not in names and word not in set(Grade):
        raise ValueError(f"a limit is for a grade or a namespace, not {word!r}")
    return word


def _number(document: Mapping[str, Any], word: str, low: int, high: int, default: int | None = None) -> int:
    value = document.get(word, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{word} is not a number from {low} to {high}")
    return value


def _check_words(document: Mapping[str, Any], known: frozenset[str], place: str) -> None:
    unknown = sorted(str(word) for word in document.keys() - known)
    if unknown:
        raise ValueError(f"{place} has unknown words: {', '.join(unknown)}")
