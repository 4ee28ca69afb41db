"""LakeService: flushes, compaction and the manifest."""

import datetime as dt
from itertools import groupby

import grpc
from huaxiang.tagging.v1 import lake_service_pb2 as pb
from huaxiang.tagging.v1 import lake_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.freshness import Freshness
from servicekit.values import days_of
from sqlalchemy import Connection
from tagging.app.compact_lake import CompactLake
from tagging.app.flush_lake import FlushLake
from tagging.app.retire_files import RetireFiles
from tagging.domain import compaction
from tagging.domain.lake import LakeFile
from tagging.store.ports import Manifest

MAX_DAYS = 4_000


class LakeServicer(lake_service_pb2_grpc.LakeServiceServicer):
    """Acts on the caller's tenant. `facts` waits for events stored, whatever follows from them."""

    def __init__(
        self,
        database: Database,
        facts: Freshness,
        flush_lake: FlushLake,
        compact_lake: CompactLake,
        retire: RetireFiles,
        manifest: Manifest,
    ) -> None:
        self._database = database
        self._facts = facts
        self._flush_lake = flush_lake
        self._compact_lake = compact_lake
        self._retire = retire
        self._manifest = manifest

    async def FlushLake(
        self, request: pb.FlushLakeRequest, context: "grpc.aio.ServicerContext[object, object]"
    ) -> pb.FlushLakeResponse:
        tenant = current_principal().require_tenant()
        await self._facts.ensure(request.consistency)
        report = await self._flush_lake.flush(tenant)
        return pb.FlushLakeResponse(event_count=report.event_count, file_count=report.file_count)

    async def CompactLake(
        self, request: pb.CompactLakeRequest, context: "grpc.aio.ServicerContext[object, object]"
    ) -> pb.CompactLakeResponse:
        done = await self._compact_lake.compact(current_principal().require_tenant())
        return pb.CompactLakeResponse(
            files_before=done.files_before,
            files_after=done.files_after,
            bytes_before=done.bytes_before,
            bytes_after=done.bytes_after,
            more=done.more,
        )

    async def GetLakeStatus(
        self, request: pb.GetLakeStatusRequest, context: "grpc.aio.ServicerContext[object, object]"
    ) -> pb.GetLakeStatusResponse:
        files, recent = await self._database.read(self._read, current_principal().require_tenant())
        days = [_day(day, list(of_day)) for day, of_day in groupby(files, lambda file: file.day)]
        return pb.GetLakeStatusResponse(
            event_count=sum(file.event_count for file in files),
            recent_event_count=recent,
            file_count=len(files),
            size_bytes=sum(file.size_bytes for file in files),
            day_count=len(days),
            compactable_file_count=sum(len(group) for group in compaction.everything(files)),
            replaced_file_count=self._retire.waiting_count,
            days=days[::-1][:MAX_DAYS],
        )

    async def GetLakeManifest(
        self, request: pb.GetLakeManifestRequest, context: "grpc.aio.ServicerContext[object, object]"
    ) -> pb.GetLakeManifestResponse:
        tenant = current_principal().require_tenant()
        files, recent = await self._database.read(self._read, tenant)
        return pb.GetLakeManifestResponse(files=[_file(file) for file in files], recent_event_count=recent)

    def _read(self, connection: Connection, tenant: str) -> tuple[list[LakeFile], int]:
        return self._manifest.files(connection, tenant), self._manifest.recent_count(connection, tenant)


def _day(day: dt.date, files: list[LakeFile]) -> pb.LakeDay:
    return pb.LakeDay(
        day=days_of(day),
        file_count=len(files),
        event_count=sum(file.event_count for file in files),
        size_bytes=sum(file.size_bytes for file in files),
    )


def _file(file: LakeFile) -> pb.LakeFile:
    return pb.LakeFile(
        path=file.path,
        day=days_of(file.day),
        event_count=file.event_count,
        size_bytes=file.size_bytes,
    )
