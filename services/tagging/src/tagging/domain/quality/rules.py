"""What the owner of a tag promises of its values: freshness, completeness, which values are right, what contradicts."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from rules.patterns import MAX_PATTERN, PatternError, check_pattern
from rules.values import SCALE, Kind, normal_text
from tagging.domain.kinds.kind import Scaled

MAX_FRESH_HOURS = 3 * 366 * 24
MAX_ALLOWED = 1_000
MAX_RULE_CHARACTERS = 10_000
HALF = SCALE // 2
TODAY = "today"
"""Stands for the tenant's day in `earliest` and `latest`."""
_MOMENTS = (Kind.DATE, Kind.DATETIME)


@dataclass(frozen=True, slots=True)
class QualityRules:
    """What is not said is not promised.

    fresh_hours              values are of a moment at most so many hours ago; 0 leaves it to the schedule
    min_people               so many persons have a value
    max_null_share           of those who may have a value at most this share has none
    least, most              numbers between these, both included
    earliest, latest         dates and moments of days between these, both included: ISO dates, or "today"
    pattern                  texts that match whole; the regular expressions of MATCHES
    allowed                  texts, and no others; unlike a closed list, others stay and are counted
    contradicted_when        a rule over tags: of whom it holds, behaviour contradicts the value
    contradicted_confidence  what the confidence of a contradicted value is multiplied by;
                             half when None
    """

    fresh_hours: int = 0
    min_people: int = 0
    max_null_share: Scaled | None = None
    least: Scaled | None = None
    most: Scaled | None = None
    earliest: str = ""
    latest: str = ""
    pattern: str = ""
    allowed: tuple[str, ...] = ()
    contradicted_when: str = ""
    contradicted_confidence: Scaled | None = None

    @property
    def doubt(self) -> int:
        """What the confidence of a contradicted value is multiplied by, scaled."""
        return HALF if self.contradicted_confidence is None else self.contradicted_confidence

    def value_rules(self) -> tuple[str, ...]:
        """The rules that single values can break, by name, in order."""
        said = {
            "least": self.least is not None,
            "most": self.most is not None,
            "earliest": bool(self.earliest),
            "latest": bool(self.latest),
            "pattern": bool(self.pattern),
            "allowed": bool(self.allowed),
        }
        return tuple(name for name, is_said in said.items() if is_said)


NO_RULES = QualityRules()


def fault(rules: QualityRules, base: Kind) -> str:
    """The first thing wrong with the rules of a tag with values of this kind, with its field; "" when nothing is."""
    return next((f"{field}: {problem}" for field, problem in _faults(rules, base) if problem), "")


def day_of(said: str, today: dt.date) -> dt.date:
    """Of `earliest` or `latest`."""
    return today if said == TODAY else dt.date.fromisoformat(said)


def _faults(rules: QualityRules, base: Kind) -> Iterator[tuple[str, str]]:
    yield "fresh_hours", _outside(rules.fresh_hours, 0, MAX_FRESH_HOURS)
    yield "min_people", "is at least 0" if rules.min_people < 0 else ""
    for name in ("max_null_share", "contradicted_confidence"):
        share = getattr(rules, name)
        yield name, "" if share is None or 0 <= share <= SCALE else "is between 0 and 1"
    for names, kinds, what in (
        (("least", "most"), (Kind.NUMBER,), "numbers"),
        (("earliest", "latest"), _MOMENTS, "dates and moments"),
        (("pattern", "allowed"), (Kind.TEXT,), "texts"),
    ):
        for name in names:
            if name in rules.value_rules() and base not in kinds:
                yield name, f"is for {what}, the tag's values are {base.value}"
    if rules.least is not None and rules.most is not None and rules.least > rules.most:
        yield "least", "is above most"
    for name in ("earliest", "latest"):
        yield name, _day_fault(getattr(rules, name))
    yield "pattern", _pattern_fault(rules.pattern)
    yield "allowed", _allowed_fault(rules.allowed)
    if len(rules.contradicted_when) > MAX_RULE_CHARACTERS:
        yield "contradicted_when", f"has more than {MAX_RULE_CHARACTERS} characters"


def _outside(number: int, least: int, most: int) -> str:
    return "" if least <= number <= most else f"is between {least} and {most}"


def _day_fault(said: str) -> str:
    try:
        if said:
            day_of(said, dt.date(1970, 1, 1))
    except ValueError:
        return f"is a date such as 1900-01-01, or {TODAY}"
    return ""


def _pattern_fault(pattern: str) -> str:
    if len(pattern) > MAX_PATTERN:
        return f"has at most {MAX_PATTERN} characters"
    try:
        if pattern:
            check_pattern(pattern)
    except PatternError as error:
        return f"{error}; {error.hint}".rstrip("; ")
    return ""


def _allowed_fault(allowed: tuple[str, ...]) -> str:
    if len(allowed) > MAX_ALLOWED:
        return f"lists {len(allowed)} values, the limit is {MAX_ALLOWED}"
    wrong = next((each for each in allowed if not each or each != normal_text(each)), None)
    return "" if wrong is None else f"'{wrong}' is not in normal form: NFKC, trimmed, not empty"
