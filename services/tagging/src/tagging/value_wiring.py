"""Joins what takes values and tells their changes, ends values, and starts runs by schedule."""

import uuid
from collections.abc import Callable, Coroutine
from typing import Any

from huaxiang.tagging.v1 import value_service_pb2, value_service_pb2_grpc
from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.server import Service

from tagging.api.value_servicer import ValueServicer
from tagging.app.columns_in_force import ColumnsInForce
from tagging.app.put_values import PutValues
from tagging.app.recompute import RecomputePersons
from tagging.app.run_schedules import RunSchedules
from tagging.app.turn_statements import TurnStatements
from tagging.app.value_changes import ReadValueChanges
from tagging.store.ports import FactStores
from tagging.store.sql_news import SqlTagNews
from tagging.store.tag_ports import TagStores
from tagging.workers.schedules import Schedules
from tagging.workers.told_values import ToldValues
from tagging.workers.value_upkeep import ValueUpkeep

Worker = Callable[[], Coroutine[Any, Any, None]]


def wire_values(
    database: Database,
    changelog: Changelog,
    stores: tuple[FactStores, TagStores],
    columns: ColumnsInForce,
    recompute: RecomputePersons,
    clock: Clock,
) -> tuple[Service, tuple[Worker, ...]]:
    """The service, and what runs beside it."""
    facts, tags = stores
    service = Service(
        value_service_pb2.DESCRIPTOR.services_by_name["ValueService"],
        value_service_pb2_grpc.add_ValueServiceServicer_to_server,
        ValueServicer(
            database,
            PutValues(facts, tags, columns, recompute, changelog, clock),
            ReadValueChanges(facts, tags, columns, clock),
        ),
    )
    told = ToldValues(database, TurnStatements(facts, tags, columns, recompute, changelog, clock))
    upkeep = ValueUpkeep(database, facts.tenants, tags.values, tags.history, clock)
    news = SqlTagNews(changelog)
    schedules = RunSchedules(facts, tags, columns, news, clock, lambda: uuid.uuid4().hex)
    return service, (told.run, upkeep.run, Schedules(database, schedules).run)
