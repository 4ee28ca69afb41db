"""What a tag is: its governance, the type of its values and how they are computed."""

import datetime as dt
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from rules.evaluate.meaning import Value
from rules.schema import Openness, TagType, ValueList
from rules.values import SCALE, Kind, ValueType

from .kinds.families import Computed
from .kinds.kind import Scaled
from .quality.rules import NO_RULES, QualityRules
from .schedule import Schedule

TAG_ID = re.compile(r"[a-z][a-z0-9_]{0,63}")
MAX_DESCRIPTION_CHARACTERS = 2_000
MAX_NAME_CHARACTERS = 128
MAX_OWNER_CHARACTERS = 128
PURPOSE = TAG_ID
"""A purpose is written like a tag_id."""
MAX_CATEGORY_DEPTH = 5
MAX_OPTIONS = 1_000
MAX_RULE_LAYERS = 100
MAX_LIFECYCLE_DAYS = 3 * 366
SCORES = 5
"""The best score of RFM; 1 is the worst."""


class DefinitionInvalid(ValueError):
    """A definition breaks its limits; `tag_id` and `field` say where."""

    def __init__(self, tag_id: str, field: str, problem: str) -> None:
        super().__init__(f"tag '{tag_id}', {field}: {problem}")
        self.tag_id = tag_id
        self.field = field
        self.problem = problem


class Layer(Enum):
    BASIC = "basic"
    DERIVED = "derived"
    BUSINESS = "business"


class Grade(Enum):
    """The right that readers need: tagging.values.read_<grade>."""

    PUBLIC = "public"
    INTERNAL = "internal"
    PERSONAL = "personal"
    SENSITIVE = "sensitive"


class Update(Enum):
    """STREAM: with every change of facts and every rolled day, and by runs. RUN: by runs only."""

    STREAM = "stream"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Wording:
    """A text in the suite's two languages."""

    zh: str = ""
    en: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """A value of a list, what people read for it, and the value above it in a tree ("" at the top)."""

    value: str
    name: Wording = field(default_factory=Wording)
    parent: str = ""


@dataclass(frozen=True, slots=True)
class TagValueType:
    """`base` is never LIST; a multi-valued tag holds several of them. `options` belong to texts.

    weighted  every element of a multi-valued text carries a weight between 0 and 1; rules see the texts
    """

    base: Kind
    multi_valued: bool = False
    closed: bool = False
    options: tuple[Option, ...] = ()
    weighted: bool = False

    def in_rules(self) -> ValueType:
        return ValueType(Kind.LIST, self.base) if self.multi_valued else ValueType(self.base)


@dataclass(frozen=True, slots=True)
class AttributeKind:
    """Copies the attribute that identity releases as open."""

    attribute: str


@dataclass(frozen=True, slots=True)
class StatisticKind:
    expression: str


@dataclass(frozen=True, slots=True)
class RuleLayer:
    when: str
    then: Value


@dataclass(frozen=True, slots=True)
class LayeredRuleKind:
    """The value of the first layer whose rule holds, else `otherwise` (None is unknown)."""

    layers: tuple[RuleLayer, ...]
    otherwise: Value | None = None


@dataclass(frozen=True, slots=True)
class MeanCut:
    """High begins above the population's mean (below it, for recency)."""


@dataclass(frozen=True, slots=True)
class FixedCut:
    """High begins above this scaled number (below it, for recency)."""

    number: int


@dataclass(frozen=True, slots=True)
class TopCut:
    """The best n per cent are high; scaled by 10^4, of 100."""

    percent: int


@dataclass(frozen=True, slots=True)
class HighScore:
    """This score of the measure, 2 to 5, and better ones are high."""

    score: int


Cut: TypeAlias = MeanCut | FixedCut | TopCut | HighScore


@dataclass(frozen=True, slots=True)
class RfmMeasure:
    """`score_bounds`: the four rising numbers beyond which the scores 2 to 5 begin (for recency 5 to 2, falling days);
    () are the population's fifths, frozen by each publishing run."""

    expression: str
    cut: Cut = field(default_factory=MeanCut)
    score_bounds: tuple[Scaled, ...] = ()


class RfmResult(Enum):
    """CLASS: one of the eight. SCORES: three digits, of recency, frequency and monetary value, such as 543. TOTAL:
    their sum, 3 to 15. The rest: that one score, 1 to 5."""

    CLASS = "class"
    SCORES = "scores"
    TOTAL = "total"
    RECENCY_SCORE = "recency_score"
    FREQUENCY_SCORE = "frequency_score"
    MONETARY_SCORE = "monetary_score"

    @property
    def is_text(self) -> bool:
        return self in (RfmResult.CLASS, RfmResult.SCORES)


@dataclass(frozen=True, slots=True)
class RfmKind:
    """`population` is a rule; "" stands for COUNT(order_paid) >= 1."""

    recency: RfmMeasure
    frequency: RfmMeasure
    monetary: RfmMeasure
    population: str = ""
    result: RfmResult = RfmResult.CLASS

    @property
    def measures(self) -> tuple[RfmMeasure, RfmMeasure, RfmMeasure]:
        return self.recency, self.frequency, self.monetary

    @property
    def scores(self) -> bool:
        """Whether any score is asked for."""
        graded = any(isinstance(each.cut, HighScore) for each in self.measures)
        return graded or self.result is not RfmResult.CLASS


@dataclass(frozen=True, slots=True)
class LifecycleKind:
    """Thresholds in whole days; the meaning of each stage stands in lifecycle.py."""

    purchase_event: str = "order_paid"
    new_days: int = 30
    active_days: int = 60
    warning_days: int = 120
    dormant_days: int = 365
    loyal_count: int = 4
    potential_days: int = 30


TagKind: TypeAlias = AttributeKind | StatisticKind | LayeredRuleKind | RfmKind | LifecycleKind | Computed


class Subject(Enum):
    """What a tag is about. Only persons have tags so far; the others are reserved."""

    PERSON = "person"
    ITEM = "item"
    STORE = "store"
    HOUSEHOLD = "household"
    DEVICE = "device"


class Unknown(Enum):
    """What stands where the kind gives no value: STAYS unknown, or KEEPS what was known last (kinds that copy what
    somebody states, alone: everything else is a function of the facts)."""

    STAYS = "stays"
    KEEPS = "keeps"


@dataclass(frozen=True, slots=True)
class Default:
    """Stands where the kind gives no value, for everyone who may have one."""

    value: Value


NullPolicy: TypeAlias = Unknown | Default


@dataclass(frozen=True, slots=True)
class TagDefinition:
    tag_id: str
    name: Wording
    value_type: TagValueType
    kind: TagKind
    description: Wording = field(default_factory=Wording)
    category: str = ""
    layer: Layer = Layer.BASIC
    grade: Grade = Grade.INTERNAL
    brand: str = ""
    update: Update = Update.STREAM
    owner: str = ""
    calculation: Wording = field(default_factory=Wording)
    purpose: str = ""
    subject: Subject = Subject.PERSON
    unknown: NullPolicy = Unknown.STAYS
    confidence: Scaled = SCALE
    schedule: Schedule | None = None
    keep_days: int = 0
    quality: QualityRules = NO_RULES

    @property
    def meaning(self) -> tuple[object, ...]:
        """What makes a new version when it changes; the rest only describes. Display names do not count."""
        options = tuple(Option(each.value, parent=each.parent) for each in self.value_type.options)
        shape = TagValueType(
            self.value_type.base,
            self.value_type.multi_valued,
            self.value_type.closed,
            options,
            self.value_type.weighted,
        )
        return shape, self.kind, self.update, self.unknown, self.confidence

    def in_rules(self) -> TagType:
        """The tag as rules see it."""
        options = self.value_type.options
        listed = None
        if self.value_type.base is Kind.TEXT and (options or self.value_type.closed):
            listed = ValueList(
                frozenset(each.value for each in options),
                Openness.CLOSED if self.value_type.closed else Openness.OPEN,
                {each.value: each.parent for each in options if each.parent},
            )
        return TagType(self.tag_id, self.value_type.in_rules(), listed)


def kind_of(value: Value) -> Kind:
    """The kind of a value as rules hold it."""
    match value:
        case bool():
            return Kind.BOOL
        case int():
            return Kind.NUMBER
        case str():
            return Kind.TEXT
        case dt.datetime():
            return Kind.DATETIME
        case dt.date():
            return Kind.DATE
        case tuple():
            return Kind.LIST
