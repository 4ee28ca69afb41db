"""SQL over the lake, for what the rule language does not say: computed by runs alone, in a process of its own.

    SELECT person_id, count(DISTINCT store_id) AS value FROM events.order_paid GROUP BY person_id

It reads events.<type>, tags.<tag_id> (person_id, value), reference.<table>, persons (person_id, state) and moment
(as_of, day), and gives exactly person_id and value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tagging.domain.columns import Shape, Vector
from tagging.domain.cuts import Cuts
from tagging.domain.moment import Moment

from .kind import Answer, Compiler, Question, Uncut, vector

if TYPE_CHECKING:
    from tagging.domain.definition import TagValueType

FOUND = "value"
"""The answer that no question asks for: what the query gave."""
MAX_CHARACTERS = 10_000
MAX_SECONDS = 900
MAX_MEGABYTES = 4_096
LEAST_MEGABYTES = 64
_OPAQUE = re.compile(r"--[^\n]*|/\*.*?(?:\*/|$)|'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$", re.DOTALL)
_INPUT = re.compile(r'(?<![\w."])"?(events|tags|reference)"?\s*\.\s*"?([A-Za-z_]\w*)"?', re.IGNORECASE)
_EVERYTHING = re.compile(
    r"(?:\bSELECT(?:\s+DISTINCT|\s+ALL)?|,|\.)\s*\*|\bCOLUMNS\s*\(|\(\s*(?:FROM|TABLE)\b|^\s*FROM\b",
    re.IGNORECASE,
)
"""What reads every column there is: a star that counts or multiplies nothing, and a FROM or TABLE without a SELECT."""


@dataclass(frozen=True, slots=True)
class SqlKind(Uncut):
    """query             one SELECT
    timeout_seconds   beyond, it is stopped
    memory_megabytes  beyond, it fails
    """

    field: ClassVar[str] = "sql"
    everybody: ClassVar[bool] = True
    daily: ClassVar[bool] = False

    query: str
    timeout_seconds: int = 120
    memory_megabytes: int = 512

    def fault(self, value_type: "TagValueType") -> str:
        if not self.query.strip():
            return "query: is empty"
        if len(self.query) > MAX_CHARACTERS:
            return f"query: has {len(self.query)} characters, the limit is {MAX_CHARACTERS}"
        if not re.match(r"\s*\(*\s*(select|with|from)\b", _plain(self.query), re.IGNORECASE):
            return "query: is not a SELECT"
        if not 1 <= self.timeout_seconds <= MAX_SECONDS:
            return f"timeout_seconds: is {self.timeout_seconds}, allowed are 1 to {MAX_SECONDS}"
        if not LEAST_MEGABYTES <= self.memory_megabytes <= MAX_MEGABYTES:
            return (
                f"memory_megabytes: is {self.memory_megabytes}, "
                f"allowed are {LEAST_MEGABYTES} to {MAX_MEGABYTES}"
            )
        return ""

    def questions(self, compiler: Compiler) -> dict[str, Question]:
        """None; what the query names is looked up, so that it is attached and orders the runs."""
        field = f"{self.field}.query"
        for kind, name in self.inputs():
            if kind == "events":
                compiler.event(field, name)
            elif kind == "tags":
                compiler.value(field, name)
        return {}

    def inputs(self) -> list[tuple[str, str]]:
        """(events, tags or reference; name) as the query names them, distinct, in order."""
        found = ((kind.lower(), name.lower()) for kind, name in _INPUT.findall(_plain(self.query)))
        return list(dict.fromkeys(found))

    def mentions(self, word: str) -> bool:
        """Whether the query has a word outside comments and texts, or reads every column."""
        query = _plain(self.query)
        if _EVERYTHING.search(query):
            return True
        return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", query, re.IGNORECASE) is not None

    def listed(self) -> frozenset[str] | None:
        return None

    def decide(
        self, answers: Mapping[str, Answer], shape: Shape, moment: Moment, cuts: Cuts | None
    ) -> Vector:
        return vector(answers, FOUND)

    def remarks(self, answers: Mapping[str, Answer], cuts: Cuts | None) -> tuple[str, ...]:
        return (f"computed by runs alone, by the SQL: {self.query}",)


def _plain(query: str) -> str:
    """Without comments and texts."""
    return _OPAQUE.sub(" ", query)
