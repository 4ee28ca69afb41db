"""Joins what is known of events: the dictionary, what tenants declare, and the survey of what came in."""

from collections.abc import Callable, Coroutine
from typing import Any

from huaxiang.tagging.v1 import event_type_service_pb2, event_type_service_pb2_grpc
from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.server import Service

from tagging.api.event_type_servicer import EventTypeServicer
from tagging.app.columns_in_force import ColumnsInForce
from tagging.app.declare_events import DeclareEvents
from tagging.app.survey_events import SurveyEvents
from tagging.domain.dictionary import Dictionary
from tagging.store.mapping_ports import EventDictionaries, MappingChanges
from tagging.store.ports import FactStores
from tagging.store.sql_seen_events import SqlSeenEvents
from tagging.store.tag_ports import TagStores
from tagging.workers.event_survey import EventSurvey

Worker = Callable[[], Coroutine[Any, Any, None]]


def wire_event_types(
    database: Database,
    changelog: Changelog,
    stores: tuple[FactStores, TagStores],
    columns: ColumnsInForce,
    dictionaries: EventDictionaries,
    changes: MappingChanges,
    standard: Dictionary,
    clock: Clock,
) -> tuple[Service, Worker]:
    """The service, and what runs beside it."""
    facts, tags = stores
    seen = SqlSeenEvents()
    declare = DeclareEvents(facts, tags, columns, dictionaries, changes, seen, standard, changelog, clock)
    service = Service(
        event_type_service_pb2.DESCRIPTOR.services_by_name["EventTypeService"],
        event_type_service_pb2_grpc.add_EventTypeServiceServicer_to_server,
        EventTypeServicer(database, declare, dictionaries, seen, standard),
    )
    survey = SurveyEvents(database, facts.tenants, seen, dictionaries)
    return service, EventSurvey(survey).run
