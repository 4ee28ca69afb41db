"""Wires the long work on segments: runs, uploads, which are runs of their callers, and exports."""

import grpc
from huaxiang.segments.v1 import (
    export_service_pb2,
    export_service_pb2_grpc,
    member_upload_service_pb2,
    member_upload_service_pb2_grpc,
    run_service_pb2,
    run_service_pb2_grpc,
)
from servicekit.database import Database
from servicekit.server import Service

from segments.api.export_servicer import ExportServicer
from segments.api.member_upload_servicer import MemberUploadServicer
from segments.api.run_servicer import RunServicer
from segments.app.awaited_forms import AwaitedForms
from segments.app.exports import MemberExports
from segments.app.insight.lookalike import Lookalike
from segments.app.run_work import RunWork
from segments.app.runs import RunDesk
from segments.app.segments import Segments
from segments.app.upload_members import UploadMembers
from segments.workers.board import VersionBoard
from segments.workers.identity_calls import IdentityIdentifiers, IdentityResolve


def run_services(
    board: VersionBoard,
    segments: Segments,
    awaited: AwaitedForms,
    lookalike: Lookalike,
    runs: RunDesk,
    exports: MemberExports,
    database: Database,
    identity: grpc.aio.Channel | None,
) -> list[Service]:
    """Without a channel to identity no identifiers are uploaded, and none exported."""
    return [
        Service(
            member_upload_service_pb2.DESCRIPTOR.services_by_name["MemberUploadService"],
            member_upload_service_pb2_grpc.add_MemberUploadServiceServicer_to_server,
            MemberUploadServicer(UploadMembers(board, segments, IdentityResolve(identity)), runs),
        ),
        Service(
            run_service_pb2.DESCRIPTOR.services_by_name["RunService"],
            run_service_pb2_grpc.add_RunServiceServicer_to_server,
            RunServicer(runs, RunWork(board, segments, awaited, lookalike)),
        ),
        Service(
            export_service_pb2.DESCRIPTOR.services_by_name["ExportService"],
            export_service_pb2_grpc.add_ExportServiceServicer_to_server,
            ExportServicer(board, database, exports, IdentityIdentifiers(identity)),
        ),
    ]
