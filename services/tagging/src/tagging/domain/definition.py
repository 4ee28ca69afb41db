"""What a tag is: its governance, the type of its values and how they are computed."""

import datetime as dt
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from rules.evaluate.meaning import Value
from rules.schema import Openness, TagType, ValueList
from rules.values import Kind, ValueType, normal_text

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
    """`base` is never LIST; a multi-valued tag holds several of them. `options` belong to texts."""

    base: Kind
    multi_valued: bool = False
    closed: bool = False
    options: tuple[Option, ...] = ()

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


Cut: TypeAlias = MeanCut | FixedCut | TopCut


@dataclass(frozen=True, slots=True)
class RfmMeasure:
    expression: str
    cut: Cut = field(default_factory=MeanCut)


@dataclass(frozen=True, slots=True)
class RfmKind:
    """`population` is a rule; "" stands for COUNT(order_paid) >= 1."""

    recency: RfmMeasure
    frequency: RfmMeasure
    monetary: RfmMeasure
    population: str = ""


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


TagKind: TypeAlias = AttributeKind | StatisticKind | LayeredRuleKind | RfmKind | LifecycleKind


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

    @property
    def meaning(self) -> tuple[TagValueType, TagKind, Update]:
        """What makes a new version when it changes; the rest only describes. Display names do not count."""
        options = tuple(Option(each.value, parent=each.parent) for each in self.value_type.options)
        shape = TagValueType(
            self.value_type.base, self.value_type.multi_valued, self.value_type.closed, options
        )
        return shape, self.kind, self.update

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


def check_limits(definition: TagDefinition) -> None:
    """Raises DefinitionInvalid for the first field that breaks its stated limits."""
    for name, problem in _faults(definition):
        if problem:
            raise DefinitionInvalid(definition.tag_id, name, problem)


def _faults(definition: TagDefinition) -> list[tuple[str, str]]:
    depth = len(definition.category.split("/"))
    described = max(len(definition.description.zh), len(definition.description.en))
    noted = max(len(definition.calculation.zh), len(definition.calculation.en))
    named = max(len(definition.name.zh), len(definition.name.en))
    return [
        (
            "tag_id",
            ""
            if TAG_ID.fullmatch(definition.tag_id)
            else "is a lower-case letter, then letters, digits and _, at most 64 characters",
        ),
        ("name", "has neither zh nor en" if not named else _over(named, MAX_NAME_CHARACTERS)),
        ("description", _over(described, MAX_DESCRIPTION_CHARACTERS)),
        ("calculation", _over(noted, MAX_DESCRIPTION_CHARACTERS)),
        ("purpose", _purpose_fault(definition)),
        (
            "category",
            f"is {depth} deep, the limit is {MAX_CATEGORY_DEPTH}" if depth > MAX_CATEGORY_DEPTH else "",
        ),
        (
            "category",
            "has an empty part" if definition.category and "" in definition.category.split("/") else "",
        ),
        ("owner", _over(len(definition.owner), MAX_OWNER_CHARACTERS)),
        ("value_type", _type_fault(definition.value_type)),
        ("kind", _kind_fault(definition)),
    ]


def _over(count: int, limit: int) -> str:
    return f"has {count} characters, the limit is {limit}" if count > limit else ""


def _purpose_fault(definition: TagDefinition) -> str:
    if not definition.purpose:
        return "a sensitive tag names what it is kept for" if definition.grade is Grade.SENSITIVE else ""
    if PURPOSE.fullmatch(definition.purpose):
        return ""
    return "is a lower-case letter, then letters, digits and _, at most 64 characters"


def _type_fault(value_type: TagValueType) -> str:
    values = [each.value for each in value_type.options]
    if value_type.base in (Kind.LIST, Kind.RECORDS):
        return "its base is bool, number, text, date or datetime"
    if value_type.base is not Kind.TEXT and (values or value_type.closed):
        return "only texts have a list of values"
    if value_type.closed and not values:
        return "a closed list names its values"
    if len(values) > MAX_OPTIONS:
        return f"lists {len(values)} values, the limit is {MAX_OPTIONS}"
    if len(set(values)) != len(values):
        return f"lists '{next(each for each in values if values.count(each) > 1)}' twice"
    for each in value_type.options:
        if each.value != normal_text(each.value) or not each.value:
            return f"'{each.value}' is not in normal form: NFKC, trimmed, not empty"
        if each.parent and each.parent not in values:
            return f"'{each.parent}', above '{each.value}', is not listed"
    return _tree_fault({each.value: each.parent for each in value_type.options})


def _tree_fault(parents: dict[str, str]) -> str:
    for start, parent in parents.items():
        seen, at = {start}, parent
        while at:
            if at in seen:
                return f"'{start}' stands below itself"
            seen.add(at)
            at = parents.get(at, "")
    return ""


def _kind_fault(definition: TagDefinition) -> str:
    match definition.kind:
        case AttributeKind(attribute):
            return "" if attribute else "attribute: is empty"
        case LayeredRuleKind(layers, otherwise):
            return _layers_fault(definition, layers, otherwise)
        case RfmKind() | LifecycleKind() if definition.value_type.base is not Kind.TEXT:
            return "its values are texts"
        case RfmKind() | LifecycleKind() if definition.value_type.multi_valued:
            return "a person has one value of it"
        case RfmKind() as rfm:
            return _rfm_fault(rfm)
        case LifecycleKind() as lifecycle:
            return _lifecycle_fault(lifecycle)
        case StatisticKind(expression):
            return "" if expression.strip() else "statistic.expression: is empty"


def _layers_fault(definition: TagDefinition, layers: tuple[RuleLayer, ...], otherwise: Value | None) -> str:
    if not 1 <= len(layers) <= MAX_RULE_LAYERS:
        return f"layered_rule.layers: has {len(layers)} layers, allowed are 1 to {MAX_RULE_LAYERS}"
    given = [(f"layered_rule.layers[{index}].then", each.then) for index, each in enumerate(layers)]
    if otherwise is not None:
        given.append(("layered_rule.otherwise", otherwise))
    for where, value in given:
        elements = value if isinstance(value, tuple) else (value,)
        if isinstance(value, tuple) != definition.value_type.multi_valued:
            return f"{where}: is {'not ' if definition.value_type.multi_valued else ''}a list"
        for element in elements:
            if (found := kind_of(element)) is not definition.value_type.base:
                return f"{where}: is {found.value}, the tag's values are {definition.value_type.base.value}"
            listed = {each.value for each in definition.value_type.options}
            if definition.value_type.closed and element not in listed:
                return f"{where}: '{element}' is not in the closed list"
    return ""


def _rfm_fault(rfm: RfmKind) -> str:
    for name in ("recency", "frequency", "monetary"):
        measure: RfmMeasure = getattr(rfm, name)
        if not measure.expression.strip():
            return f"rfm.{name}.expression: is empty"
        if isinstance(measure.cut, TopCut) and not 0 < measure.cut.percent < 100 * 10_000:
            return f"rfm.{name}.top_percent: is between 0 and 100"
    return ""


def _lifecycle_fault(lifecycle: LifecycleKind) -> str:
    days = (lifecycle.new_days, lifecycle.active_days, lifecycle.warning_days, lifecycle.dormant_days)
    if min(*days, lifecycle.potential_days, lifecycle.loyal_count) < 1:
        return "lifecycle: thresholds are at least 1"
    if max(*days, lifecycle.potential_days) > MAX_LIFECYCLE_DAYS:
        return f"lifecycle: thresholds are at most {MAX_LIFECYCLE_DAYS} days"
    if not lifecycle.active_days < lifecycle.warning_days < lifecycle.dormant_days:
        return "lifecycle: active_days < warning_days < dormant_days"
    return ""


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
