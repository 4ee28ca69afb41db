"""Joins what works out behaviour with who serves it."""

from huaxiang.tagging.v1 import behaviour_service_pb2, behaviour_service_pb2_grpc
from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.freshness import Freshness
from servicekit.server import Service

from tagging.api.behaviour_servicer import BehaviourServicer
from tagging.app.behaviour.analyze import AnalyzeFunnel, AnalyzePaths, AnalyzeRetention
from tagging.app.behaviour.histories import ReadHistories
from tagging.app.columns_in_force import ColumnsInForce
from tagging.domain.behaviour.engine import BehaviourEngines
from tagging.store.ports import FactStores, LakeRelations


def wire_behaviour(
    database: Database,
    changelog: Changelog,
    facts: FactStores,
    lake: LakeRelations,
    columns: ColumnsInForce,
    freshness: Freshness,
    clock: Clock,
    engines: BehaviourEngines,
) -> Service:
    """The service. `freshness`: of the facts."""
    read = ReadHistories(database, facts, lake, columns, changelog, clock)
    servicer = BehaviourServicer(
        freshness,
        read,
        AnalyzeFunnel(read, engines),
        AnalyzeRetention(read, engines),
        AnalyzePaths(read, engines),
        clock,
    )
    return Service(
        behaviour_service_pb2.DESCRIPTOR.services_by_name["BehaviourService"],
        behaviour_service_pb2_grpc.add_BehaviourServiceServicer_to_server,
        servicer,
    )
