"""Wires what a segment goes through: folders, versions, days, the recycle bin, and who uses it."""

import datetime as dt
from collections.abc import Callable

import grpc
from huaxiang.segments.v1 import (
    folder_service_pb2,
    folder_service_pb2_grpc,
    member_history_service_pb2,
    member_history_service_pb2_grpc,
    recycle_bin_service_pb2,
    recycle_bin_service_pb2_grpc,
    segment_use_service_pb2,
    segment_use_service_pb2_grpc,
    segment_version_service_pb2,
    segment_version_service_pb2_grpc,
)
from servicekit.database import Database
from servicekit.server import Service

from segments.api.folder_servicer import FolderServicer
from segments.api.member_history_servicer import MemberHistoryServicer
from segments.api.recycle_bin_servicer import RecycleBinServicer
from segments.api.segment_use_servicer import SegmentUseServicer
from segments.api.segment_version_servicer import SegmentVersionServicer
from segments.app.explain_move import ExplainMove
from segments.app.folder_tree import FolderTree
from segments.app.impact import CheckImpact, ReportSegmentUse
from segments.app.member_history import MemberHistory
from segments.app.preview import Preview
from segments.app.recycling import Recycling
from segments.app.segments import Segments
from segments.app.versions import Versions
from segments.store.ports import SnapshotStore, Stores
from segments.workers.board import VersionBoard
from segments.workers.tagging_calls import TaggingPast


def life_services(
    board: VersionBoard,
    database: Database,
    stores: Stores,
    snapshots: SnapshotStore,
    segments: Segments,
    preview: Preview,
    recycling: Recycling,
    channel: grpc.aio.Channel,
    now: Callable[[], dt.datetime],
) -> list[Service]:
    """`channel` leads to tagging, `now` is the suite's time."""
    history = MemberHistory(stores.days, snapshots, now)
    explain_move = ExplainMove(history, stores.versions, stores.days, TaggingPast(channel))
    impact = CheckImpact(board, stores.uses, preview, now)
    return [
        Service(
            folder_service_pb2.DESCRIPTOR.services_by_name["FolderService"],
            folder_service_pb2_grpc.add_FolderServiceServicer_to_server,
            FolderServicer(board, database, FolderTree(board, stores, now)),
        ),
        Service(
            segment_version_service_pb2.DESCRIPTOR.services_by_name["SegmentVersionService"],
            segment_version_service_pb2_grpc.add_SegmentVersionServiceServicer_to_server,
            SegmentVersionServicer(board, database, Versions(stores.versions), segments),
        ),
        Service(
            member_history_service_pb2.DESCRIPTOR.services_by_name["MemberHistoryService"],
            member_history_service_pb2_grpc.add_MemberHistoryServiceServicer_to_server,
            MemberHistoryServicer(board, database, history, explain_move),
        ),
        Service(
            recycle_bin_service_pb2.DESCRIPTOR.services_by_name["RecycleBinService"],
            recycle_bin_service_pb2_grpc.add_RecycleBinServiceServicer_to_server,
            RecycleBinServicer(board, database, recycling, segments),
        ),
        Service(
            segment_use_service_pb2.DESCRIPTOR.services_by_name["SegmentUseService"],
            segment_use_service_pb2_grpc.add_SegmentUseServiceServicer_to_server,
            SegmentUseServicer(board, database, ReportSegmentUse(stores.uses), impact),
        ),
    ]
