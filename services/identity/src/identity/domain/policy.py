"""The linking policy: which namespaces there are, how strong they are, and when a key links nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


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


@dataclass(frozen=True, slots=True)
class NamespacePolicy:
    """One namespace. `priority` 0 is the strongest.

    `limits` says with how many values of this namespace and scope another, non-unique key may be seen before it
    counts as shared: by the other key's namespace, else by its grade; without either it is not judged.
    """

    name: str
    priority: int
    grade: Grade
    unique: bool
    scoped_by_source: bool
    form: Form
    limits: Mapping[str, int]

    def limit_for(self, judged: "NamespacePolicy") -> int | None:
        """How many values of this namespace a key of `judged` may be seen with; None is any number."""
        return self.limits.get(judged.name, self.limits.get(judged.grade))


@dataclass(frozen=True)
class Policy:
    """`max_person_keys`: a link that would make a larger person is not made."""

    version: int
    max_person_keys: int
    namespaces: Mapping[str, NamespacePolicy]

    def scope_of(self, namespace: str, scope: str, source: str) -> str:
        """The scope an identifier has: its own, or for a namespace scoped by source the record's source."""
        return scope or (source if self.namespaces[namespace].scoped_by_source else "")


def parse_policy(document: Mapping[str, Any]) -> Policy:
    """The policy of a document shaped like standards/linking.yaml. Raises ValueError on an unknown word."""
    names = {item["name"] for item in document["namespaces"]}
    namespaces = {
        item["name"]: NamespacePolicy(
            item["name"],
            priority,
            Grade(item["grade"]),
            bool(item.get("unique", False)),
            {"tenant": False, "source": True}[item["scope"]],
            Form(item["form"]),
            {_judged(word, names): int(limit) for word, limit in item.get("limits", {}).items()},
        )
        for priority, item in enumerate(document["namespaces"])
    }
    return Policy(int(document["version"]), int(document["max_person_keys"]), namespaces)


def _judged(word: str, names: set[str]) -> str:
    if word not in names and word not in set(Grade):
        raise ValueError(f"a limit is for a grade or a namespace, not {word!r}")
    return word
