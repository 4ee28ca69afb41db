"""Every tag of every pack says what its example says: in the stream and in a run, on every store."""

import datetime as dt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from rules.evaluate.meaning import Scalar, Value
from rules.values import Kind, scaled
from tagging.catalogue.packs import pack_definitions, packs
from tagging.domain.definition import TagDefinition
from tagging.store.dictionary_file import standard_dictionary
from tagging.store.tag_ports import RunState

pytestmark = pytest.mark.usefixtures("kept_queries")

EXAMPLES = Path(__file__).parent / "pack_examples"
SHANGHAI = ZoneInfo("Asia/Shanghai")
PACKS = [each.name for each in packs()]
PROPERTIES = {each.name: each for each in standard_dictionary().columns()}
FROZEN_BY_RUNS = {"rfm_class", "rfm_scores", "spend_tier", "standout_categories", "win_back_target"}
"""Means, percentiles and shares of the population, and what rests on them: the stream has them after a run."""


def example(pack: str) -> Any:
    return yaml.load((EXAMPLES / f"{pack}.yaml").read_text(encoding="utf-8"), yaml.BaseLoader)


def property_of(name: str, value: Any) -> Any:
    """What the file says, of the type that the dictionary gives the property."""
    if isinstance(value, list):
        return tuple({field: property_of(field, each) for field, each in line.items()} for line in value)
    return scalar_of(value, PROPERTIES[name].type.kind)


def scalar_of(value: str, kind: Kind) -> Scalar:
    match kind:
        case Kind.NUMBER:
            return scaled(value)
        case Kind.BOOL:
            return {"true": True, "false": False}[value]
        case Kind.DATE:
            return dt.date.fromisoformat(value)
        case Kind.DATETIME:
            return dt.datetime.fromisoformat(value).replace(tzinfo=SHANGHAI).astimezone(dt.UTC)
    return value


def value_of(value: Any, definition: TagDefinition) -> Value | None:
    if value == "null":
        return None
    if definition.value_type.multi_valued:
        return tuple(value)
    return scalar_of(value, definition.value_type.base)


def tell(world: Any, told: Any) -> None:
    attributes = {"birth_date": dt.date.fromisoformat, "member_since": dt.date.fromisoformat}
    world.store(
        *(
            world.person(
                int(number),
                int(number),
                attributes={name: attributes.get(name, str)(value) for name, value in said.items()},
            )
            for number, said in told["people"].items()
        )
    )
    world.store(
        *(
            world.event(
                int(person),
                type_,
                dt.datetime.fromisoformat(time).replace(tzinfo=SHANGHAI),
                **{name: property_of(name, value) for name, value in properties.items()},
            )
            for person, time, type_, properties in told["events"]
        )
    )


def said_of(values: Any, definition: TagDefinition, person: str) -> Value | None:
    value = values[definition.tag_id].get(int(person))
    return tuple(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("pack", PACKS)
def test_an_example_has_every_tag_of_its_pack(pack: str) -> None:
    said = example(pack)["values"]
    assert said.keys() == {each.tag_id for each in pack_definitions(pack)}
    for tag_id, values in said.items():
        assert any(value != "null" for value in values.values()), tag_id


@pytest.mark.parametrize("pack", PACKS)
def test_tags_say_what_the_example_says(world: Any, pack: str) -> None:
    told, definitions = example(pack), {each.tag_id: each for each in pack_definitions(pack)}
    events = {type_ for _, _, type_, _ in told["events"]}
    assert events <= world.dictionary.events.keys()
    expected = {
        (tag_id, person): value_of(value, definitions[tag_id])
        for tag_id, values in told["values"].items()
        for person, value in values.items()
    }
    world.apply(definitions.values())
    tell(world, told)
    for step in ("stream", "run"):
        if step == "run":
            run = world.run()
            assert (run.state, run.failures) == (RunState.SUCCEEDED, {})
        values = world.values()
        found = {
            (tag_id, person): said_of(values, definitions[tag_id], person) for tag_id, person in expected
        }
        skipped = FROZEN_BY_RUNS if step == "stream" else set()
        assert {key: value for key, value in found.items() if key[0] not in skipped} == {
            key: value for key, value in expected.items() if key[0] not in skipped
        }, step
