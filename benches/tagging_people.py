"""A store of persons with a past and twenty real-time tags of theirs, and events that go on from there."""

import asyncio
import datetime as dt
from pathlib import Path
from random import Random
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.identity.v1 import change_pb2
from huaxiang.type.v1 import value_pb2
from servicekit.clock import SystemClock
from servicekit.database import Database
from servicekit.progress import Progress
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from tagging.app.apply_changes import StoreFacts
from tagging.app.compact_lake import CompactLake
from tagging.app.flush_lake import FlushLake
from tagging.app.retire_files import RetireFiles
from tagging.app.run_tags import ExecuteRuns, RunRequests
from tagging.catalogue.packs import RETAIL, pack_definitions
from tagging.domain.events import Event
from tagging.domain.governance.people import Actor, Power
from tagging.domain.persons import Person, PersonState
from tagging.main import Store, open_computing, open_store
from tagging.store.lake_rewriting import LakeMerging
from tagging.store.tag_ports import RunState

from benches.tagging_log import EPOCH, encoded

TENANT = "t1"
TAGS = (
    "gender",
    "city",
    "active_days_30d",
    "views_7d",
    "views_30d",
    "last_viewed_category",
    "carts_7d",
    "cart_abandoner",
    "searches_30d",
    "last_visit_date",
    "browsed_categories",
    "favourite_category",
    "order_count_90d",
    "order_amount_90d",
    "average_order_value",
    "last_order_date",
    "rfm_recency_days",
    "rfm_class",
    "lifecycle_stage",
    "win_back_target",
)
PROBED = "views_30d"
"""The tag that tells whether an event has arrived."""
MIX = (("view_item", 50), ("page_view", 20), ("add_to_cart", 12), ("search", 10), ("order_paid", 8))
PAST_EVENTS = 4
PAST_DAYS = 120
CHUNK = 5_000
FIRST_SEQUENCE = 10**9
"""Above those of the past."""
CATEGORIES = ("茶", "酒", "水果", "护肤", "数码")
CITIES = ("上海", "北京", "广州", "成都")


class Behaviour:
    """Draws what persons do. The same seed draws the same."""

    def __init__(self, persons: int, seed: int) -> None:
        self._random = Random(seed)
        self._persons = persons
        self._types = [name for name, weight in MIX for _ in range(weight)]

    def one(self) -> tuple[int, str, dict[str, Any]]:
        """A person, an event type, its properties."""
        kind = self._random.choice(self._types)
        return self._random.randint(1, self._persons), kind, self.properties(kind)

    def minutes_ago(self) -> int:
        """Between an hour and the beginning of the past."""
        return self._random.randrange(60, PAST_DAYS * 1440)

    def properties(self, kind: str) -> dict[str, Any]:
        """Of an event of this type."""
        draw = self._random
        category = draw.choice(CATEGORIES)
        match kind:
            case "view_item":
                return {
                    "item_id": f"i{draw.randrange(5_000)}",
                    "category": category,
                    "price": draw.randrange(10**7),
                }
            case "add_to_cart":
                return {"item_id": f"i{draw.randrange(5_000)}", "category": category, "quantity": 10_000}
            case "page_view":
                return {"page": "home", "platform": "app", "utm_source": draw.choice(("wechat", "douyin"))}
            case "search":
                return {"keyword": category}
            case _:
                amount = draw.randrange(10**7)
                line = {"category": category, "quantity": 10_000, "amount": amount}
                return {"order_id": f"o{draw.randrange(10**9)}", "amount": amount, "items": (line,)}


def fill(folder: Path, persons: int, seed: int) -> None:
    """Makes the store of a tagging below `folder`: persons, their past in the lake, the tags, values of a run, and a
    cursor at the beginning of the log."""
    folder.mkdir(parents=True)
    database = Database.open(f"sqlite:///{folder / 'tagging.db'}", synchronous="OFF")  # type: ignore[arg-type]
    store = open_store(database, folder, SystemClock())
    wanted = [each for each in pack_definitions(RETAIL) if each.tag_id in TAGS]
    database.write_now(
        store.governance.apply_tags,
        TENANT,
        wanted,
        actor=Actor.of("bench", Power),
        delete_missing=False,
        validate_only=False,
        etag="",
    )
    behaviour, now = Behaviour(persons, seed), dt.datetime.now(dt.UTC)
    for start in range(1, persons + 1, CHUNK):
        database.write_now(_past, store, behaviour, range(start, min(start + CHUNK, persons + 1)), now)
    asyncio.run(_settle_lake(database, store))
    requests = RunRequests(store.tags, store.columns, lambda: "run1")
    run = database.write_now(requests.create, TENANT, "request1", [])
    done = ExecuteRuns(database, store.tags, open_computing(store).compute, store.clock).execute(TENANT, run)
    if done.state is not RunState.SUCCEEDED or done.failures:
        raise RuntimeError(f"the run ended {done.state}: {done.failures}")
    database.write_now(lambda connection: store.facts.progress.finish(connection, _start()))
    database.close_now()


async def _settle_lake(database: Database, store: Store) -> None:
    """The past lies in files of whole days, as it does where time has passed."""
    await FlushLake(database, store.manifest, store.facts.tenants, store.lake).flush(TENANT)
    merging = LakeMerging(store.lake)
    retire = RetireFiles(merging, readers_s=0.0)
    compact = CompactLake(database, store.manifest, store.facts.tenants, merging, retire, asyncio.Lock())
    while (await compact.compact(TENANT)).more:
        pass
    await retire.remove_due()


def _start() -> Progress:
    return Progress(Revision("identity", EPOCH, 1, 1), ())


def _past(connection: Connection, store: Store, behaviour: Behaviour, ids: range, now: dt.datetime) -> None:
    persons, events = [], []
    for each in ids:
        said = {"gender": "female" if each % 3 else "male", "city": CITIES[each % len(CITIES)]}
        persons.append(Person(each, each, PersonState.KNOWN, key_ids=(each,), attributes=said))
        for number in range(PAST_EVENTS):
            _, kind, properties = behaviour.one()
            back = dt.timedelta(minutes=behaviour.minutes_ago())
            sequence = each * PAST_EVENTS + number
            events.append(
                Event(sequence, "shop", f"p{sequence}", kind, now - back, each, properties=properties)
            )
    stored = StoreFacts(store.facts, store.clock.now)(connection, TENANT, None, persons, events)
    store.changelog.append(connection, Lane.BULK, stored.entries)


def change_of(person: int, kind: str, properties: dict[str, Any], position: int) -> bytes:
    """An event of now, encoded. Sequences go on after the past."""
    moment = Timestamp()
    moment.GetCurrentTime()
    said = change_pb2.ResolvedEvent(
        ingest_sequence=FIRST_SEQUENCE + position,
        source="shop",
        event_id=f"e{position}",
        type=kind,
        time=moment,
        anchor_key_id=person,
        properties={name: _value(each) for name, each in properties.items()},
    )
    return encoded(change_pb2.Change(tenant=TENANT, position=position, event=said))


def _value(said: Any) -> value_pb2.Value:
    if isinstance(said, tuple):
        records = [
            value_pb2.Value(
                record_value=value_pb2.ValueRecord(fields={k: _value(v) for k, v in line.items()})
            )
            for line in said
        ]
        return value_pb2.Value(list_value=value_pb2.ValueList(values=records))
    return value_pb2.Value(number_value=said) if isinstance(said, int) else value_pb2.Value(text_value=said)
