"""How a rule is answered: its parts in the order in which they run, with sizes and times."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from rules.tree import And, Condition, Feature, InSegment, Not, Or, TagRef
from rules.walk import walk


class Evaluator(Enum):
    """Who answers a rule, or a part of it."""

    BLOCK_ENGINE = "the block engine"
    PERSON_BY_PERSON = "person by person"
    BITMAPS = "bitmaps"


class Origin(Enum):
    """What a part looks at."""

    PARTS = "its parts"
    NOTHING = "nothing"
    TAGS = "tags"
    FEATURES = "features that the index holds"
    ASKED_FEATURES = "features that tagging was asked for"
    SEGMENT = "members of a segment"


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a rule.

    `estimated`       persons of the population that were expected by itself, operands taken to be independent of each
                      other; None of bitmaps, which run parts as they are written
    `persons`         those there are, by itself: not only of whoever the parts before have left
    `left`            those of whom it holds among whoever the parts before have left
    `bytes`           of what it points to: read at most, when nothing is skipped; None of bitmaps
    `elapsed_us`      of answering it among whoever the parts before have left, with its own parts
    `skipped_blocks`  of the population's, in which the parts before have left nobody to decide about
    `steps`           the operands of AND and OR in the order in which they run, or that of NOT
    """

    text: str
    origin: Origin
    evaluator: Evaluator
    estimated: int | None
    persons: int
    left: int
    bytes: int | None
    elapsed_us: int
    skipped_blocks: int
    steps: "tuple[Step, ...]" = ()


@dataclass(frozen=True, slots=True)
class Narrowing:
    """LIMIT or SAMPLE: whom it keeps of `persons`, those whom the condition and the steps before have left."""

    text: str
    persons: int
    left: int
    elapsed_us: int


@dataclass(frozen=True, slots=True)
class Plan:
    """`because` tells why it is not the block engine that answers; `blocks` of 65,536 ids that hold persons of the
    population; `kept`: an equal rule was answered over the same content before, so that it is answered from what was
    kept. `step` is the condition; LIMIT and SAMPLE narrow after it, in order."""

    evaluator: Evaluator
    because: str
    blocks: int
    kept: bool
    step: Step
    narrowings: tuple[Narrowing, ...] = ()


def origin_of(condition: Condition, asked: Collection[str] = ()) -> Origin:
    """What a condition looks at; `asked`: the features that the index does not hold."""
    if isinstance(condition, And | Or | Not):
        return Origin.PARTS
    if isinstance(condition, InSegment):
        return Origin.SEGMENT
    nodes = list(walk(condition))
    forms = {each.form for each in nodes if isinstance(each, Feature)}
    if forms:
        return Origin.FEATURES if forms.isdisjoint(asked) else Origin.ASKED_FEATURES
    return Origin.TAGS if any(isinstance(each, TagRef) for each in nodes) else Origin.NOTHING
