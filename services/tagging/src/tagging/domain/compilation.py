"""From definitions and forms to recipes: rules are parsed, checked, and asked how they age."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar, get_args

from rules.check import (
    CheckedForm,
    CheckedGrouped,
    CheckedRule,
    Context,
    Mentions,
    check_form,
    check_grouped,
    check_rule,
    type_of,
)
from rules.check.findings import nearest
from rules.errors import Problem, RuleCheckError, RuleSyntaxError, problem
from rules.printer import print_condition
from rules.schema import Schema
from rules.tree import (
    NOWHERE,
    Aggregate,
    AllTime,
    Compare,
    Comparison,
    Condition,
    Expression,
    Function,
    Grouped,
    Last,
    Number,
    Unit,
)
from rules.values import SCALE, Kind, ValueType
from rules.walk import walk

from . import ageing, lifecycle, rfm
from .ageing import Trigger
from .columns import Shape
from .definition import (
    AttributeKind,
    DefinitionInvalid,
    LayeredRuleKind,
    LifecycleKind,
    RfmKind,
    RfmResult,
    StatisticKind,
    TagDefinition,
    Update,
)
from .kinds.families import Computed
from .kinds.kind import Question
from .recipe import Recipe
from .schedule import OnEvent, OnTag

FEATURE_PREFIX = "feature:"
_EXPRESSIONS = get_args(Expression)
Checked = TypeVar("Checked", CheckedForm, CheckedRule, CheckedGrouped)


class RuleInvalid(ValueError):
    """A rule or expression is malformed or names something unknown; `tag_id` is "" for a form."""

    def __init__(self, tag_id: str, field: str, problems: tuple[Problem, ...]) -> None:
        where = f"tag '{tag_id}', {field}: " if tag_id else ""
        super().__init__(where + "; ".join(str(each) for each in problems))
        self.tag_id = tag_id
        self.field = field
        self.problems = problems


def tag_recipe(definition: TagDefinition, schema: Schema) -> Recipe:
    """Raises DefinitionInvalid, and RuleInvalid for the first rule with problems."""
    compiler = _Compiler(definition, schema)
    match definition.kind:
        case AttributeKind():
            return compiler.attribute()
        case StatisticKind(expression):
            return compiler.statistic(expression)
        case LayeredRuleKind() as layered:
            return compiler.layered(layered)
        case RfmKind() as kind:
            return compiler.rfm(kind)
        case LifecycleKind() as kind:
            return compiler.lifecycle(kind)
    return compiler.computed(definition.kind)


def feature_column(form: str) -> str:
    """The column of a form in canonical text."""
    return FEATURE_PREFIX + hashlib.blake2b(form.encode(), digest_size=10).hexdigest()


def feature_recipe(form: str, schema: Schema) -> Recipe:
    """Of a form in canonical text. Raises RuleInvalid."""
    checked = checked_form("", "form", form, schema)
    try:
        due = _triggers([checked.form], schema)
    except ageing.AgesUnseen as error:
        raise RuleInvalid("", "form", (Problem(str(error), 1, 1, NOWHERE),)) from error
    return Recipe(
        column=feature_column(form),
        shape=_shape(checked.type),
        kind=StatisticKind(form),
        questions={"value": checked.form},
        shapes={"value": _shape(checked.type)},
        everybody=True,
        stream=True,
        tags=checked.mentions.tags,
        events=checked.mentions.events,
        tables=checked.mentions.tables,
        daily=ageing.turns_at_midnight(checked.form),
        triggers=due,
    )


class _Compiler:
    def __init__(self, definition: TagDefinition, schema: Schema) -> None:
        self._definition = definition
        self._schema = schema
        value_type = definition.value_type
        self._shape = Shape(value_type.base, value_type.multi_valued, value_type.weighted)
        self._mentions: list[Mentions] = []
        self._warnings: list[str] = []

    def attribute(self) -> Recipe:
        return self._recipe({}, everybody=True, shapes={"value": self._shape})

    def statistic(self, expression: str) -> Recipe:
        checked = self._form("statistic.expression", expression)
        wanted = self._definition.value_type.in_rules()
        if checked.type != wanted:
            raise self._fail("statistic.expression", f"gives a {checked.type}, the tag's values are {wanted}")
        return self._recipe({"value": checked.form}, everybody=True)

    def layered(self, layered: LayeredRuleKind) -> Recipe:
        questions: dict[str, Question] = {}
        for index, layer in enumerate(layered.layers):
            field = f"layered_rule.layers[{index}].when"
            questions[f"layer{index}"] = self._rule(field, layer.when)
        return self._recipe(questions, everybody=False)

    def rfm(self, kind: RfmKind) -> Recipe:
        questions: dict[str, Question] = {}
        for name in rfm.MEASURES:
            field = f"rfm.{name}.expression"
            checked = self._form(field, getattr(kind, name).expression)
            if checked.type != ValueType(Kind.NUMBER):
                raise self._fail(field, f"gives a {checked.type}, a number is needed")
            questions[name] = checked.form
        population = kind.population or _who_bought(questions["frequency"])
        questions["population"] = self._rule("rfm.population", population)
        listed = frozenset(rfm.CLASSES) if kind.result is RfmResult.CLASS else None
        return self._recipe(questions, everybody=False, listed=listed)

    def lifecycle(self, kind: LifecycleKind) -> Recipe:
        event = kind.purchase_event
        if self._schema.event(event) is None:
            raise self._fail("lifecycle.purchase_event", f"there is no event type '{event}'")
        year = Last(lifecycle.YEAR_DAYS, Unit.DAY)
        questions: dict[str, Question] = {
            "first": Aggregate(Function.FIRST, event),
            "last": Aggregate(Function.LAST, event),
            "year_count": Aggregate(Function.COUNT, event, window=year),
        }
        seen = frozenset(self._schema.names("event"))
        self._mentions.append(Mentions(frozenset(), seen, frozenset(), frozenset()))
        return self._recipe(questions, everybody=False, daily=True, listed=frozenset(lifecycle.STAGES))

    def computed(self, kind: Computed) -> Recipe:
        questions = kind.questions(self)
        return self._recipe(questions, everybody=kind.everybody, daily=kind.daily)

    # --------------------------------------------------------------------------- what kinds ask (kind.Compiler)

    def value(self, field: str, text: str, wanted: ValueType | None = None) -> Expression | Condition:
        checked = self._form(field, text)
        if wanted is not None and checked.type != wanted:
            raise self._fail(field, f"gives a {checked.type}, a {wanted} is needed")
        return checked.form

    def of_tags(self, field: str, text: str, wanted: ValueType) -> Expression | Condition:
        found = self.value(field, text, wanted)
        aggregate = next((each for each in walk(found) if isinstance(each, Aggregate)), None)
        if aggregate is not None:
            hint = "make the aggregate a tag of its own"
            found_here = problem(text, aggregate.span, "arithmetic is over tags, not over events", hint)
            raise RuleInvalid(self._definition.tag_id, field, (found_here,))
        return found

    def rule(self, field: str, text: str) -> Condition:
        return self._rule(field, text)

    def grouped(self, field: str, text: str) -> CheckedGrouped:
        checked = _checked(self._definition.tag_id, field, lambda: check_grouped(text, self._schema))
        return self._collected(field, checked)

    def refused(self, field: str, problem: str) -> DefinitionInvalid:
        return self._fail(field, problem)

    def event(self, field: str, name: str) -> str:
        if self._schema.event(name) is None:
            known = nearest(name, self._schema.names("event"))
            raise self._fail(field, f"there is no event type '{name}'" + (f": {known}" if known else ""))
        self._mentions.append(Mentions(frozenset(), frozenset({name}), frozenset(), frozenset()))
        return name

    def _recipe(
        self,
        questions: Mapping[str, Question],
        *,
        everybody: bool,
        daily: bool = False,
        shapes: Mapping[str, Shape] | None = None,
        listed: frozenset[str] | None = None,
    ) -> Recipe:
        definition = self._definition
        stream = definition.update is Update.STREAM
        waits_for = self._waits_for()
        try:
            triggers = _triggers(questions.values(), self._schema) if stream else ()
        except ageing.AgesUnseen as error:
            raise self._fail("update", str(error)) from error
        if definition.value_type.closed and definition.value_type.options:
            listed = frozenset(each.value for each in definition.value_type.options)
        return Recipe(
            column=definition.tag_id,
            shape=self._shape,
            kind=definition.kind,
            questions=questions,
            shapes=shapes or _answer_shapes(questions, self._schema),
            everybody=everybody,
            stream=stream,
            tags=waits_for.union(*(each.tags for each in self._mentions)),
            events=frozenset().union(*(each.events for each in self._mentions)),
            tables=frozenset().union(*(each.tables for each in self._mentions)),
            daily=daily or any(ageing.turns_at_midnight(each) for each in questions.values()),
            triggers=triggers,
            listed=listed,
            unknown=definition.unknown,
            warnings=tuple(self._warnings),
        )

    def _waits_for(self) -> frozenset[str]:
        """The tag that the schedule names: it is computed before this one, and tags do not wait for each other."""
        match self._definition.schedule:
            case OnEvent(name) if self._schema.event(name) is None:
                raise self._fail("schedule.on_event", f"there is no event type '{name}'")
            case OnTag(name) if self._schema.tag(name) is None:
                raise self._fail("schedule.on_tag", f"there is no tag '{name}'")
            case OnTag(name):
                return frozenset({name})
        return frozenset()

    def _form(self, field: str, text: str) -> CheckedForm:
        return self._collected(field, checked_form(self._definition.tag_id, field, text, self._schema))

    def _rule(self, field: str, text: str) -> Condition:
        def check() -> CheckedRule:
            return check_rule(text, self._schema, context=Context.TAG)

        checked = self._collected(field, _checked(self._definition.tag_id, field, check))
        assert isinstance(checked.rule.body, Condition)  # sets are refused in a tag's context
        return checked.rule.body

    def _collected(self, field: str, checked: Checked) -> Checked:
        self._mentions.append(checked.mentions)
        where = f"tag '{self._definition.tag_id}', {field}"
        self._warnings += [f"{where}: {each}" for each in checked.warnings]
        return checked

    def _fail(self, field: str, problem: str) -> DefinitionInvalid:
        return DefinitionInvalid(self._definition.tag_id, field, problem)


def checked_form(tag_id: str, field: str, text: str, schema: Schema) -> CheckedForm:
    """Raises RuleInvalid."""
    return _checked(tag_id, field, lambda: check_form(text, schema))


def checked_rule(text: str, schema: Schema) -> CheckedRule:
    """Of a rule by itself, without segments. Raises RuleInvalid."""
    return _checked("", "rule", lambda: check_rule(text, schema, context=Context.TAG))


def _checked(tag_id: str, field: str, check: Callable[[], Checked]) -> Checked:
    try:
        return check()
    except RuleSyntaxError as error:
        raise RuleInvalid(tag_id, field, (error.problem,)) from error
    except RuleCheckError as error:
        raise RuleInvalid(tag_id, field, error.problems) from error


def _who_bought(frequency: Question) -> str:
    """The default population: at least one of the events that frequency counts, in its window."""
    counted = Aggregate(Function.COUNT, "order_paid")
    if isinstance(frequency, Aggregate):
        counted = Aggregate(
            Function.COUNT, frequency.event, where=frequency.where, window=frequency.window or AllTime()
        )
    return print_condition(Compare(Comparison.GE, counted, Number(SCALE)))


def _triggers(questions: Iterable[Question], schema: Schema) -> tuple[Trigger, ...]:
    found: list[Trigger] = []
    for each in questions:
        kinds = {operand: type_of(operand, schema).kind for operand in ageing.elapsed_operands(each)}
        found += ageing.triggers(each, kinds)
    return tuple(dict.fromkeys(found))


def _answer_shapes(questions: Mapping[str, Question], schema: Schema) -> dict[str, Shape]:
    """Of those whose answers are vectors."""
    return {
        name: _answer_shape(each, schema) for name, each in questions.items() if not isinstance(each, Grouped)
    }


def _answer_shape(question: Expression | Condition, schema: Schema) -> Shape:
    if isinstance(question, _EXPRESSIONS):
        return _shape(type_of(question, schema))
    return Shape(Kind.BOOL)


def _shape(type_: ValueType) -> Shape:
    return Shape(type_.element, True) if type_.element else Shape(type_.kind)
