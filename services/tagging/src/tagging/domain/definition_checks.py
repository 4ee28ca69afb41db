"""Whether a definition keeps to its stated limits, told with the field that does not."""

import unicodedata

from rules.errors import RuleSyntaxError
from rules.evaluate.meaning import Value
from rules.parser import parse
from rules.tree import IsKnown, TagRef
from rules.values import SCALE, Kind, normal_text

from .definition import (
    MAX_CATEGORY_DEPTH,
    MAX_DESCRIPTION_CHARACTERS,
    MAX_LIFECYCLE_DAYS,
    MAX_NAME_CHARACTERS,
    MAX_OPTIONS,
    MAX_OWNER_CHARACTERS,
    MAX_RULE_LAYERS,
    PURPOSE,
    SCORES,
    TAG_ID,
    AttributeKind,
    Default,
    DefinitionInvalid,
    Grade,
    HighScore,
    LayeredRuleKind,
    LifecycleKind,
    RfmKind,
    RfmMeasure,
    RuleLayer,
    StatisticKind,
    Subject,
    TagDefinition,
    TagValueType,
    TopCut,
    Unknown,
    Update,
    kind_of,
)
from .history import MAX_KEEP_DAYS
from .kinds.families import TOLD, WEIGHTED, Computed
from .kinds.sql import SqlKind
from .kinds.told import ImportedKind, ManualKind
from .quality import rules as quality_rules
from .schedule import OnTag, ScheduleInvalid, check_schedule

LONGEST_WORD = len("ANNIVERSARY")
"""No word of the rule language is longer."""
TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""What turns the direction of a text, in tables also that of its neighbours."""


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
        ("tag_id", _word_fault(definition.tag_id)),
        ("name", "has neither zh nor en" if not named else _over(named, MAX_NAME_CHARACTERS)),
        ("name", _unseen_fault(definition.name.zh + definition.name.en)),
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
        (
            "subject",
            ""
            if definition.subject is Subject.PERSON
            else f"'{definition.subject.value}' is reserved: only persons have tags so far",
        ),
        ("confidence", "" if 0 <= definition.confidence <= SCALE else "is between 0 and 1"),
        ("value_type", _type_fault(definition.value_type)),
        ("unknown", _unknown_fault(definition)),
        ("update", _update_fault(definition)),
        ("schedule", _schedule_fault(definition)),
        (
            "keep_days",
            "" if 0 <= definition.keep_days <= MAX_KEEP_DAYS else f"is between 0 and {MAX_KEEP_DAYS}",
        ),
        ("quality", quality_rules.fault(definition.quality, definition.value_type.base)),
        ("kind", _kind_fault(definition)),
    ]


def _word_fault(tag_id: str) -> str:
    """Rules could not name such a tag."""
    if len(tag_id) > LONGEST_WORD:
        return ""
    try:
        named = parse(f"{tag_id} IS KNOWN").body == IsKnown(TagRef(tag_id), known=True)
    except RuleSyntaxError:
        named = False
    return "" if named else "is a word of the rule language"


def _unseen_fault(text: str) -> str:
    unseen = [each for each in text if unicodedata.category(each) == "Cc" or each in TURNS]
    return f"holds the character U+{ord(unseen[0]):04X}, which nobody sees" if unseen else ""


def _update_fault(definition: TagDefinition) -> str:
    match definition.kind, definition.update:
        case SqlKind(), Update.STREAM:
            return "SQL is computed by runs alone: say run"
        case ((ImportedKind() | ManualKind()), Update.RUN):
            return "values that are told hold at once: say stream"
    return ""


def _schedule_fault(definition: TagDefinition) -> str:
    schedule = definition.schedule
    if schedule is None:
        return ""
    if isinstance(definition.kind, TOLD):
        return "values that are told are not computed"
    if schedule == OnTag(definition.tag_id):
        return "on_tag: a tag does not wait for itself"
    try:
        check_schedule(schedule)
    except ScheduleInvalid as error:
        return str(error)
    return ""


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
    if value_type.weighted and not (value_type.base is Kind.TEXT and value_type.multi_valued):
        return "only texts of which a person may have several have weights"
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


def _unknown_fault(definition: TagDefinition) -> str:
    match definition.unknown:
        case Unknown.KEEPS if not isinstance(definition.kind, AttributeKind):
            return "what was known last is kept of attributes only: other kinds are a function of the facts"
        case Default(value):
            return _value_fault(definition, value)
    return ""


def _kind_fault(definition: TagDefinition) -> str:
    if definition.value_type.weighted and not isinstance(definition.kind, WEIGHTED):
        return "its elements have no weight: top_n, preference and scene_group give one"
    match definition.kind:
        case AttributeKind(attribute):
            return "" if attribute else "attribute: is empty"
        case LayeredRuleKind(layers, otherwise):
            return _layers_fault(definition, layers, otherwise)
        case RfmKind() as rfm if not rfm.result.is_text and definition.value_type.base is not Kind.NUMBER:
            return f"rfm.result: its values are numbers when the result is {rfm.result.value}"
        case RfmKind(result=result) if result.is_text and definition.value_type.base is not Kind.TEXT:
            return "its values are texts"
        case LifecycleKind() if definition.value_type.base is not Kind.TEXT:
            return "its values are texts"
        case RfmKind() | LifecycleKind() if definition.value_type.multi_valued:
            return "a person has one value of it"
        case RfmKind() as rfm:
            return _rfm_fault(rfm)
        case LifecycleKind() as lifecycle:
            return _lifecycle_fault(lifecycle)
        case StatisticKind(expression):
            return "" if expression.strip() else "statistic.expression: is empty"
        case _ as computed:
            return _computed_fault(definition, computed)


def _computed_fault(definition: TagDefinition, kind: Computed) -> str:
    if fault := kind.fault(definition.value_type):
        return f"{kind.field}.{fault}"
    listed = {each.value for each in definition.value_type.options}
    outside = (kind.listed() or frozenset()) - listed
    if definition.value_type.closed and outside:
        return f"{kind.field}: it gives '{min(outside)}', which is not in the closed list"
    return ""


def _layers_fault(definition: TagDefinition, layers: tuple[RuleLayer, ...], otherwise: Value | None) -> str:
    if not 1 <= len(layers) <= MAX_RULE_LAYERS:
        return f"layered_rule.layers: has {len(layers)} layers, allowed are 1 to {MAX_RULE_LAYERS}"
    given = [(f"layered_rule.layers[{index}].then", each.then) for index, each in enumerate(layers)]
    if otherwise is not None:
        given.append(("layered_rule.otherwise", otherwise))
    for where, value in given:
        if fault := _value_fault(definition, value):
            return f"{where}: {fault}"
    return ""


def _value_fault(definition: TagDefinition, value: Value) -> str:
    """A value that a definition states is one that the tag may have."""
    value_type = definition.value_type
    if isinstance(value, tuple) != value_type.multi_valued:
        return f"is {'not ' if value_type.multi_valued else ''}a list"
    listed = {each.value for each in value_type.options}
    for element in value if isinstance(value, tuple) else (value,):
        if (found := kind_of(element)) is not value_type.base:
            return f"is {found.value}, the tag's values are {value_type.base.value}"
        if value_type.closed and element not in listed:
            return f"'{element}' is not in the closed list"
    return ""


def _rfm_fault(rfm: RfmKind) -> str:
    for name in ("recency", "frequency", "monetary"):
        measure: RfmMeasure = getattr(rfm, name)
        if not measure.expression.strip():
            return f"rfm.{name}.expression: is empty"
        if isinstance(measure.cut, TopCut) and not 0 < measure.cut.percent < 100 * SCALE:
            return f"rfm.{name}.top_percent: is between 0 and 100"
        if isinstance(measure.cut, HighScore) and not 2 <= measure.cut.score <= SCORES:
            return f"rfm.{name}.high_score: is between 2 and {SCORES}"
        bounds = measure.score_bounds
        if bounds and (len(bounds) != SCORES - 1 or list(bounds) != sorted(set(bounds))):
            return f"rfm.{name}.score_bounds: are {SCORES - 1} rising numbers"
        if bounds and not rfm.scores:
            return f"rfm.{name}.score_bounds: no score is asked for"
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
