"""Definitions as messages of the contract, both ways."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from huaxiang.tagging.v1 import tag_pb2 as pb
from huaxiang.type.v1 import value_pb2
from rules.evaluate.meaning import Scalar, Value
from rules.values import Kind, normal_text
from servicekit.values import NotAValue, put_scalar, scalar
from tagging.domain.definition import (
    AttributeKind,
    Cut,
    DefinitionInvalid,
    FixedCut,
    Grade,
    Layer,
    LayeredRuleKind,
    LifecycleKind,
    MeanCut,
    Option,
    RfmKind,
    RfmMeasure,
    RuleLayer,
    StatisticKind,
    TagDefinition,
    TagKind,
    TagValueType,
    TopCut,
    Update,
    Wording,
)

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
_GRADES = {
    Grade.PUBLIC: pb.TAG_GRADE_PUBLIC,
    Grade.INTERNAL: pb.TAG_GRADE_INTERNAL,
    Grade.PERSONAL: pb.TAG_GRADE_PERSONAL,
    Grade.SENSITIVE: pb.TAG_GRADE_SENSITIVE,
}
_UPDATES = {Update.STREAM: pb.TAG_UPDATE_STREAM, Update.RUN: pb.TAG_UPDATE_RUN}
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
        grade=_GRADES[definition.grade],
        brand=definition.brand,
        value_type=_type_message(definition.value_type),
        update=_UPDATES[definition.update],
        owner=definition.owner,
        calculation=_wording_message(definition.calculation),
        purpose=definition.purpose,
    )
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
        case LifecycleKind() as lifecycle:
            message.lifecycle.purchase_event = lifecycle.purchase_event
            for name in _LIFECYCLE:
                setattr(message.lifecycle, name, getattr(lifecycle, name))
    return message


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
    )


def _measure_message(measure: RfmMeasure) -> pb.RfmMeasure:
    match measure.cut:
        case MeanCut():
            return pb.RfmMeasure(expression=measure.expression, mean=True)
        case FixedCut(number):
            return pb.RfmMeasure(expression=measure.expression, fixed=number)
        case TopCut(percent):
            return pb.RfmMeasure(expression=measure.expression, top_percent=percent)


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
        grade=_named(_GRADES, message.grade, Grade.INTERNAL),
        brand=message.brand,
        update=_named(_UPDATES, message.update, Update.STREAM),
        owner=message.owner,
        calculation=_wording(message.calculation),
        purpose=message.purpose,
    )


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
    return TagValueType(base, said.multi_valued, said.openness == pb.LIST_OPENNESS_CLOSED, options)


def _kind(message: pb.TagDefinition) -> TagKind:
    match message.WhichOneof("kind"):
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
    }
    which = message.WhichOneof("cut")
    if which == "mean" and not message.mean:
        raise DefinitionInvalid(tag_id, f"rfm.{name}.mean", "must be true")
    return RfmMeasure(message.expression, cuts[which]())
