"""Joins the portraits: stores, hot copies, use cases, servicers and workers."""

import os
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from huaxiang.tagging.v1 import portrait_service_pb2, portrait_template_service_pb2
from huaxiang.tagging.v1 import portrait_template_service_pb2_grpc as template_grpc
from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.freshness import Freshness
from servicekit.head_poll import HeadPoll
from servicekit.server import Service
from servicekit.telemetry.metrics import Reading, report

from tagging.api.portrait_servicer import PersonAttributes, PortraitServicer, add_portraits
from tagging.api.portrait_template_servicer import PortraitTemplateServicer
from tagging.api.render_portraits import portrait_bytes
from tagging.app.columns_in_force import ColumnsInForce
from tagging.app.evaluate_everybody import Everybody
from tagging.app.explain import Explain
from tagging.app.portraits.compose import ComposePortraits
from tagging.app.portraits.hot import HotPortraits
from tagging.app.portraits.member_classes import MemberClasses
from tagging.app.portraits.movements import Movements
from tagging.app.portraits.past import ReadPastPortraits
from tagging.app.portraits.profiles import FreezeProfiles
from tagging.app.portraits.templates import KeepTemplates
from tagging.app.portraits.timeline import ReadTimeline
from tagging.app.quality.count_use import UseCounter
from tagging.app.read_values import ReadValues
from tagging.catalogue.phrase_files import standard_phrases
from tagging.portrait_metrics import BREAKER_OPEN, COPY_FAILURES, HITS, MISSES
from tagging.store.changelog_moves import move_of
from tagging.store.event_read_ports import EventReads
from tagging.store.layered_copies import BrokenCircuit, LayeredCopies
from tagging.store.memory_copies import MemoryCopies
from tagging.store.portrait_ports import HotCopies
from tagging.store.ports import FactStores
from tagging.store.sql_portraits import SqlCopySecrets, SqlPortraitTemplates
from tagging.store.tag_ports import TagStores
from tagging.workers.class_profiles import ClassProfiles

IN_MEMORY = "memory"
LOOK_BACK = 50_000
"""Positions of the changelog that are read at the start, where copies outlive the process."""


@dataclass(frozen=True)
class Portraits:
    """What is served, what runs beside it, and what is closed at the end."""

    services: tuple[Service, ...]
    workers: tuple[Callable[[], Coroutine[Any, Any, None]], ...]
    hot: HotPortraits
    movements: Movements
    close: Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class _Copies:
    near: MemoryCopies
    all: HotCopies
    breaker: BrokenCircuit | None = None

    def readings(self) -> Iterable[Reading]:
        if self.breaker is not None:
            yield Reading(COPY_FAILURES, "redis", self.breaker.failures)
            yield Reading(BREAKER_OPEN, "redis", float(self.breaker.is_open))


def wire_portraits(
    database: Database,
    changelog: Changelog,
    stores: tuple[FactStores, TagStores, EventReads],
    columns: ColumnsInForce,
    everybody: Everybody,
    readers: tuple[ReadValues, Explain],
    attributes: PersonAttributes,
    clock: Clock,
    hot_copies: str,
    use: UseCounter,
) -> Portraits:
    """`hot_copies` is "memory" or the URL of a Redis."""
    (facts, tags, events), (read_values, explain) = stores, readers
    templates, classes = SqlPortraitTemplates(), MemberClasses()
    copies = _open_copies(database, hot_copies)
    movements = Movements(
        database,
        changelog,
        facts.progress,
        move_of,
        copies.all.drop,
        look_back=LOOK_BACK if copies.breaker else 0,
    )
    compose = ComposePortraits(facts, templates, columns, read_values, classes, standard_phrases(), clock)
    hot = HotPortraits(database, compose, movements, copies.near, copies.all, portrait_bytes)
    freshness = Freshness(changelog, movements.look, database.commits, HeadPoll(database, changelog))
    timeline = ReadTimeline(facts, events, tags, columns, read_values)
    past = ReadPastPortraits(facts, tags, columns, read_values, clock)
    servicer = PortraitServicer(
        database, freshness, hot, timeline, read_values, explain, attributes, past, clock, use
    )
    keep = KeepTemplates(facts, templates, columns, classes, changelog, clock)
    freeze = FreezeProfiles(database, changelog, facts, tags, templates, columns, everybody, classes, clock)
    services = (
        Service(portrait_service_pb2.DESCRIPTOR.services_by_name["PortraitService"], add_portraits, servicer),
        Service(
            portrait_template_service_pb2.DESCRIPTOR.services_by_name["PortraitTemplateService"],
            template_grpc.add_PortraitTemplateServiceServicer_to_server,
            PortraitTemplateServicer(database, keep, tags.catalogue),
        ),
    )

    told: dict[str, float] = {}

    def readings() -> Iterable[Reading]:
        """Those that have moved."""
        for each in (
            Reading(HITS, "portraits", hot.hits),
            Reading(MISSES, "portraits", hot.misses),
            *copies.readings(),
        ):
            if told.get(each.metric.name, 0) != each.value:
                told[each.metric.name] = each.value
                yield each

    async def tell() -> None:
        await report((readings,))

    workers = (movements.follow, ClassProfiles(database, freeze).run, tell)
    return Portraits(services, workers, hot, movements, copies.all.close)


def _open_copies(database: Database, hot_copies: str) -> _Copies:
    near = MemoryCopies()
    if hot_copies == IN_MEMORY:
        return _Copies(near, near)
    from tagging.store.redis_copies import SECRET_BYTES, RedisCopies

    secrets = SqlCopySecrets()
    secret = database.read_now(secrets.secret)
    if secret is None:
        database.write_now(secrets.keep, os.urandom(SECRET_BYTES))
        secret = database.read_now(secrets.secret)
    assert secret is not None
    breaker = BrokenCircuit(RedisCopies(hot_copies, secret), time.monotonic)
    return _Copies(near, LayeredCopies(near, breaker), breaker)
