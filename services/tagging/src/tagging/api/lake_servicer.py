"""LakeService: flushes, compaction and the manifest."""

from itertools import groupby

import grpc
from huaxiang.tagging.v1 import lake_service_pb2 as pb
from huaxiang.tagging.v1 import lake_service_pb2_grpc
from rules.values import normal_text
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.errors import InvalidField
from servicekit.freshness import Freshness
from servicekit.paging import make_token, page_size, read_token, request_hash
from sqlalchemy import Connection
from tagging.api import render_lake
from tagging.app.compact_lake import CompactLake
from tagging.app.flush_lake import FlushLake
from tagging.app.keep_events import KeepEvents
from tagging.app.retire_files import RetireFiles
from tagging.domain import compaction
from tagging.domain.lake import LakeFile
from tagging.domain.retention import MAX_DAYS, MAX_RULES
from tagging.store.lake_ports import ErasureProofs
from tagging.store.ports import Manifest

LISTED_DAYS = 4_000
MAX_PROOFS = 100
MAX_TYPE_CHARACTERS = 128


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
        keep_events: KeepEvents,
        proofs: ErasureProofs,
    ) -> None:
        self._database = database
        self._facts = facts
        self._flush_lake = flush_lake
        self._compact_lake = compact_lake
        self._retire = retire
        self._manifest = manifest
        self._keep_events = keep_events
        self._proofs = proofs

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
        days = [render_lake.day(day, list(of_day)) for day, of_day in groupby(files, lambda file: file.day)]
        return pb.GetLakeStatusResponse(
            event_count=sum(file.event_count for file in files),
            recent_event_count=recent,
            file_count=len(files),
            size_bytes=sum(file.size_bytes for file in files),
            day_count=len(days),
            compactable_file_count=sum(len(group) for group in compaction.everything(files)),
            replaced_file_count=self._retire.waiting_count,
            days=days[::-1][:LISTED_DAYS],
        )

    async def GetLakeManifest(
        self, request: pb.GetLakeManifestRequest, context: "grpc.aio.ServicerContext[object, object]"
    ) -> pb.GetLakeManifestResponse:
        tenant = current_principal().require_tenant()
        files, recent = await self._database.read(self._read, tenant)
        return pb.GetLakeManifestResponse(
            files=[render_lake.file(file) for file in files], recent_event_count=recent
        )

    async def GetEventRetention(
        self, request: pb.GetEventRetentionRequest, context: "grpc.aio.ServicerContext[object, object]"
    ) -> pb.GetEventRetentionResponse:
        kept = await self._database.read(self._keep_events.get, current_principal().require_tenant())
        return render_lake.kept_events(kept)

    async def SetEventRetention(
        self, request: pb.SetEventRetentionRequest, context: "grpc.aio.ServicerContext[object, object]"
    ) -> pb.SetEventRetentionResponse:
        tenant, rules = current_principal().require_tenant(), _rules(request)
        await self._database.write(self._keep_events.put, tenant, rules)
        return pb.SetEventRetentionResponse()

    async def ListErasureProofs(
        self, request: pb.ListErasureProofsRequest, context: "grpc.aio.ServicerContext[object, object]"
    ) -> pb.ListErasureProofsResponse:
        tenant = current_principal().require_tenant()
        size = page_size(request.page_size, maximum=MAX_PROOFS)
        bound_to = request_hash(request, tenant)
        key = read_token(request.page_token, bound_to, int)
        found = await self._database.read(self._proofs.page, tenant, key[0] if key else 0, size + 1)
        return pb.ListErasureProofsResponse(
            proofs=[render_lake.proof(each) for each in found[:size]],
            next_page_token=make_token([found[size - 1].number], bound_to) if len(found) > size else "",
        )

    def _read(self, connection: Connection, tenant: str) -> tuple[list[LakeFile], int]:
        return self._manifest.files(connection, tenant), self._manifest.recent_count(connection, tenant)


def _rules(request: pb.SetEventRetentionRequest) -> dict[str, int]:
    if len(request.rules) > MAX_RULES:
        raise InvalidField("rules", f"are {len(request.rules)}, at most {MAX_RULES} are allowed")
    found: dict[str, int] = {}
    for number, rule in enumerate(request.rules):
        name = normal_text(rule.event_type)
        if not 1 <= len(name) <= MAX_TYPE_CHARACTERS:
            raise InvalidField(
                f"rules[{number}].event_type",
                f"has {len(name)} characters, 1 to {MAX_TYPE_CHARACTERS} are allowed",
            )
        if name in found:
            raise InvalidField(f"rules[{number}].event_type", f"{name!r} is there twice")
        if not 0 <= rule.days <= MAX_DAYS:
            raise InvalidField(f"rules[{number}].days", f"is {rule.days}, 0 to {MAX_DAYS} are allowed")
        found[name] = rule.days
    return found
