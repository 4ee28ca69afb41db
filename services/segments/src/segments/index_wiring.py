"""Joins what tells of the index with who serves it."""

import datetime as dt
from collections.abc import Callable

from huaxiang.segments.v1 import index_service_pb2, index_service_pb2_grpc
from servicekit.database import Database
from servicekit.freshness import Freshness
from servicekit.server import Service

from segments.api.index_servicer import IndexServicer
from segments.app.index_status import IndexStatus
from segments.app.version import Board
from segments.store.ports import ColumnFiles, Stores


def wire_index(
    board: Board,
    database: Database,
    stores: Stores,
    files: ColumnFiles | None,
    freshness: Freshness,
    now: Callable[[], dt.datetime],
) -> Service:
    """The service. `now`: the suite's time."""
    return Service(
        index_service_pb2.DESCRIPTOR.services_by_name["IndexService"],
        index_service_pb2_grpc.add_IndexServiceServicer_to_server,
        IndexServicer(IndexStatus(board, database, stores.index, files, now), freshness),
    )
