"""kill -9 of tagging at random moments under load: values end as the one-person evaluator and the tables have them, and
the lake holds every event once."""

import asyncio
import datetime as dt
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import duckdb
from histories import by_tables
from huaxiang.tagging.v1 import portrait_service_pb2, portrait_service_pb2_grpc, run_service_pb2
from huaxiang.tagging.v1 import run_service_pb2_grpc as run_grpc
from huaxiang.type.v1 import revision_pb2
from rules.evaluate.person import Event as RuleEvent
from rules.evaluate.person import Person as PersonFacts
from rules.evaluate.person import value_of
from rules.evaluate.setting import Setting
from scripted_identity import MEMBER, REDIRECTED, ScriptedIdentity, event, person
from servicekit.clock import FileClock, write_clock_file
from servicekit.database import Database
from servicekit.revision import Lane, Revision
from tagging.app.evaluate_persons import plain
from tagging.catalogue.files import parse_definitions
from tagging.domain.governance.people import Actor, Power
from tagging.main import open_computing, open_store
from tagging_process import Process

KILLS = 50 if os.environ.get("HUAXIANG_PROOF") == "1" else 10
PERSONS, EVENTS = 40, 120
"""Persons in all, and events of a round: a third of them in the bulk lane."""
FIRST = dt.datetime.fromtimestamp(1_770_000_000, dt.UTC)
NOW = FIRST + dt.timedelta(days=40, milliseconds=500)
STANDING = 1e-9
"""The speed of the suite's clock: values depend on what happened alone. Events are at whole seconds."""
SPREAD_S = 39 * 86_400
STATISTICS = {
    "orders": "COUNT(order_paid)",
    "spent_30d": "SUM(order_paid.amount) IN LAST 30 DAYS",
    "spent_7d": "SUM(order_paid.amount) IN LAST 7 DAYS",
    "hours": "COUNT(order_paid) IN LAST 72 HOURS",
    "days_bought": "DAYS(order_paid) IN LAST 30 DAYS",
    "dearest": "MAX(order_paid.amount)",
}
OTHERS = """
- tag_id: rank
  name: {zh: 档, en: Rank}
  category: 交易
  type: text
  layered_rule:
    layers: [{when: orders >= 10, then: often}, {when: orders >= 3, then: some}]
    otherwise: few
- {tag_id: stage, name: {zh: 阶段, en: Stage}, category: 交易, type: text, lifecycle: {}}
- tag_id: worth
  name: {zh: 价值, en: Worth}
  category: 交易
  type: text
  rfm:
    recency: ELAPSED DAYS(LAST(order_paid))
    frequency: COUNT(order_paid)
    monetary: SUM(order_paid.amount)
"""


class Load:
    """What identity says, and what is true by it."""

    def __init__(self, identity: ScriptedIdentity, draw: random.Random) -> None:
        self._identity = identity
        self._draw = draw
        self.owners = {key: key for key in range(1, PERSONS + 1)}
        self.events: list[tuple[int, int, int, int]] = []
        """(sequence, key, second, amount)"""
        self.last = identity.say(*(person(each, each) for each in range(1, PERSONS + 1)))

    def round(self) -> None:
        """Some transactions: events in both lanes, repeats, a merge or its undo."""
        for part in range(4):
            lane = Lane.BULK if part == 1 else Lane.LIVE
            said = [self._event() for _ in range(EVENTS // 4)]
            if part == 2 and len(self.events) > 5:
                said.append(self._told(self._draw.choice(self.events)))
            self._say(lane, *said)
        self._move(self._draw.randrange(1, PERSONS, 2))

    def _event(self):
        made = (
            len(self.events) + 1,
            self._draw.randint(1, PERSONS),
            self._draw.randrange(SPREAD_S),
            self._draw.randrange(1, 50_000_000),
        )
        self.events.append(made)
        return self._told(made)

    def _told(self, made):
        sequence, key, second, amount = made
        return event(sequence, key, amount=amount, second=second)

    def _move(self, first: int) -> None:
        """Merges the person of the next key into this one, or undoes it."""
        second = first + 1
        if self.owners[second] == second:
            self.owners[second] = first
            self._say(Lane.LIVE, person(second, state=REDIRECTED, to=first), person(first, first, second))
        else:
            self.owners[second] = second
            self._say(Lane.LIVE, person(second, second), person(first, first, state=MEMBER))

    def _say(self, lane: Lane, *changes) -> None:
        said = self._identity.say(*changes, lane=lane)
        self.last = self.last.merge(Revision(said.service, said.epoch).at(lane, said.position(lane)))

    def by_referee(self, store) -> dict[str, dict[int, object]]:
        """The statistics of everybody, by the one-person evaluator over what was said."""
        plan = store.database.read_now(store.columns.of, "t1")
        events: dict[int, list[RuleEvent]] = {each: [] for each in set(self.owners.values())}
        for sequence, key, second, amount in self.events:
            at = FIRST + dt.timedelta(seconds=second)
            events[self.owners[key]].append(RuleEvent("order_paid", at, sequence, {"amount": amount}))
        found: dict[str, dict[int, object]] = {name: {} for name in STATISTICS}
        for owner, said in events.items():
            facts = PersonFacts({}, tuple(sorted(said, key=lambda each: (each.time, each.ingest_seq))))
            for name in STATISTICS:
                value = value_of(plan.recipes[name].questions["value"], facts, Setting(plan.schema, NOW))
                if value is not None:
                    found[name][owner] = value
        return found


def define(data: Path, clock: FileClock) -> None:
    """The tags, before the first start."""
    text = "\n".join(
        f"- {{tag_id: {name}, name: {{zh: 数, en: N}}, category: 交易, type: number, statistic: {form}}}"
        for name, form in STATISTICS.items()
    )
    database = Database.open(f"sqlite:///{data / 'tagging.db'}")
    store = open_store(database, data, clock)
    database.write_now(
        store.governance.apply_tags,
        "t1",
        parse_definitions(text + OTHERS, "test"),
        actor=Actor.of("files", [Power.DIRECT]),
        delete_missing=False,
        validate_only=False,
        etag="",
    )
    database.close_now()


async def test_kills_at_random_moments_change_no_value(tmp_path: Path, identity: ScriptedIdentity) -> None:
    draw = random.Random(7)
    clock_file = tmp_path / "clock.json"
    write_clock_file(clock_file, NOW, STANDING)
    process = Process(tmp_path, identity.target, HUAXIANG_CLOCK=str(clock_file))
    folder = process.data / "tagging"
    define(folder, FileClock(clock_file))
    load = Load(identity, draw)
    try:
        for number in range(KILLS):
            watched = identity.watched
            process.start()
            load.round()
            if number % 5:  # every fifth dies while it starts
                await until(lambda before=watched: identity.watched > before)
            if number % 5 == 1:
                await process.call(run_grpc.RunServiceStub, "CreateRun", run_request(number))
            load.round()
            await asyncio.sleep(draw.uniform(0, 0.5))
            process.kill()
        process.start()
        consistency = revision_pb2.Consistency(at_least_as_fresh=load.last.to_proto())
        await process.call(run_grpc.RunServiceStub, "CreateRun", run_request(KILLS))
        await process.flush(consistency)
        await has_values(process, consistency)
        assert process.kill(signal.SIGTERM) == 0
    finally:
        process.kill()
    assert kept_events(folder, FileClock(clock_file)) == [sequence for sequence, *_ in load.events]
    check_values(folder, FileClock(clock_file), load)


def kept_events(folder: Path, clock: FileClock) -> list[int]:
    """The events of the files that the manifest names: those that compaction replaced stay a while."""
    database = Database.open(f"sqlite:///{folder / 'tagging.db'}")
    store = open_store(database, folder, clock)
    paths = [str(store.lake.path(each)) for each in database.read_now(store.manifest.files, "t1")]
    database.close_now()
    found = duckdb.execute("SELECT ingest_sequence FROM read_parquet(?) ORDER BY 1", [paths]).fetchall()
    return [row[0] for row in found]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110  # the scripted identity has no event for it
            await asyncio.sleep(0.01)


def run_request(number: int) -> run_service_pb2.CreateRunRequest:
    return run_service_pb2.CreateRunRequest(request_id=f"00000000-0000-4000-8000-{number:012}")


async def has_values(process: Process, consistency: revision_pb2.Consistency) -> None:
    """Waits for what follows from all facts, and for the runs."""
    request = portrait_service_pb2.BatchGetTagValuesRequest(
        person_ids=[1], tag_ids=["orders"], consistency=consistency
    )
    await process.call(portrait_service_pb2_grpc.PortraitServiceStub, "BatchGetTagValues", request)
    async with asyncio.timeout(60):
        while True:
            runs = await process.call(run_grpc.RunServiceStub, "ListRuns", run_service_pb2.ListRunsRequest())
            if all(each.state >= run_service_pb2.RUN_STATE_SUCCEEDED for each in runs.runs):
                break
            await asyncio.sleep(0.05)


def check_values(folder: Path, clock: FileClock, load: Load) -> None:
    database = Database.open(f"sqlite:///{folder / 'tagging.db'}")
    store = open_store(database, folder, clock)
    stored: dict[str, dict[int, object]] = {}

    def read(connection) -> None:
        for column, shape in store.tags.values.columns(connection, "t1").items():
            persons, vector = store.tags.values.open_column(connection, "t1", column)
            stored[column] = dict(zip(persons.tolist(), plain(vector, shape), strict=True))

    database.read_now(read)
    for name, values in load.by_referee(store).items():
        assert stored[name] == values, name

    class World:
        tenant = "t1"
        columns, recompute = store.columns, store.recompute

    world = World()
    world.database, world.clock, world.everybody = database, clock, open_computing(store).everybody
    assert by_tables(world) == stored
    assert len(set(stored["worth"].values())) > 1
    database.close_now()
