"""LakeService: flushes and the manifest."""

import grpc
from huaxiang.tagging.v1 import lake_service_pb2 as pb
from huaxiang.tagging.v1 import lake_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.freshness import Freshness
from servicekit.values import days_of
from sqlalchemy import Connection
from tagging.app.flush_lake import FlushLake
from tagging.store.ports import LakeFile, Manifest


class LakeServicer(lake_service_pb2_grpc.LakeServiceServicer):
    """Acts on the caller's tenant. `facts` waits for events stored, whatever follows from them."""

    def __init__(
        self, database: Database, facts: Freshness, flush_lake: FlushLake, manifest: Manifest
    ) -> None:
        self._database = database
        self._facts = facts
        self._flush_lake = flush_lake
        self._manifest = manifest

    async def FlushLake(
        self, request: pb.FlushLakeRequest, context: "grpc.aio.ServicerContext[object, object]"
    ) -> pb.FlushLakeResponse:
        tenant = current_principal().require_tenant()
        await self._facts.ensure(request.consistency)
        report = await self._flush_lake.flush(tenant)
        return pb.FlushLakeResponse(event_count=report.event_count, file_count=report.file_count)

    async def GetLakeManifest(
        self, request: pb.GetLakeManifestRequest, context: "grpc.aio.ServicerContext[object, object]"
    ) -> pb.GetLakeManifestResponse:
        tenant = current_principal().require_tenant()
        files, recent = await self._database.read(self._read, tenant)
        return pb.GetLakeManifestResponse(files=[_file(file) for file in files], recent_event_count=recent)

    def _read(self, connection: Connection, tenant: str) -> tuple[list[LakeFile], int]:
        return self._manifest.files(connection, tenant), self._manifest.recent_count(connection, tenant)


def _file(file: LakeFile) -> pb.LakeFile:
    return pb.LakeFile(
        path=file.path,
        day=days_of(file.day),
        event_count=file.event_count,
        size_bytes=file.size_bytes,
    )
