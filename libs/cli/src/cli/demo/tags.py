"""Applies the retail pack, computes it for everybody, and reads what came of it."""

from collections import Counter
from functools import partial
from typing import Any

from huaxiang.tagging.v1 import portrait_service_pb2 as pb
from huaxiang.tagging.v1 import run_service_pb2 as run_pb
from huaxiang.tagging.v1 import tag_pb2
from huaxiang.tagging.v1.portrait_service_pb2_grpc import PortraitServiceStub

from cli.calls import tags as calls
from cli.calls.segments import fresh, preview
from cli.calls.values import plain
from cli.demo.state import Demo, batches
from cli.exits import Refusal
from cli.suite.patience import patiently

PERSONS_PER_CALL, TAGS_PER_CALL = 500, 100
READ_WITHIN_S = 60.0
TOP_VALUES = 5
STAGES = frozenset({"lifecycle", "aipl"})
"""Kinds whose values have an entry time."""
RFM_TAGS = ("rfm_recency_days", "rfm_frequency", "rfm_monetary", "rfm_class")
RFM_CLASSES = {
    "key_value": "重要价值",
    "key_keep": "重要保持",
    "key_develop": "重要发展",
    "key_win_back": "重要挽留",
    "general_value": "一般价值",
    "general_keep": "一般保持",
    "general_develop": "一般发展",
    "general_win_back": "一般挽留",
}


async def apply_tags(demo: Demo) -> None:
    """The retail pack that comes with the suite."""
    wanted = calls.definitions([])
    async with demo.channel("tagging") as channel:
        await calls.apply(channel, wanted)
    demo.notes["tag_names"] = {each.tag_id: (each.name.zh, each.name.en) for each in wanted}
    demo.say.line(f"{len(wanted)} tags, as YAML that is planned and applied like code")


async def run_tags(demo: Demo) -> None:
    """For everybody. Raises Refusal when a tag fails."""
    async with demo.channel("tagging") as channel:
        with demo.say.bar("tags", None, "tags") as advance:
            done = 0

            def seen(state: run_pb.Run) -> None:
                nonlocal done
                advance(state.done_count - done)
                done = state.done_count

            ended = await calls.run(channel, [], seen, after=demo.revision)
    if ended.state != run_pb.RUN_STATE_SUCCEEDED:
        failures = "; ".join(f"{tag}: {why}" for tag, why in sorted(ended.failures.items()))
        raise Refusal(f"the run of tags {calls.state_name(ended.state)}: {failures}")
    demo.revision = ended.revision.token or demo.revision
    demo.notes["coverage"] = dict(ended.coverage)


async def read_tags(demo: Demo) -> None:
    """Coverage and most frequent values of every tag, and RFM of every member."""
    async with demo.channel("tagging") as channel:
        catalogue = await calls.every_tag(channel)
        stages = [each.definition for each in catalogue if calls.computed_by(each.definition) in STAGES]
        tag_ids = [each.definition.tag_id for each in catalogue if each.definition not in stages]
        values = await _values(demo, PortraitServiceStub(channel), tag_ids)
    counts = {tag_id: _counts(tag_id, values) for tag_id in tag_ids}
    for definition in stages:
        counts[definition.tag_id] = await _stage_counts(demo, definition)
    demo.found["tags"] = {
        each.definition.tag_id: {
            "coverage": demo.notes["coverage"].get(each.definition.tag_id, each.coverage),
            "top_values": _top(counts[each.definition.tag_id]),
        }
        for each in catalogue
    }
    demo.found["rfm"] = _rfm(demo, values)
    with_class = sum(demo.found["rfm"]["classes"].values())
    demo.say.line(f"{with_class:,} people who paid have one of the eight RFM classes")


async def _values(demo: Demo, stub: Any, tag_ids: list[str]) -> dict[int, dict[str, Any]]:
    """Known values by person and tag."""
    found: dict[int, dict[str, Any]] = {person: {} for person in demo.living}
    with demo.say.bar("people", len(demo.living), "people") as advance:
        for persons in batches(demo.living, PERSONS_PER_CALL):
            for tags in batches(tag_ids, TAGS_PER_CALL):
                request = pb.BatchGetTagValuesRequest(
                    person_ids=persons, tag_ids=tags, consistency=fresh(demo.revision)
                )
                answer = await patiently(partial(stub.BatchGetTagValues, request, timeout=READ_WITHIN_S))
                for asked, person in zip(persons, answer.persons, strict=True):
                    found[asked].update(
                        {each.tag_id: plain(each.value) for each in person.values if each.HasField("value")}
                    )
            advance(len(persons))
    return found


async def _stage_counts(demo: Demo, definition: tag_pb2.TagDefinition) -> Counter[Any]:
    """Of stages, one by one as the index counts them: reading a person's stage also finds out since when,
    from all of the person's events."""
    counts: Counter[Any] = Counter()
    async with demo.channel("segments") as channel:
        for option in definition.value_type.options:
            rule = f"{definition.tag_id} = '{option.value}'"
            counts[option.value] = (await preview(channel, rule, "all", token=demo.revision)).count
    return counts


def _counts(tag_id: str, values: dict[int, dict[str, Any]]) -> Counter[Any]:
    """How many persons have each value; a list counts with each of its values."""
    counts: Counter[Any] = Counter()
    for known in values.values():
        value = known.get(tag_id)
        if value is not None:
            counts.update(value if isinstance(value, list) else [value])
    return counts


def _top(counts: Counter[Any]) -> list[dict[str, Any]]:
    """The most frequent values; of equals the smaller text first."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))
    return [{"value": value, "count": count} for value, count in ordered[:TOP_VALUES] if count]


def _rfm(demo: Demo, values: dict[int, dict[str, Any]]) -> dict[str, Any]:
    by_customer = {}
    for member, person in sorted(demo.person_ids.items()):
        known = values[person]
        if "rfm_class" in known:
            recency, frequency, monetary, name = (known.get(tag) for tag in RFM_TAGS)
            by_customer[member] = {
                "recency_days": recency,
                "frequency": frequency,
                "monetary": monetary,
                "class": name,
            }
    classes = Counter(known["rfm_class"] for known in values.values() if "rfm_class" in known)
    return {"by_customer": by_customer, "classes": {name: classes[name] for name in RFM_CLASSES}}
