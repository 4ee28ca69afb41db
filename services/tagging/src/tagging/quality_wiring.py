"""Joins the quality of tags: stores, use cases, the servicer, and what measures and counts beside it."""

from collections.abc import Callable, Coroutine
from typing import Any

from huaxiang.tagging.v1 import quality_service_pb2, quality_service_pb2_grpc
from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.server import Service

from tagging.api.quality_servicer import QualityServicer
from tagging.app.columns_in_force import ColumnsInForce
from tagging.app.evaluate_everybody import Everybody
from tagging.app.quality.contradictions import Contradictions, FindContradicted
from tagging.app.quality.count_use import AddUse, UseCounter
from tagging.app.quality.freshness import ReadFreshness
from tagging.app.quality.looks import FindLooks
from tagging.app.quality.measure import MeasureTags
from tagging.app.quality.read_quality import ReadQuality
from tagging.app.quality.record import Record
from tagging.app.quality.surroundings import ReadSurroundings
from tagging.app.quality.unused import ProposeRetirement
from tagging.app.quality.users import FindUsers
from tagging.app.quality.watch_freshness import WatchFreshness
from tagging.domain.quality.retention import KEEP_DAYS
from tagging.store.governance_ports import TagUses
from tagging.store.portrait_ports import PortraitTemplates
from tagging.store.ports import FactStores
from tagging.store.quality_entries import ContractAlertEntries
from tagging.store.quality_ports import QualityStores
from tagging.store.sql_news import SqlTagNews
from tagging.store.sql_quality import (
    SqlAlerts,
    SqlMeasurements,
    SqlQualityInputs,
    SqlQualityMarks,
    SqlTagActivities,
)
from tagging.store.tag_ports import TagStores
from tagging.workers.quality import QualityLooks, UseAdditions

Worker = Callable[[], Coroutine[Any, Any, None]]


def quality_stores() -> QualityStores:
    """Every adapter of quality."""
    return QualityStores(
        SqlMeasurements(),
        SqlAlerts(),
        SqlTagActivities(),
        SqlQualityMarks(),
        SqlQualityInputs(),
        ContractAlertEntries(),
    )


def open_measuring(
    database: Database,
    changelog: Changelog,
    stores: tuple[FactStores, TagStores],
    uses: TagUses,
    columns: ColumnsInForce,
    everybody: Everybody,
    clock: Clock,
    keep_days: int = KEEP_DAYS,
) -> tuple[MeasureTags, WatchFreshness]:
    """What measures tags, and what looks for stale ones."""
    facts, tags = stores
    quality = quality_stores()
    record = Record(facts, quality, columns, changelog, clock, keep_days)
    freshness, contradictions = ReadFreshness(quality.inputs, clock), Contradictions()
    users = FindUsers(uses, contradictions)
    measure = MeasureTags(
        database,
        tags,
        quality,
        columns,
        FindLooks(facts, tags, quality, columns, clock),
        ReadSurroundings(quality, columns, freshness, users, SqlTagNews(changelog), clock),
        FindContradicted(database, everybody, contradictions, clock),
        record,
        clock,
    )
    watch = WatchFreshness(database, facts.tenants, quality.alerts, columns, freshness, record, clock)
    return measure, watch


def wire_quality(
    database: Database,
    changelog: Changelog,
    stores: tuple[FactStores, TagStores],
    others: tuple[TagUses, PortraitTemplates],
    columns: ColumnsInForce,
    everybody: Everybody,
    counter: UseCounter,
    clock: Clock,
    keep_days: int,
) -> tuple[Service, tuple[Worker, ...]]:
    """The service, and what runs beside it."""
    quality, (uses, templates) = quality_stores(), others
    measure, watch = open_measuring(database, changelog, stores, uses, columns, everybody, clock, keep_days)
    service = Service(
        quality_service_pb2.DESCRIPTOR.services_by_name["QualityService"],
        quality_service_pb2_grpc.add_QualityServiceServicer_to_server,
        QualityServicer(
            database,
            ReadQuality(quality, columns, FindLooks(*stores, quality, columns, clock), changelog),
            ProposeRetirement(quality, columns, FindUsers(uses, Contradictions()), clock),
        ),
    )
    add = AddUse(counter, stores[0].tenants, templates, quality.activities, clock)
    return service, (QualityLooks(database, measure, watch).run, UseAdditions(database, add).run)
