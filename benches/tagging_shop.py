"""A served tagging over a shop of persons with tags that a run has computed, and a no-op rpc beside it."""

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from huaxiang.tagging.v1 import portrait_service_pb2, portrait_service_pb2_grpc
from huaxiang.type.v1 import value_pb2
from servicekit.clock import ManualClock
from servicekit.database import Database
from servicekit.progress import Progress
from servicekit.revision import Lane, Revision
from servicekit.testing.servers import serving
from sqlalchemy import Connection
from tagging.app.apply_changes import StoreFacts
from tagging.app.run_tags import ExecuteRuns, RunRequests
from tagging.catalogue.files import parse_definitions
from tagging.catalogue.packs import RETAIL, pack_definitions
from tagging.domain.definition import TagDefinition, Wording
from tagging.domain.events import Event
from tagging.domain.governance.people import Actor, Power
from tagging.domain.persons import Person, PersonState
from tagging.domain.portrait_template import PortraitTemplate, TemplateGroup
from tagging.main import Store, open_computing, open_store, wire_tags
from tagging.store.sql_portraits import SqlPortraitTemplates

from benches.noop import noop_service

NOW = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)
TENANT = "t1"
ORDERS = 5
CHUNK = 2_000
CITIES = ("上海", "北京", "广州", "成都")


class NoAttributes:
    async def of(self, tenant: str, person_id: int) -> dict[str, value_pb2.Value]:
        return {}


@asynccontextmanager
async def serving_shop(folder: Path, persons: int, tags: int) -> AsyncIterator[tuple[int, int]]:
    """Yields the port and the size of a portrait."""
    import asyncio

    database = Database.open(f"sqlite:///{folder / 'tagging.db'}")
    store = open_store(database, folder / "tagging", ManualClock(NOW))
    _fill(store, persons, tags)
    part = wire_tags(store, NoAttributes())
    async with serving((*part.services, noop_service("tagging.values.read")), folder) as server:
        workers = [asyncio.ensure_future(worker()) for worker in part.workers]
        stub = portrait_service_pb2_grpc.PortraitServiceStub(server.connect("app"))
        portrait = await stub.GetPortrait(
            portrait_service_pb2.GetPortraitRequest(person_id=1, template_id="all")
        )
        known = sum(each.HasField("value") or each.withheld for each in portrait.values)
        if len(portrait.values) != tags or known < tags * 0.9:
            raise RuntimeError(f"a portrait of {len(portrait.values)} tags, {known} of them known")
        yield server.port, portrait.ByteSize()
        for each in workers:
            each.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    await database.close()


def _fill(store: Store, persons: int, tags: int) -> None:
    """Persons with orders and views, `tags` tags with values of nearly everybody, a template of all."""
    definitions = _definitions(tags)
    store.database.write_now(
        store.governance.apply_tags,
        TENANT,
        definitions,
        actor=Actor.of("bench", Power),
        delete_missing=False,
        validate_only=False,
        etag="",
    )
    for start in range(1, persons + 1, CHUNK):
        store.database.write_now(_facts, store, range(start, min(start + CHUNK, persons + 1)))
    requests = RunRequests(store.tags, store.columns, lambda: "run1")
    run = store.database.write_now(requests.create, TENANT, "request1", [])
    computing = open_computing(store)
    ExecuteRuns(store.database, store.tags, computing.compute, store.clock).execute(TENANT, run)
    ids = tuple(each.tag_id for each in definitions)
    template = PortraitTemplate("all", Wording("全部", "All"), (TemplateGroup(Wording(), ids),))
    store.database.write_now(SqlPortraitTemplates().put, TENANT, template, NOW)

    def settle(connection: Connection) -> None:
        through = Revision("identity", "0" * 16, 1, 1)
        store.facts.progress.finish(connection, Progress(through, ()))

    store.database.write_now(settle)


def _definitions(tags: int) -> list[TagDefinition]:
    """Internal tags of the retail catalogue, and counts, as many as asked for."""
    found = [each for each in pack_definitions(RETAIL) if each.tag_id in KNOWN_OF_ALL][:tags]
    more = [
        f"- {{tag_id: spent_{days}d, name: {{zh: 近{days}天, en: Spend in {days} days}}, category: 交易, type: number, "
        f"statistic: SUM(order_paid.amount) IN LAST {days} DAYS}}"
        for days in range(10, 10 + tags - len(found))
    ]
    return [*found, *parse_definitions("\n".join(more), "bench")]


KNOWN_OF_ALL = frozenset(
    {
        "city",
        "active_days_30d",
        "views_7d",
        "views_30d",
        "carts_7d",
        "carts_30d",
        "searches_30d",
        "coupons_received_90d",
        "message_clicks_30d",
        "unsubscribed",
        "order_count_30d",
        "order_count_90d",
        "order_amount_30d",
        "order_amount_90d",
        "net_amount_365d",
        "average_order_value",
        "largest_order",
        "first_order_time",
        "last_order_date",
        "category_breadth",
        "favourite_day_part",
        "rfm_recency_days",
        "rfm_frequency",
        "rfm_monetary",
        "rfm_class",
        "lifecycle_stage",
        "win_back_target",
    }
)


def _facts(connection: Connection, store: Store, ids: range) -> None:
    persons = [
        Person(
            each, each, PersonState.KNOWN, key_ids=(each,), attributes={"city": CITIES[each % len(CITIES)]}
        )
        for each in ids
    ]
    events = [
        Event(
            each * ORDERS + number,
            "shop",
            f"e{each * ORDERS + number}",
            "order_paid",
            NOW - dt.timedelta(days=1 + (each + 7 * number) % 80, hours=number),
            each,
            properties={"order_id": f"o{each}-{number}", "amount": 100_000 + each % 977},
        )
        for each in ids
        for number in range(ORDERS)
    ]
    stored = StoreFacts(store.facts, store.clock.now)(connection, TENANT, None, persons, events)
    store.changelog.append(connection, Lane.BULK, stored.entries)
