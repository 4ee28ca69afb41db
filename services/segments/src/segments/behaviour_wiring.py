"""Joins what counts behaviour with who serves it."""

import datetime as dt
from collections.abc import Callable

from huaxiang.segments.v1 import behaviour_service_pb2, behaviour_service_pb2_grpc
from servicekit.freshness import Freshness
from servicekit.server import Service

from segments.api.behaviour_servicer import BehaviourServicer
from segments.app.insight.audiences import Audiences
from segments.app.insight.behaviour.funnel import CountFunnel
from segments.app.insight.behaviour.observing import Observing
from segments.app.insight.behaviour.paths import CountPaths
from segments.app.insight.behaviour.retention import CountRetention
from segments.app.insight.desk import Desk
from segments.index.tag_columns import BlockColumns
from segments.store.behaviour_ports import Behaviour


def wire_behaviour(
    desk: Desk,
    audiences: Audiences,
    behaviour: Behaviour,
    freshness: Freshness,
    now: Callable[[], dt.datetime],
) -> Service:
    """The service. `now`: the suite's time."""
    observing = Observing(desk, audiences, BlockColumns(), now)
    servicer = BehaviourServicer(
        desk,
        CountFunnel(observing, behaviour),
        CountRetention(observing, behaviour),
        CountPaths(observing, behaviour),
        freshness,
    )
    return Service(
        behaviour_service_pb2.DESCRIPTOR.services_by_name["BehaviourService"],
        behaviour_service_pb2_grpc.add_BehaviourServiceServicer_to_server,
        servicer,
    )
