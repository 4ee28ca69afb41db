"""Values survive the store's text, and messages of identity become facts or are left out."""

import datetime as dt
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.identity.v1 import change_pb2, person_pb2, tenant_settings_pb2
from huaxiang.type.v1 import value_pb2
from hypothesis import given
from hypothesis import strategies as st
from servicekit.values import NotAValue
from tagging.api.parse import property_value, value
from tagging.domain.facts import Fact, first_version, version_of
from tagging.domain.persons import PersonState
from tagging.domain.tenants import TenantSettings
from tagging.store.dictionary_file import standard_dictionary
from tagging.store.property_json import decode, encode
from tagging.workers.identity_facts import facts_of

Value = value_pb2.Value
names = st.from_regex(r"[a-z0-9_]{1,8}", fullmatch=True)
scalars = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.text(max_size=8),
    st.dates(),
    st.datetimes(timezones=st.just(dt.UTC)),
)
records = st.dictionaries(names, scalars, max_size=3)
properties = st.dictionaries(
    names,
    st.one_of(scalars, st.lists(scalars, max_size=3).map(tuple), st.lists(records, max_size=3).map(tuple)),
    max_size=4,
)


@given(said=properties)
def test_values_come_back_from_text_as_they_were(said: dict[str, Any]) -> None:
    read = decode(encode(said))
    assert read == said
    assert {name: type(each) for name, each in read.items()} == {
        name: type(each) for name, each in said.items()
    }


@given(position=st.integers(0, 2**48 - 1), later=st.integers(0, 2**48 - 1), epoch=st.integers(0, 1_000))
def test_versions_rise_with_the_epoch_then_with_the_position(position: int, later: int, epoch: int) -> None:
    assert first_version(epoch) <= version_of(position, epoch) < version_of(later, epoch + 1)
    assert (position < later) == (version_of(position, epoch) < version_of(later, epoch))


def test_values_of_the_contract_are_read() -> None:
    record = Value(record_value={"fields": {"a": Value(number_value=1), "none": Value()}})
    cases = [
        (Value(), None),
        (Value(bool_value=False), False),
        (Value(number_value=-5), -5),
        (Value(text_value="x"), "x"),
        (Value(date_value=1), dt.date(1970, 1, 2)),
        (
            Value(datetime_value=Timestamp(seconds=1, nanos=2_999)),
            dt.datetime(1970, 1, 1, 0, 0, 1, 2, dt.UTC),
        ),
        (Value(list_value={"values": [Value(text_value="a")]}), ("a",)),
        (Value(list_value={"values": [record]}), ({"a": 1},)),
        (record, ({"a": 1},)),
    ]
    assert [property_value(message) for message, _ in cases] == [expected for _, expected in cases]


@pytest.mark.parametrize(
    "message",
    [
        Value(date_value=2**31 - 1),
        Value(list_value={"values": [Value(record_value={}), Value(text_value="a")]}),
        Value(list_value={"values": [Value(text_value="a"), Value(record_value={})]}),
        Value(list_value={"values": [Value(list_value={})]}),
        Value(list_value={"values": [Value(text_value="a"), Value()]}),
        Value(datetime_value=Timestamp(seconds=253_402_300_800)),
    ],
)
def test_values_without_meaning_are_refused(message: value_pb2.Value) -> None:
    with pytest.raises(NotAValue):
        property_value(message)
    with pytest.raises(NotAValue):
        value(message)


def test_changes_of_identity_become_facts() -> None:
    event = change_pb2.ResolvedEvent(
        ingest_sequence=7,
        source="shop",
        event_id="e",
        type="search",
        time=Timestamp(seconds=60),
        anchor_key_id=3,
        other_key_ids=[5, 9],
        brand="north",
        properties={"keyword": Value(text_value="x"), "odd": Value(date_value=2**31 - 1), "none": Value()},
    )
    person = person_pb2.Person(
        person_id=4,
        version=9,
        state=person_pb2.PERSON_STATE_MEMBER,
        keys=[{"key_id": 8}, {"key_id": 2}],
        birth_hash=2**64 - 1,
        attributes={"city": Value(text_value="c"), "odd": Value(record_value={})},
    )
    changes = [
        change_pb2.Change(tenant="t1", position=1, event=event),
        change_pb2.Change(tenant="t1", position=9, person=person),
        change_pb2.Change(
            tenant="t1", position=10, settings=tenant_settings_pb2.TenantSettings(week_start=7)
        ),
        change_pb2.Change(tenant="t1", position=11),
    ]
    said, stated, settings, unknown = facts_of(changes, standard_dictionary())
    assert said.what is not None
    assert (said.what.properties, said.what.extra, said.what.other_key_ids) == ({"keyword": "x"}, {}, (5, 9))  # type: ignore[union-attr]
    assert (stated.what.state, stated.what.key_ids) == (PersonState.MEMBER, (2, 8))  # type: ignore[union-attr]
    assert (stated.what.birth_hash, stated.what.attributes) == (2**64 - 1, {"city": "c"})  # type: ignore[union-attr]
    assert settings == Fact("t1", 10, TenantSettings(week_start=7))
    assert unknown == Fact("t1", 11, None)
