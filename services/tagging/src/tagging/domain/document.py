"""A definition as a plain document: what YAML files hold, what the store keeps, and what differences compare.

    tag_id: order_count_30d
    name: {zh: 近30天订单数, en: Orders in 30 days}
    type: number                        # or {base: text, multi_valued: true, closed: true, options: [...]}
    statistic: {expression: COUNT(order_paid) IN LAST 30 DAYS}

Numbers are decimal texts or plain YAML numbers, dates and moments are ISO texts.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar

from rules.evaluate.meaning import Scalar, Value
from rules.values import Kind, decimal_text, normal_text

from . import schedule_document
from .definition import (
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
from .kinds.families import COMPUTED, Computed
from .kinds.fields import number, read, write
from .quality.rules import NO_RULES, QualityRules
from .schedule import Schedule, ScheduleInvalid

Document = dict[str, Any]
E = TypeVar("E", bound=Enum)

_COMPUTED: dict[str, type[Computed]] = {each.field: each for each in COMPUTED}
KINDS = ("attribute", "statistic", "layered_rule", "rfm", "lifecycle", *_COMPUTED)
"""The fields of a document of which it has exactly one."""
_FIELDS = {
    "tag_id",
    "name",
    "description",
    "category",
    "layer",
    "grade",
    "brand",
    "type",
    "update",
    "owner",
    "calculation",
    "purpose",
    "subject",
    "unknown",
    "confidence",
    "schedule",
    "keep_days",
    "quality",
    *KINDS,
}
_BASES = {each.value: each for each in (Kind.BOOL, Kind.NUMBER, Kind.TEXT, Kind.DATE, Kind.DATETIME)}
_MEASURE_FIELDS = ("expression", "mean", "fixed", "top_percent", "high_score", "score_bounds")
_LIFECYCLE_FIELDS = (
    "purchase_event",
    "new_days",
    "active_days",
    "warning_days",
    "dormant_days",
    "loyal_count",
    "potential_days",
)


_DEFAULTS = {
    "layer": Layer.BASIC.value,
    "grade": Grade.INTERNAL.value,
    "update": Update.STREAM.value,
    "subject": Subject.PERSON.value,
    "unknown": Unknown.STAYS.value,
    "confidence": "1",
    "keep_days": 0,
}


def to_document(definition: TagDefinition) -> Document:
    """Without what is at its default; `from_document` reads it back."""
    kind_name, kind = _kind_document(definition.kind)
    found: Document = {
        "tag_id": definition.tag_id,
        "name": _wording_document(definition.name),
        "description": _wording_document(definition.description),
        "calculation": _wording_document(definition.calculation),
        "category": definition.category,
        "layer": definition.layer.value,
        "grade": definition.grade.value,
        "brand": definition.brand,
        "type": _type_document(definition.value_type),
        "update": definition.update.value,
        "owner": definition.owner,
        "purpose": definition.purpose,
        "subject": definition.subject.value,
        "unknown": _unknown_document(definition.unknown),
        "confidence": decimal_text(definition.confidence),
        "schedule": schedule_document.to_document(definition.schedule) if definition.schedule else "",
        "keep_days": definition.keep_days,
        "quality": write(definition.quality),
    }
    said = {
        name: value for name, value in found.items() if value not in ("", {}) and value != _DEFAULTS.get(name)
    }
    return {**said, kind_name: kind}


def from_document(document: Mapping[str, Any]) -> TagDefinition:
    """Raises DefinitionInvalid with the field that is wrong."""
    tag_id = str(document.get("tag_id", ""))
    return _Reader(tag_id).definition(document)


def kind_name(kind: TagKind) -> str:
    """The field that a kind stands in: statistic, rfm, imported ..."""
    return _kind_document(kind)[0]


def flatten(document: Document) -> dict[str, str]:
    """The document as field path -> text: `rfm.recency.expression`, `layered_rule.layers[0].when`."""
    found: dict[str, str] = {}

    def visit(path: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for name, inner in value.items():
                visit(f"{path}.{name}" if path else name, inner)
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                visit(f"{path}[{index}]", inner)
        else:
            found[path] = str(value).lower() if isinstance(value, bool) else str(value)

    visit("", document)
    return found


# ------------------------------------------------------------------------------------------ to a document


def _wording_document(wording: Wording) -> Document:
    return {name: text for name, text in (("zh", wording.zh), ("en", wording.en)) if text}


def _type_document(value_type: TagValueType) -> Any:
    found: Document = {"base": value_type.base.value}
    if value_type.multi_valued:
        found["multi_valued"] = True
    if value_type.closed:
        found["closed"] = True
    if value_type.weighted:
        found["weighted"] = True
    if value_type.options:
        found["options"] = [_option_document(each) for each in value_type.options]
    return found["base"] if len(found) == 1 else found


def _unknown_document(policy: NullPolicy) -> Any:
    return {"default": value_text(policy.value)} if isinstance(policy, Default) else policy.value


def _option_document(option: Option) -> Document:
    found: Document = {"value": option.value}
    if option.name != Wording():
        found["name"] = _wording_document(option.name)
    if option.parent:
        found["parent"] = option.parent
    return found


def _kind_document(kind: TagKind) -> tuple[str, Document]:
    match kind:
        case AttributeKind(attribute):
            return "attribute", {"attribute": attribute}
        case StatisticKind(expression):
            return "statistic", {"expression": expression}
        case LayeredRuleKind(layers, otherwise):
            found: Document = {
                "layers": [{"when": each.when, "then": value_text(each.then)} for each in layers]
            }
            if otherwise is not None:
                found["otherwise"] = value_text(otherwise)
            return "layered_rule", found
        case RfmKind():
            found = {
                name: _measure_document(getattr(kind, name)) for name in ("recency", "frequency", "monetary")
            }
            if kind.population:
                found["population"] = kind.population
            if kind.result is not RfmResult.CLASS:
                found["result"] = kind.result.value
            return "rfm", found
        case LifecycleKind():
            return "lifecycle", {name: getattr(kind, name) for name in _LIFECYCLE_FIELDS}
    return kind.field, write(kind)


def _measure_document(measure: RfmMeasure) -> Document:
    found: Document = {"expression": measure.expression}
    match measure.cut:
        case FixedCut(number):
            found["fixed"] = decimal_text(number)
        case TopCut(percent):
            found["top_percent"] = decimal_text(percent)
        case HighScore(score):
            found["high_score"] = score
    if measure.score_bounds:
        found["score_bounds"] = [decimal_text(each) for each in measure.score_bounds]
    return found


def value_text(value: Value) -> Any:
    """A value as documents write it; texts, truths and lists stay what they are."""
    match value:
        case tuple():
            return [value_text(each) for each in value]
        case bool() | str():
            return value
        case int():
            return decimal_text(value)
        case dt.datetime():
            return value.astimezone(dt.UTC).isoformat()
        case dt.date():
            return value.isoformat()


# ---------------------------------------------------------------------------------------- from a document


class _Reader:
    def __init__(self, tag_id: str) -> None:
        self._tag_id = tag_id

    def fail(self, field: str, problem: str) -> DefinitionInvalid:
        return DefinitionInvalid(self._tag_id, field, problem)

    def definition(self, document: Mapping[str, Any]) -> TagDefinition:
        self._known("", document, _FIELDS)
        kinds = [name for name in KINDS if name in document]
        if len(kinds) != 1:
            raise self.fail("kind", f"needs exactly one of {', '.join(KINDS)}, has {len(kinds)}")
        value_type = self._type(document.get("type"))
        return TagDefinition(
            tag_id=self._tag_id,
            name=self._wording("name", document.get("name")),
            value_type=value_type,
            kind=self._kind(kinds[0], document[kinds[0]], value_type),
            description=self._wording("description", document.get("description")),
            category=str(document.get("category", "")),
            layer=self._enum("layer", document.get("layer", Layer.BASIC.value), Layer),
            grade=self._enum("grade", document.get("grade", Grade.INTERNAL.value), Grade),
            brand=str(document.get("brand", "")),
            update=self._enum("update", document.get("update", Update.STREAM.value), Update),
            owner=str(document.get("owner", "")),
            calculation=self._wording("calculation", document.get("calculation")),
            purpose=str(document.get("purpose", "")),
            subject=self._enum("subject", document.get("subject", Subject.PERSON.value), Subject),
            unknown=self._unknown(document.get("unknown", Unknown.STAYS.value), value_type),
            confidence=self._number("confidence", document.get("confidence", 1)),
            schedule=self._schedule(document.get("schedule")),
            keep_days=self._days("keep_days", document.get("keep_days", 0)),
            quality=self._quality(document.get("quality")),
        )

    def _unknown(self, given: object, value_type: TagValueType) -> NullPolicy:
        if isinstance(given, str):
            return self._enum("unknown", given, Unknown)
        known = self._known("unknown", given, {"default"})
        return Default(self._value("unknown.default", known.get("default"), value_type))

    def _schedule(self, given: object) -> Schedule | None:
        try:
            return None if given is None else schedule_document.from_document(given)
        except ScheduleInvalid as error:
            raise self.fail("schedule", str(error)) from error

    def _quality(self, given: object) -> QualityRules:
        return NO_RULES if given is None else read(QualityRules, given, "quality", self.fail)

    def _days(self, field: str, given: object) -> int:
        if not isinstance(given, int) or isinstance(given, bool):
            raise self.fail(field, "must be a whole number of days")
        return given

    def _known(self, where: str, given: object, allowed: set[str]) -> Mapping[str, Any]:
        if not isinstance(given, Mapping):
            raise self.fail(where or "definition", "must be a mapping")
        for name in given:
            if name not in allowed:
                path = f"{where}.{name}" if where else str(name)
                raise self.fail(path, f"is not a field; these are: {', '.join(sorted(allowed))}")
        return given

    def _wording(self, field: str, given: object) -> Wording:
        if given is None:
            return Wording()
        if isinstance(given, str):
            return Wording(zh=normal_text(given))
        known = self._known(field, given, {"zh", "en"})
        return Wording(normal_text(str(known.get("zh", ""))), normal_text(str(known.get("en", ""))))

    def _enum(self, field: str, given: object, kinds: type[E]) -> E:
        try:
            return kinds(given)
        except ValueError:
            raise self.fail(field, f"is one of {', '.join(each.value for each in kinds)}") from None

    def _type(self, given: object) -> TagValueType:
        if given is None:
            raise self.fail("type", "is missing")
        whole = {"base": given} if isinstance(given, str) else given
        known = self._known("type", whole, {"base", "multi_valued", "closed", "options", "weighted"})
        base = _BASES.get(str(known.get("base", "")))
        if base is None:
            raise self.fail("type.base", f"is one of {', '.join(_BASES)}")
        options = self._sequence("type.options", known.get("options", ()))
        return TagValueType(
            base,
            bool(known.get("multi_valued", False)),
            bool(known.get("closed", False)),
            tuple(self._option(index, each) for index, each in enumerate(options)),
            bool(known.get("weighted", False)),
        )

    def _option(self, index: int, given: object) -> Option:
        where = f"type.options[{index}]"
        if isinstance(given, str):
            return Option(normal_text(given))
        known = self._known(where, given, {"value", "name", "parent"})
        name = self._wording(f"{where}.name", known.get("name"))
        return Option(
            normal_text(str(known.get("value", ""))), name, normal_text(str(known.get("parent", "")))
        )

    def _sequence(self, field: str, given: object) -> Sequence[Any]:
        if not isinstance(given, list | tuple):
            raise self.fail(field, "must be a list")
        return given

    def _kind(self, name: str, given: object, value_type: TagValueType) -> TagKind:
        readers: dict[str, Callable[[Any, TagValueType], TagKind]] = {
            "attribute": self._attribute,
            "statistic": self._statistic,
            "layered_rule": self._layered_rule,
            "rfm": self._rfm,
            "lifecycle": self._lifecycle,
        }
        if name in readers:
            return readers[name](given, value_type)
        if isinstance(given, str):
            given = {"expression": given}
        return read(_COMPUTED[name], {} if given is None else given, name, self.fail)

    def _attribute(self, given: Any, _: TagValueType) -> TagKind:
        if isinstance(given, str):
            return AttributeKind(given)
        return AttributeKind(str(self._known("attribute", given, {"attribute"}).get("attribute", "")))

    def _statistic(self, given: Any, _: TagValueType) -> TagKind:
        if isinstance(given, str):
            return StatisticKind(given)
        return StatisticKind(str(self._known("statistic", given, {"expression"}).get("expression", "")))

    def _layered_rule(self, given: Any, value_type: TagValueType) -> TagKind:
        known = self._known("layered_rule", given, {"layers", "otherwise"})
        layers = []
        for index, each in enumerate(self._sequence("layered_rule.layers", known.get("layers", ()))):
            where = f"layered_rule.layers[{index}]"
            layer = self._known(where, each, {"when", "then"})
            then = self._value(f"{where}.then", layer.get("then"), value_type)
            layers.append(RuleLayer(str(layer.get("when", "")), then))
        otherwise = known.get("otherwise")
        if otherwise is not None:
            otherwise = self._value("layered_rule.otherwise", otherwise, value_type)
        return LayeredRuleKind(tuple(layers), otherwise)

    def _rfm(self, given: Any, _: TagValueType) -> TagKind:
        known = self._known("rfm", given, {"recency", "frequency", "monetary", "population", "result"})
        recency, frequency, monetary = (
            self._measure(f"rfm.{name}", known.get(name)) for name in ("recency", "frequency", "monetary")
        )
        result = self._enum("rfm.result", known.get("result", RfmResult.CLASS.value), RfmResult)
        return RfmKind(recency, frequency, monetary, str(known.get("population", "")), result)

    def _measure(self, where: str, given: object) -> RfmMeasure:
        if isinstance(given, str):
            return RfmMeasure(given)
        known = self._known(where, given, set(_MEASURE_FIELDS))
        cuts: list[Cut] = []
        if known.get("mean"):
            cuts.append(MeanCut())
        if "fixed" in known:
            cuts.append(FixedCut(self._number(f"{where}.fixed", known["fixed"])))
        if "top_percent" in known:
            cuts.append(TopCut(self._number(f"{where}.top_percent", known["top_percent"])))
        if "high_score" in known:
            cuts.append(HighScore(self._whole(f"{where}.high_score", known["high_score"])))
        if len(cuts) > 1:
            raise self.fail(where, "has more than one of mean, fixed, top_percent, high_score")
        bounds = self._sequence(f"{where}.score_bounds", known.get("score_bounds", ()))
        return RfmMeasure(
            str(known.get("expression", "")),
            cuts[0] if cuts else MeanCut(),
            tuple(self._number(f"{where}.score_bounds[{index}]", each) for index, each in enumerate(bounds)),
        )

    def _whole(self, field: str, given: object) -> int:
        if not isinstance(given, int) or isinstance(given, bool):
            raise self.fail(field, "must be a whole number")
        return given

    def _lifecycle(self, given: Any, _: TagValueType) -> TagKind:
        known = self._known("lifecycle", given or {}, set(_LIFECYCLE_FIELDS))
        numbers = {}
        for name in _LIFECYCLE_FIELDS[1:]:
            numbers[name] = self._whole(f"lifecycle.{name}", known.get(name, getattr(LifecycleKind(), name)))
        return LifecycleKind(str(known.get("purchase_event", "order_paid")), **numbers)

    def _value(self, field: str, given: object, value_type: TagValueType) -> Value:
        if value_type.multi_valued:
            return tuple(self._scalar(field, each, value_type.base) for each in self._sequence(field, given))
        return self._scalar(field, given, value_type.base)

    def _scalar(self, field: str, given: object, base: Kind) -> Scalar:
        match base, given:
            case Kind.BOOL, bool():
                return given
            case Kind.NUMBER, int() | float() | str() if not isinstance(given, bool):
                return self._number(field, given)
            case Kind.TEXT, str():
                return normal_text(given)
            case Kind.DATETIME, dt.datetime() if given.tzinfo:
                return given.astimezone(dt.UTC)
            case Kind.DATE, dt.date() if not isinstance(given, dt.datetime):
                return given
            case ((Kind.DATE | Kind.DATETIME), str()):
                return self._time(field, given, base)
        raise self.fail(field, f"is not a {base.value}: {given!r}")

    def _number(self, field: str, given: object) -> int:
        return number(given, field, self.fail)

    def _time(self, field: str, given: str, base: Kind) -> Scalar:
        try:
            if base is Kind.DATE:
                return dt.date.fromisoformat(given)
            moment = dt.datetime.fromisoformat(given)
        except ValueError:
            raise self.fail(field, f"is not a {base.value}: {given!r}") from None
        if moment.tzinfo is None:
            raise self.fail(field, f"lacks a time zone: {given!r}")
        return moment.astimezone(dt.UTC)
