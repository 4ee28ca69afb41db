"""Values that a tenant's policy forbids to link: test accounts, staff phones, placeholders of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import re2  # type: ignore[import-untyped]  # it has no stubs

MAX_BLOCKED_VALUES = 10_000
MAX_PATTERNS = 100
MAX_PATTERN_CHARS = 256
MAX_PATTERN_MEMORY_BYTES = 8 * 1024 * 1024
_HOME_COUNTRY = "+86"


@dataclass(frozen=True)
class BlockedList:
    """Values and patterns of one namespace, compared with normal forms in lower case; a mainland phone is also
    compared without its country code. Patterns are RE2: they match the whole value in time linear in its length."""

    values: frozenset[str]
    patterns: tuple[str, ...]
    _matcher: Any = field(compare=False, repr=False)

    def holds(self, value: str) -> bool:
        """Whether a value in normal form is blocked."""
        lowered = value.lower()
        if self._holds(lowered):
            return True
        return lowered.startswith(_HOME_COUNTRY) and self._holds(lowered.removeprefix(_HOME_COUNTRY))

    def _holds(self, text: str) -> bool:
        return text in self.values or (
            self._matcher is not None and self._matcher.fullmatch(text) is not None
        )


def blocked_list(values: Sequence[str], patterns: Sequence[str]) -> BlockedList | None:
    """The list, None when it is empty. Raises ValueError on too many, too long or unusable patterns."""
    if not values and not patterns:
        return None
    if len(values) > MAX_BLOCKED_VALUES:
        raise ValueError(f"has {len(values)} blocked values, the limit is {MAX_BLOCKED_VALUES}: use patterns")
    if len(patterns) > MAX_PATTERNS:
        raise ValueError(
            f"has {len(patterns)} blocked patterns, the limit is {MAX_PATTERNS}: join some with |"
        )
    for pattern in patterns:
        if not 0 < len(pattern) <= MAX_PATTERN_CHARS:
            raise ValueError(f"has a blocked pattern that is not 1 to {MAX_PATTERN_CHARS} characters long")
        compiled(pattern)
    matcher = compiled("|".join(f"(?:{pattern})" for pattern in patterns)) if patterns else None
    return BlockedList(frozenset(value.lower() for value in values), tuple(patterns), matcher)


def compiled(pattern: str) -> Any:
    """An RE2 expression. Raises ValueError."""
    options = re2.Options()
    options.max_mem = MAX_PATTERN_MEMORY_BYTES
    options.log_errors = False
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        raise ValueError(f"has a pattern that is not an RE2 expression: {pattern!r}: {error}") from error
