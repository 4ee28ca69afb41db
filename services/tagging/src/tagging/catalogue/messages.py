"""Definitions as messages of the contract, both ways."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from huaxiang.tagging.v1 import tag_pb2 as pb
from huaxiang.type.v1 import value_pb2
from rules.evaluate.meaning import Scalar, Value
from rules.values import SCALE, Kind, normal_text
from servicekit.values import NotAValue, put_scalar, scalar
from tagging.catalogue.kind_messages import read_message, write_message
from tagging.catalogue.schedule_messages import schedule_message, schedule_of
from tagging.domain.definition import (
    AttributeKind,
    Cut,
    Default,
    DefinitionInvalid,
    FixedCut,
    Grade,
    HighScore,
    Layer,
    LayeredRuleKind,
    LifecycleKind,
    MeanCut,
    NullPolicy,
    Option,
    RfmKind,
    RfmMeasure,
    RfmResult,
    RuleLayer,
    StatisticKind,
    Subject,
    TagDefinition,
    TagKind,
    TagValueType,
    TopCut,
    Unknown,
    Update,
    Wording,
)
from tagging.domain.kinds.families import COMPUTED, Computed
from tagging.domain.quality.rules import NO_RULES, QualityRules
from tagging.domain.schedule import Schedule, ScheduleInvalid

BASES: Mapping[Kind, "pb.BaseType.ValueType"] = {
    Kind.BOOL: pb.BASE_TYPE_BOOL,
    Kind.NUMBER: pb.BASE_TYPE_NUMBER,
    Kind.TEXT: pb.BASE_TYPE_TEXT,
    Kind.DATE: pb.BASE_TYPE_DATE,
    Kind.DATETIME: pb.BASE_TYPE_DATETIME,
}
_LAYERS = {
    Layer.BASIC: pb.TAG_LAYER_BASIC,
    Layer.DERIVED: pb.TAG_LAYER_DERIVED,
    Layer.BUSINESS: pb.TAG_LAYER_BUSINESS,
}
GRADES = {
    Grade.PUBLIC: pb.TAG_GRADE_PUBLIC,
    Grade.INTERNAL: pb.TAG_GRADE_INTERNAL,
    Grade.PERSONAL: pb.TAG_GRADE_PERSONAL,
    Grade.SENSITIVE: pb.TAG_GRADE_SENSITIVE,
}
_UPDATES = {Update.STREAM: pb.TAG_UPDATE_STREAM, Update.RUN: pb.TAG_UPDATE_RUN}
_SUBJECTS = {
    Subject.PERSON: pb.TAG_SUBJECT_PERSON,
    Subject.ITEM: pb.TAG_SUBJECT_ITEM,
    Subject.STORE: pb.TAG_SUBJECT_STORE,
    Subject.HOUSEHOLD: pb.TAG_SUBJECT_HOUSEHOLD,
    Subject.DEVICE: pb.TAG_SUBJECT_DEVICE,
}
_RESULTS = {
    RfmResult.CLASS: pb.RFM_RESULT_CLASS,
    RfmResult.SCORES: pb.RFM_RESULT_SCORES,
    RfmResult.TOTAL: pb.RFM_RESULT_TOTAL,
    RfmResult.RECENCY_SCORE: pb.RFM_RESULT_RECENCY_SCORE,
    RfmResult.FREQUENCY_SCORE: pb.RFM_RESULT_FREQUENCY_SCORE,
    RfmResult.MONETARY_SCORE: pb.RFM_RESULT_MONETARY_SCORE,
}
_COMPUTED: Mapping[str | None, type[Computed]] = {each.field: each for each in COMPUTED}
Named = TypeVar("Named")

_LIFECYCLE = ("new_days", "active_days", "warning_days", "dormant_days", "loyal_count", "potential_days")


# ------------------------------------------------------------------------------------------------ values


def value_message(value: Value) -> value_pb2.Value:
    message = value_pb2.Value()
    if isinstance(value, tuple):
        message.list_value.SetInParent()
        for each in value:
            put_scalar(message.list_value.values.add(), each)
    else:
        put_scalar(message, value)
    return message


def value_of(message: value_pb2.Value) -> Value | None:
    """Texts in normal form; None when the message says unknown. Raises NotAValue for a record, a list of lists, and
    what is no date or moment."""
    if message.WhichOneof("kind") == "list_value":
        elements = [_normal(scalar(each)) for each in message.list_value.values]
        if None in elements:
            raise NotAValue("is a list with an element that has no value")
        return tuple(each for each in elements if each is not None)
    return _normal(scalar(message))


def _normal(said: Scalar | None) -> Scalar | None:
    return normal_text(said) if isinstance(said, str) else said


# -------------------------------------------------------------------------------------------- to a message


def to_message(definition: TagDefinition) -> pb.TagDefinition:
    message = pb.TagDefinition(
        tag_id=definition.tag_id,
        name=_wording_message(definition.name),
        description=_wording_message(definition.description),
        category=definition.category,
        layer=_LAYERS[definition.layer],
        grade=GRADES[definition.grade],
        brand=definition.brand,
        value_type=_type_message(definition.value_type),
        update=_UPDATES[definition.update],
        owner=definition.owner,
        calculation=_wording_message(definition.calculation),
        purpose=definition.purpose,
        subject=_SUBJECTS[definition.subject],
        confidence=definition.confidence,
        schedule=schedule_message(definition.schedule) if definition.schedule else None,
        keep_days=definition.keep_days,
    )
    if definition.quality != NO_RULES:
        write_message(definition.quality, message.quality)
    _put_unknown(definition.unknown, message)
    match definition.kind:
        case AttributeKind(attribute):
            message.attribute.attribute = attribute
        case StatisticKind(expression):
            message.statistic.expression = expression
        case LayeredRuleKind(layers, otherwise):
            message.layered_rule.SetInParent()
            for layer in layers:
                message.layered_rule.layers.add(when=layer.when, then=value_message(layer.then))
            if otherwise is not None:
                message.layered_rule.otherwise.CopyFrom(value_message(otherwise))
        case RfmKind() as rfm:
            message.rfm.recency.CopyFrom(_measure_message(rfm.recency))
            message.rfm.frequency.CopyFrom(_measure_message(rfm.frequency))
            message.rfm.monetary.CopyFrom(_measure_message(rfm.monetary))
            message.rfm.population = rfm.population
            message.rfm.result = _RESULTS[rfm.result]
        case LifecycleKind() as lifecycle:
            message.lifecycle.purchase_event = lifecycle.purchase_event
            for name in _LIFECYCLE:
                setattr(message.lifecycle, name, getattr(lifecycle, name))
        case _ as computed:
            write_message(computed, getattr(message, computed.field))
    return message


def _put_unknown(policy: NullPolicy, message: pb.TagDefinition) -> None:
    match policy:
        case Default(value):
            message.unknown.default_value.CopyFrom(value_message(value))
        case Unknown.KEEPS:
            message.unknown.keep_last = True


def _wording_message(wording: Wording) -> pb.TagText:
    return pb.TagText(zh=wording.zh, en=wording.en)


def _type_message(value_type: TagValueType) -> pb.ValueType:
    openness = pb.LIST_OPENNESS_UNSPECIFIED
    if value_type.base is Kind.TEXT:
        openness = pb.LIST_OPENNESS_CLOSED if value_type.closed else pb.LIST_OPENNESS_OPEN
    options = [
        pb.ValueOption(value=each.value, name=_wording_message(each.name), parent=each.parent)
        for each in value_type.options
    ]
    return pb.ValueType(
        base=BASES[value_type.base],
        multi_valued=value_type.multi_valued,
        openness=openness,
        options=options,
        weighted=value_type.weighted,
    )


def _measure_message(measure: RfmMeasure) -> pb.RfmMeasure:
    message = pb.RfmMeasure(expression=measure.expression, score_bounds=measure.score_bounds)
    match measure.cut:
        case MeanCut():
            message.mean = True
        case FixedCut(number):
            message.fixed = number
        case TopCut(percent):
            message.top_percent = percent
        case HighScore(score):
            message.high_score = score
    return message


# ------------------------------------------------------------------------------------------ from a message


def from_message(message: pb.TagDefinition) -> TagDefinition:
    """Raises DefinitionInvalid for what is missing or has no meaning."""
    value_type = _type(message)
    return TagDefinition(
        tag_id=message.tag_id,
        name=_wording(message.name),
        value_type=value_type,
        kind=_kind(message),
        description=_wording(message.description),
        category=message.category,
        layer=_named(_LAYERS, message.layer, Layer.BASIC),
        grade=_named(GRADES, message.grade, Grade.INTERNAL),
        brand=message.brand,
        update=_named(_UPDATES, message.update, Update.STREAM),
        owner=message.owner,
        calculation=_wording(message.calculation),
        purpose=message.purpose,
        subject=_named(_SUBJECTS, message.subject, Subject.PERSON),
        unknown=_unknown(message),
        confidence=message.confidence if message.HasField("confidence") else SCALE,
        schedule=_schedule(message),
        keep_days=message.keep_days,
        quality=read_message(QualityRules, message.quality),
    )


def _schedule(message: pb.TagDefinition) -> Schedule | None:
    try:
        return schedule_of(message.schedule) if message.HasField("schedule") else None
    except ScheduleInvalid as error:
        raise DefinitionInvalid(message.tag_id, "schedule", str(error)) from error


def _unknown(message: pb.TagDefinition) -> NullPolicy:
    match message.unknown.WhichOneof("policy"):
        case "default_value":
            value = _said(message.tag_id, "unknown.default_value", message.unknown.default_value)
            if value is None:
                raise DefinitionInvalid(message.tag_id, "unknown.default_value", "is missing")
            return Default(value)
        case "keep_last":
            if not message.unknown.keep_last:
                raise DefinitionInvalid(message.tag_id, "unknown.keep_last", "must be true")
            return Unknown.KEEPS
    return Unknown.STAYS


def _named(names: Mapping[Named, int], number: int, absent: Named) -> Named:
    return next((name for name, each in names.items() if each == number), absent)


def _wording(message: pb.TagText) -> Wording:
    return Wording(normal_text(message.zh), normal_text(message.en))


def _type(message: pb.TagDefinition) -> TagValueType:
    said = message.value_type
    base = next((kind for kind, number in BASES.items() if number == said.base), None)
    if base is None:
        raise DefinitionInvalid(message.tag_id, "value_type.base", "is not said")
    options = tuple(
        Option(normal_text(each.value), _wording(each.name), normal_text(each.parent))
        for each in said.options
    )
    closed = said.openness == pb.LIST_OPENNESS_CLOSED
    return TagValueType(base, said.multi_valued, closed, options, said.weighted)


def _kind(message: pb.TagDefinition) -> TagKind:
    which = message.WhichOneof("kind")
    if which in _COMPUTED:
        return read_message(_COMPUTED[which], getattr(message, str(which)))
    match which:
        case "attribute":
            return AttributeKind(message.attribute.attribute)
        case "statistic":
            return StatisticKind(message.statistic.expression)
        case "layered_rule":
            return _layered(message)
        case "rfm":
            rfm = message.rfm
            return RfmKind(
                _measure(message.tag_id, "recency", rfm.recency),
                _measure(message.tag_id, "frequency", rfm.frequency),
                _measure(message.tag_id, "monetary", rfm.monetary),
                rfm.population,
                _named(_RESULTS, rfm.result, RfmResult.CLASS),
            )
        case "lifecycle":
            said = message.lifecycle
            defaults = LifecycleKind()
            numbers = {name: getattr(said, name) or getattr(defaults, name) for name in _LIFECYCLE}
            return LifecycleKind(said.purchase_event or defaults.purchase_event, **numbers)
        case _:
            raise DefinitionInvalid(message.tag_id, "kind", "is not said: how is it computed?")


def _layered(message: pb.TagDefinition) -> LayeredRuleKind:
    layers = []
    for index, layer in enumerate(message.layered_rule.layers):
        field = f"layered_rule.layers[{index}].then"
        then = _said(message.tag_id, field, layer.then)
        if then is None:
            raise DefinitionInvalid(message.tag_id, field, "is missing")
        layers.append(RuleLayer(layer.when, then))
    otherwise = _said(message.tag_id, "layered_rule.otherwise", message.layered_rule.otherwise)
    return LayeredRuleKind(tuple(layers), otherwise)


def _said(tag_id: str, field: str, message: value_pb2.Value) -> Value | None:
    try:
        return value_of(message)
    except ValueError as error:
        raise DefinitionInvalid(tag_id, field, str(error)) from error


def _measure(tag_id: str, name: str, message: pb.RfmMeasure) -> RfmMeasure:
    cuts: Mapping[str | None, Callable[[], Cut]] = {
        None: MeanCut,
        "mean": MeanCut,
        "fixed": lambda: FixedCut(message.fixed),
        "top_percent": lambda: TopCut(message.top_percent),
        "high_score": lambda: HighScore(message.high_score),
    }
    which = message.WhichOneof("cut")
    if which == "mean" and not message.mean:
        raise DefinitionInvalid(tag_id, f"rfm.{name}.mean", "must be true")
    return RfmMeasure(message.expression, cuts[which](), tuple(message.score_bounds))
