"""Questions about audiences as domain values; limits are checked here."""

from collections.abc import Sequence
from itertools import pairwise

from huaxiang.segments.v1 import insight_pb2, insight_service_pb2, segment_pb2
from huaxiang.type.v1 import value_pb2
from rules.evaluate.meaning import Scalar
from segments.api import behaviour_parse, parse
from segments.app.insight.audiences import (
    Audience,
    OfBehaviour,
    OfPersons,
    OfPopulation,
    OfRule,
    OfSegment,
    OfSnapshot,
    OfTransition,
    Period,
)
from segments.app.insight.basis import Caller
from segments.domain.insight.bins import MAX_BINS
from segments.domain.insight.cells import MAX_LEVEL
from segments.domain.insight.preference import Standards
from segments.domain.insight.tables import Question
from segments.domain.insight.withholding import FEWEST
from servicekit.errors import BatchTooLarge, InvalidField
from servicekit.principal import Principal
from servicekit.rights import may
from servicekit.values import NotAValue, scalar

MAX_PERSONS = 100_000
MAX_QUESTIONS = 100
MAX_VALUES = 1_000
MAX_ALL_VALUES = 10_000
DEFAULT_VALUES = 100
SMALL_CELLS = "segments.small_cells.read"
"""The right to numbers of fewer than FEWEST persons."""
_KNOWN = insight_pb2.Audience(population=segment_pb2.POPULATION_KNOWN)


def caller(principal: Principal) -> Caller:
    """What the caller may see."""
    return Caller(parse.grades_of(principal), 0 if may(principal, SMALL_CELLS) else FEWEST)


def audience(field: str, message: insight_pb2.Audience) -> Audience:
    """Raises InvalidField, BatchTooLarge."""
    match message.WhichOneof("who"):
        case "segment_id":
            return OfSegment(message.segment_id)
        case "snapshot_id":
            return OfSnapshot(message.snapshot_id)
        case "rule":
            if not message.rule.rule.strip():
                raise InvalidField(f"{field}.rule.rule", "is empty: state whom it holds for")
            return OfRule(message.rule.rule, parse.population(message.rule.population))
        case "persons":
            ids = message.persons.person_ids
            parse.bounded(f"{field}.persons.person_ids", ids, MAX_PERSONS)
            if min(ids) <= 0:
                raise InvalidField(f"{field}.persons.person_ids", "holds an id that is not positive")
            return OfPersons(tuple(ids))
        case "population":
            return OfPopulation(parse.population(message.population))
        case "transition":
            said = message.transition
            return OfTransition(
                period(f"{field}.transition", said),
                _value_of(f"{field}.transition.from_value", said.from_value),
                _value_of(f"{field}.transition.to_value", said.to_value),
            )
        case "behaviour":
            among = base(f"{field}.behaviour.among", message.behaviour.among)
            if isinstance(among, OfBehaviour):
                raise InvalidField(f"{field}.behaviour.among", "is a cell of behaviour: say the steps in one")
            return OfBehaviour(among, behaviour_parse.cell(f"{field}.behaviour", message.behaviour))
        case _:
            raise InvalidField(
                field,
                "is missing: name a segment_id, snapshot_id, rule, persons, population, transition or behaviour",
            )


def period(field: str, message: insight_pb2.Transition | insight_service_pb2.GetTransitionsRequest) -> Period:
    """Raises InvalidField."""
    if not message.HasField("start_time"):
        raise InvalidField(f"{field}.start_time", "is missing")
    start = parse.time(f"{field}.start_time", message.start_time)
    end = parse.time(f"{field}.end_time", message.end_time) if message.HasField("end_time") else None
    return Period(message.tag_id, start, end)


def _value_of(field: str, message: value_pb2.Value) -> Scalar | None:
    try:
        return scalar(message)
    except NotAValue as error:
        raise InvalidField(field, str(error)) from error


def base(field: str, message: insight_pb2.Audience) -> Audience:
    """Everybody known when nothing is said. Raises as `audience`."""
    return audience(field, message if message.WhichOneof("who") else _KNOWN)


def questions(messages: Sequence[insight_pb2.TagQuestion]) -> list[Question]:
    """Raises InvalidField, BatchTooLarge."""
    parse.bounded("questions", messages, MAX_QUESTIONS)
    found = [_question(f"questions[{place}]", each) for place, each in enumerate(messages)]
    if (asked := sum(each.max_values for each in found)) > MAX_ALL_VALUES:
        raise BatchTooLarge("questions.max_values together", asked, MAX_ALL_VALUES)
    names = [each.tag_id for each in found]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidField(
            "questions", f"ask twice about {twice!r}; ask once, or call again for another level"
        )
    return found


def _question(field: str, message: insight_pb2.TagQuestion) -> Question:
    if not 0 <= message.level <= MAX_LEVEL:
        raise InvalidField(f"{field}.level", f"is {message.level}, the limits are 0 and {MAX_LEVEL}")
    if not 0 <= message.max_values <= MAX_VALUES:
        raise InvalidField(
            f"{field}.max_values", f"is {message.max_values}, the limits are 0 and {MAX_VALUES}"
        )
    bounds = tuple(message.bounds)
    if len(bounds) > MAX_BINS:
        raise InvalidField(f"{field}.bounds", f"are {len(bounds)}, the limit is {MAX_BINS}")
    if any(low >= high for low, high in pairwise(bounds)):
        raise InvalidField(f"{field}.bounds", "do not ascend")
    return Question(message.tag_id, message.level, bounds, message.max_values or DEFAULT_VALUES)


def standards(message: insight_pb2.PreferenceStandards) -> Standards:
    """With the defaults of what is not said. Raises InvalidField."""
    defaults = Standards()
    found = Standards(
        high=message.high_tgi if message.HasField("high_tgi") else defaults.high,
        low=message.low_tgi if message.HasField("low_tgi") else defaults.low,
        below_p=message.below_p if message.HasField("below_p") else defaults.below_p,
        fewest_persons=message.min_persons if message.HasField("min_persons") else defaults.fewest_persons,
        least_share=message.min_share if message.HasField("min_share") else defaults.least_share,
    )
    for name, value, low, high in (
        ("high_tgi", found.high, 100, 1_000),
        ("low_tgi", found.low, 0, 100),
        ("below_p", found.below_p, 0, 1),
        ("min_persons", found.fewest_persons, 0, 1_000_000),
        ("min_share", found.least_share, 0, 1),
    ):
        if not low <= value <= high:
            raise InvalidField(f"standards.{name}", f"is {value}, the limits are {low} and {high}")
    return found
