"""What tagging might tell of a small retailer: random histories in two lanes, and their parts."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from rules.evaluate.meaning import Value
from rules.schema import TagType
from rules.testing import retailer, words
from rules.values import Kind, ValueType
from segments.domain.changes import (
    Change,
    DayRolled,
    FeatureChange,
    FeatureState,
    PackedBlock,
    PersonChange,
    PersonState,
    PersonValues,
    TagChange,
)
from segments.domain.dictionary import Dictionary
from segments.domain.packing import Coded, code_of
from segments.domain.segment import Draft, Segment, State, etag_of
from servicekit.revision import Lane

TENANT = "t1"
CATALOGUE = retailer()
DICTIONARY = Dictionary(tuple(CATALOGUE.events.values()), tuple(CATALOGUE.tables.values()))
PERSONS = (1, 2, 3, 4, 65_535, 65_536, 65_537, 200_001)
NOON = dt.datetime(2026, 3, 31, 4, tzinfo=dt.UTC)  # in Shanghai
DAY = dt.date(2026, 3, 31)
PERIODS: Mapping[str, dt.datetime | None] = {**dict.fromkeys(CATALOGUE.periods), "sale": NOON}
"""When one of them begins was told."""
LISTS: tuple[Value | None, ...] = (None, ("护肤",), ("护肤", "零食"), ("面膜",))
_VALUES: Mapping[Kind, Sequence[Value]] = {
    Kind.BOOL: (True, False),
    Kind.NUMBER: words.NUMBERS,
    Kind.TEXT: (*words.TEXTS, "female", "male", "护肤", "零食"),
    Kind.DATE: words.DAYS,
    Kind.DATETIME: words.MOMENTS,
}


def values_of(type_: ValueType) -> tuple[Value | None, ...]:
    """A few values of a type, unknown among them."""
    if type_.kind is Kind.LIST:
        assert type_.element is not None
        some = _VALUES[type_.element][:3]
        return (None, *((each,) for each in some), tuple(some))
    return (None, *_VALUES[type_.kind])


def tag_change(tag: TagType, position: int = 0, *, deleted: bool = False) -> TagChange:
    return TagChange(TENANT, position, tag, False, deleted)


def feature_change(
    form: str, kind: Kind, position: int = 0, state: FeatureState = FeatureState.LIVE
) -> FeatureChange:
    return FeatureChange(TENANT, position, form, f"feature:{form}", kind, state, 0, 0, "")


def person_change(
    person_id: int, position: int = 0, state: PersonState = PersonState.KNOWN, redirect: int = 0
) -> PersonChange:
    return PersonChange(TENANT, position, person_id, position, state, redirect, person_id * 7)


def day_change(position: int = 0, day: dt.date = DAY) -> DayRolled:
    return DayRolled(TENANT, position, day, "Asia/Shanghai", 1, PERIODS)


def person_values(position: int, person_id: int, **values: Value | None) -> PersonValues:
    return PersonValues(TENANT, position, person_id, values)


def block_change(position: int, column: str, values: Mapping[int, Value | None]) -> PackedBlock:
    """Of persons of one block. Texts have the same code in every block."""
    persons = sorted(values)
    texts = {text: code for code, text in enumerate(sorted(map(str, _VALUES[Kind.TEXT])))}
    codes: list[int] = []
    counts = []
    for person_id in persons:
        value = values[person_id]
        elements = () if value is None else value if isinstance(value, tuple) else (value,)
        counts.append(len(elements))
        codes += [texts[each] if isinstance(each, str) else code_of(each) for each in elements]
    coded = Coded(
        np.asarray([person_id & 0xFFFF for person_id in persons], np.uint16),
        np.asarray(counts, np.uint16),
        np.asarray(codes, np.int64),
        {code: text for text, code in texts.items()},
    )
    return PackedBlock(TENANT, position, column, persons[0] >> 16, coded)


def segment(draft: Draft) -> Segment:
    return Segment(draft, "", etag_of(draft), NOON, NOON, State.PREPARING)


@st.composite
def histories(
    draw: Any,
    types: Mapping[str, ValueType],
    features: Mapping[str, Kind],
    *,
    persons: Sequence[int] = PERSONS,
    most: int = 24,
) -> list[tuple[Lane, Change]]:
    """Changes by position, each with its lane. Definitions are always live, blocks always bulk."""
    columns = {**types, **{f"feature:{form}": ValueType(kind) for form, kind in features.items()}}
    history: list[tuple[Lane, Change]] = []
    for position in range(1, draw(st.integers(2, most)) + 1):
        roll = draw(st.integers(0, 19))
        lane = draw(st.sampled_from([Lane.LIVE, Lane.BULK]))
        column = draw(st.sampled_from(sorted(columns)))
        value = st.sampled_from(values_of(columns[column]))
        change: Change
        if roll < 4:
            state = draw(st.sampled_from(list(PersonState)))
            change = person_change(draw(st.sampled_from(persons)), position, state, persons[0])
        elif roll < 11:
            change = PersonValues(TENANT, position, draw(st.sampled_from(persons)), {column: draw(value)})
        elif roll < 17:
            lane = Lane.BULK
            block = draw(st.sampled_from(sorted({each >> 16 for each in persons})))
            inside = [each for each in persons if each >> 16 == block]
            chosen = draw(st.lists(st.sampled_from(inside), min_size=1, unique=True))
            change = block_change(position, column, {each: draw(value) for each in chosen})
        elif roll == 17:
            lane = Lane.LIVE
            tag = CATALOGUE.tags[draw(st.sampled_from(sorted(types)))]
            change = tag_change(tag, position, deleted=draw(st.booleans()))
        elif roll == 18 and features:
            lane = Lane.LIVE
            form = draw(st.sampled_from(sorted(features)))
            state_ = draw(st.sampled_from(list(FeatureState)))
            change = feature_change(form, features[form], position, state_)
        else:
            lane = Lane.LIVE
            change = day_change(position, DAY + dt.timedelta(days=draw(st.integers(0, 2))))
        history.append((lane, change))
    return history


@st.composite
def interleavings(draw: Any, history: Sequence[tuple[Lane, Change]]) -> list[tuple[Lane, list[Change]]]:
    """Batches that keep the order inside each lane."""
    waiting = {lane: [change for of, change in history if of is lane] for lane in Lane}
    batches: list[tuple[Lane, list[Change]]] = []
    while any(waiting.values()):
        lane = draw(st.sampled_from([lane for lane in Lane if waiting[lane]]))
        size = draw(st.integers(1, 4))
        batches.append((lane, waiting[lane][:size]))
        waiting[lane] = waiting[lane][size:]
    return batches


def through(lane: Lane, applied: Iterable[Change], history: Sequence[tuple[Lane, Change]]) -> int:
    """How far a lane has come: before its next change."""
    last = max((each.position for each in applied), default=0)
    later = [change.position for of, change in history if of is lane and change.position > last]
    return min(later) - 1 if later else len(history)
