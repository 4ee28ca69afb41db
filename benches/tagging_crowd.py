"""A crowd for tagging: persons, their keys and 120 days of their behaviour, the same for the same seed.

Nothing comes through the front door: persons and keys are written as rows of the store, events as files of the lake
by the lake's own writer, a file per day, named in the manifest. Three persons of ten are active; of those one in ten
has a second key; few are very active. Half are known, a tenth are members; known persons have attributes.
"""

import datetime as dt
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from servicekit.clock import ManualClock
from servicekit.database import Database
from servicekit.progress import Progress
from servicekit.revision import Revision
from tagging.domain.columns import EPOCH, microseconds
from tagging.domain.events import Event
from tagging.domain.lake import LakeFile
from tagging.main import Store, open_store
from tagging.store.lake_files import write_events

NOW = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)
TENANT = "bench"
PERSONS = int(os.environ.get("HUAXIANG_BENCH_PERSONS", "300000"))
EVENTS_OF_A_PERSON = 5
ACTIVE_SHARE, SECOND_KEY_SHARE = 0.3, 0.1
DAYS = 120
ROWS = 500_000
DAY_US = 86_400 * 10**6
CATEGORIES = tuple(f"category {each}" for each in range(40))
BRANDS = tuple(f"brand {each}" for each in range(300))
CHANNELS = ("app", "mini_program", "web", "store", "wecom")
KEYWORDS = tuple(f"word {each}" for each in range(2_000))
CITIES = ("上海", "北京", "广州", "成都", "杭州", "武汉", "西安", "沈阳")
TYPES = {
    "view_item": 0.40,
    "page_view": 0.20,
    "add_to_cart": 0.10,
    "order_paid": 0.10,
    "search": 0.07,
    "message_delivered": 0.04,
    "points_changed": 0.025,
    "coupon_received": 0.02,
    "message_clicked": 0.01,
    "coupon_used": 0.01,
    "like": 0.01,
    "order_refunded": 0.005,
    "share": 0.005,
    "comment": 0.005,
}
"""Shares of the events."""
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Crowd:
    """How large it is."""

    persons: int
    seed: int

    @property
    def events(self) -> int:
        """Before anything is added."""
        return self.persons * EVENTS_OF_A_PERSON

    @property
    def active(self) -> int:
        """Persons with events, at most."""
        return int(self.persons * ACTIVE_SHARE)

    def sizes(self) -> dict[str, int]:
        """As results state them."""
        return {"persons": self.persons, "active_persons": self.active, "events": self.events}


def open_crowd(folder: Path, now: dt.datetime = NOW) -> Store:
    """The store of a folder that was filled, or is about to be."""
    database = Database.open(f"sqlite:///{folder / 'tagging.db'}")
    return open_store(database, folder / "tagging", ManualClock(now))


def fill(folder: Path, crowd: Crowd) -> None:
    """Writes persons, keys and events."""
    store = open_crowd(folder)
    keys = _keys(crowd)
    for start in range(1, crowd.persons + 1, ROWS):
        store.database.write_now(partial(_add_persons, crowd, keys, start))
    files = [_write_day(store, crowd, keys, day) for day in range(DAYS)]
    store.database.write_now(partial(_settle, store, crowd, len(keys), files))
    store.database.close_now()


def added_events(crowd: Crowd, count: int, after: int) -> Iterator[list[Event]]:
    """More events of the last day, of persons as active as before, in portions."""
    draw = np.random.default_rng(crowd.seed + 7)
    keys = _keys(crowd)
    anchors = keys[_places(draw, len(keys), count)]
    types = draw.choice(len(TYPES), count, p=_shares())
    times = microseconds(NOW) - draw.integers(0, DAY_US // 8, count)
    amounts = _amounts(draw, count)
    names = list(TYPES)
    for start in range(0, count, 5_000):
        yield [
            Event(
                after + 1 + number,
                "app",
                f"a{number}",
                names[types[number]],
                EPOCH + dt.timedelta(microseconds=int(times[number])),
                int(anchors[number]),
                properties=_said(names[types[number]], number, int(amounts[number])),
            )
            for number in range(start, min(start + 5_000, count))
        ]


def _said(type_: str, number: int, amount: int) -> dict[str, Any]:
    category = CATEGORIES[number % len(CATEGORIES)]
    match type_:
        case "order_paid":
            line = {"item_id": f"i{number % 997}", "category": category, "quantity": 10_000, "amount": amount}
            return {"order_id": f"o+{number}", "amount": amount, "items": (line,), "channel": "app"}
        case "view_item" | "add_to_cart":
            return {"category": category, "item_id": f"i{number % 997}"}
        case "search":
            return {"keyword": KEYWORDS[number % len(KEYWORDS)]}
    return {}


def _keys(crowd: Crowd) -> Ids:
    """The keys of active persons: key n is person n's; those above are second keys, `_second_owners` says whose."""
    draw = np.random.default_rng(crowd.seed)
    first = draw.permutation(crowd.persons)[: crowd.active] + 1
    second = crowd.persons + 1 + np.arange(int(crowd.active * SECOND_KEY_SHARE))
    return np.concatenate([first, second])


def _second_owners(crowd: Crowd, keys: Ids) -> Ids:
    return keys[: int(crowd.active * SECOND_KEY_SHARE)]


def _shares() -> npt.NDArray[np.float64]:
    shares = np.array(list(TYPES.values()))
    return np.asarray(shares / shares.sum())


def _places(draw: np.random.Generator, count: int, wanted: int) -> Ids:
    """Places of keys, the first ones more often."""
    found: Ids = (draw.random(wanted) ** 1.7 * count).astype(np.int64)
    return found


def _amounts(draw: np.random.Generator, count: int) -> Ids:
    """Scaled; to the cent."""
    found: Ids = (np.exp(draw.normal(4.6, 0.9, count)) * 100).astype(np.int64) * 100 + 100
    return found


def _add_persons(crowd: Crowd, keys: Ids, start: int, connection: Any) -> None:
    """Rows of persons and of who has each key."""
    driver = connection.connection.driver_connection
    end = min(start + ROWS, crowd.persons + 1)
    owners = _second_owners(crowd, keys)
    second = dict(
        zip(owners.tolist(), range(crowd.persons + 1, crowd.persons + 1 + len(owners)), strict=True)
    )
    states = np.random.default_rng(crowd.seed + start).choice([1, 2, 3], end - start, p=[0.5, 0.4, 0.1])

    def persons() -> Iterator[tuple[Any, ...]]:
        for person, state in zip(range(start, end), states.tolist(), strict=True):
            more = [second[person]] if person in second else []
            listed = np.array([person, *more], "<i8").tobytes()
            yield TENANT, person, 1, state, 0, person * 2_654_435_761, listed, _attributes(person, state)

    driver.executemany(
        "INSERT INTO person (tenant, person_id, version, state, redirect_person_id, birth_hash, key_ids, attributes) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        persons(),
    )
    owned = [(each, each) for each in range(start, end)]
    owned += [(key, person) for person, key in second.items() if start <= person < end]
    driver.executemany(
        f"INSERT INTO key_owner (tenant, key_id, person_id, change) VALUES ('{TENANT}', ?, ?, 1)", owned
    )


def _attributes(person: int, state: int) -> str:
    if state == 1:
        return "{}"
    said: dict[str, Any] = {
        "birth_date": {"$d": -person % 22_000},
        "city": CITIES[person % len(CITIES)],
        "gender": ("female", "male")[person % 2],
    }
    if state == 3:
        said["member_level"] = ("silver", "gold", "platinum")[person % 3]
        said["member_since"] = {"$d": 18_000 + person % 2_000}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _write_day(store: Store, crowd: Crowd, keys: Ids, day: int) -> LakeFile:
    """A file of the lake with one day of the tenant."""
    draw = np.random.default_rng((crowd.seed, day))
    count = crowd.events // DAYS + (1 if day < crowd.events % DAYS else 0)
    today = store.facts.tenants.ensure
    calendar = store.database.write_now(today, TENANT, NOW).settings.calendar
    on = calendar.day_of(NOW) - dt.timedelta(days=DAYS - 1 - day)
    start = microseconds(calendar.midnight(on))
    end = min(start + DAY_US, microseconds(NOW))
    types = draw.choice(len(TYPES), count, p=_shares())
    drawn: dict[str, Any] = {
        "type": pa.DictionaryArray.from_arrays(types.astype(np.int32), list(TYPES)).cast(pa.string()),
        "time": pa.array(np.sort(draw.integers(start, end, count)), pa.timestamp("us", tz="UTC")),
        "ingest_sequence": pa.array(day * (crowd.events // DAYS + 1) + 1 + np.arange(count)),
        "anchor_key_id": pa.array(keys[_places(draw, len(keys), count)]),
        **_properties(draw, count, types),
    }
    schema = store.lake.columns.schema
    columns = [_column(field, drawn, count) for field in schema]
    events = pa.Table.from_arrays(columns, schema=schema)
    path = f"{TENANT}/day={on.isoformat()}/{1:012d}.parquet"
    ordered = [("type", "ascending"), ("time", "ascending"), ("ingest_sequence", "ascending")]
    write_events(events.sort_by(ordered), store.lake.objects.stage(path))
    return LakeFile(path, on, count, store.lake.objects.keep(path))


def _column(field: pa.Field, drawn: dict[str, Any], count: int) -> Any:
    if field.name in drawn:
        return drawn[field.name].cast(field.type)
    if field.name == "other_key_ids":
        return pa.ListArray.from_arrays(np.zeros(count + 1, np.int32), pa.array([], pa.int64()))
    if field.nullable:
        return pa.nulls(count, field.type)
    fixed = {"extra": "{}", "source": "app"}.get(field.name, "")
    if field.name == "event_id":
        return drawn["ingest_sequence"].cast(pa.string())
    return pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), [fixed]).cast(pa.string())


def _properties(draw: np.random.Generator, count: int, types: Ids) -> dict[str, Any]:
    """What is said of each event, by property; null where its type does not say it."""
    names = np.array(list(TYPES))[types]

    def of(values: Any, *said_by: str) -> Any:
        array = pa.array(values) if not isinstance(values, pa.Array) else values
        return pa.compute.if_else(pa.array(np.isin(names, said_by)), array, pa.scalar(None, array.type))

    def texts(pool: tuple[str, ...]) -> Any:
        # A quarter of a pool makes up most of what is said.
        places = (draw.random(count) ** 2 * len(pool)).astype(np.int32)
        return pa.DictionaryArray.from_arrays(places, list(pool)).cast(pa.string())

    items = pa.DictionaryArray.from_arrays(
        draw.integers(0, 5_000, count).astype(np.int32), [f"i{each}" for each in range(5_000)]
    ).cast(pa.string())
    amounts = _amounts(draw, count)
    category, brand = texts(CATEGORIES), texts(BRANDS)
    shopping = ("view_item", "add_to_cart")
    return {
        "amount": of(amounts, "order_paid", "add_to_cart", "order_refunded", "coupon_received"),
        "discount": of(amounts // 1_000 * 100, "order_paid"),
        "order_id": of(pa.array(np.arange(count)).cast(pa.string()), "order_paid", "order_refunded"),
        "channel": texts(CHANNELS),
        "category": of(category, *shopping),
        "brand": of(brand, *shopping),
        "item_id": of(items, *shopping, "like", "share", "comment"),
        "price": of(amounts, "view_item"),
        "keyword": of(texts(KEYWORDS), "search"),
        "platform": of(texts(("ios", "android", "web")), "page_view"),
        "utm_source": of(texts(CHANNELS), "page_view"),
        "utm_campaign": of(texts(BRANDS), "page_view"),
        "creative": of(texts(KEYWORDS), "page_view"),
        "delta": of(amounts // 100, "points_changed"),
        "balance": of(amounts, "points_changed"),
        "items": _lines(draw, types == list(TYPES).index("order_paid"), amounts),
    }


def _lines(draw: np.random.Generator, ordered: npt.NDArray[np.bool_], amounts: Ids) -> Any:
    """One to three lines of each order."""
    counts = np.where(ordered, draw.integers(1, 4, len(ordered)), 0)
    ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    total = int(ends[-1])

    def texts(pool: tuple[str, ...]) -> Any:
        return pa.DictionaryArray.from_arrays(
            draw.integers(0, len(pool), total).astype(np.int32), list(pool)
        ).cast(pa.string())

    fields = {
        "amount": pa.array(np.repeat(amounts // 2, counts)),
        "brand": texts(BRANDS),
        "category": texts(CATEGORIES),
        "item_id": texts(tuple(f"i{each}" for each in range(5_000))),
        "quantity": pa.array(draw.integers(1, 4, total) * 10_000),
    }
    records = pa.StructArray.from_arrays(list(fields.values()), list(fields))
    said = pa.ListArray.from_arrays(ends, records)
    return pa.compute.if_else(pa.array(ordered), said, pa.scalar(None, said.type))


def _settle(store: Store, crowd: Crowd, keys: int, files: list[LakeFile], connection: Any) -> None:
    """The counters, the manifest and a cursor, as if everything had come and been flushed."""
    highest = crowd.persons + int(crowd.active * SECOND_KEY_SHARE)
    store.facts.tenants.lock(connection, TENANT)
    connection.exec_driver_sql(
        "UPDATE fact_counter SET arrival = ?, flushed_arrival = ?, key_change = 1, highest_person_id = ?, "
        "highest_key_id = ?, highest_ingest_sequence = ? WHERE tenant = ?",
        (crowd.events, crowd.events, crowd.persons, highest, crowd.events + DAYS, TENANT),
    )
    store.manifest.replace(connection, TENANT, [], files)
    store.facts.progress.finish(connection, Progress(Revision("identity", "0" * 16, 1, 1), ()))
