"""RunService: computes tags for everybody."""

from collections.abc import Callable

import grpc
from huaxiang.tagging.v1 import run_service_pb2 as pb
from huaxiang.tagging.v1 import run_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.freshness import Freshness
from servicekit.paging import make_token, page_size, read_token, request_hash
from tagging.api.parse_tags import MAX_REQUEST_ID_CHARACTERS, MAX_RUN_TAGS, at_most, named
from tagging.api.render_tags import run_message
from tagging.app.run_tags import RunRequests
from tagging.store.tag_ports import Run

DEFAULT_PAGE = 50
Context = grpc.aio.ServicerContext[object, object]


class RunServicer(run_service_pb2_grpc.RunServiceServicer):
    """Acts on the caller's tenant. `facts` waits for facts stored, whatever follows from them."""

    def __init__(
        self, database: Database, facts: Freshness, requests: RunRequests, machine_ms: Callable[[], int]
    ) -> None:
        self._database = database
        self._facts = facts
        self._requests = requests
        self._machine_ms = machine_ms

    async def CreateRun(self, request: pb.CreateRunRequest, context: Context) -> pb.CreateRunResponse:
        tenant = current_principal().require_tenant()
        request_id = named("request_id", request.request_id, MAX_REQUEST_ID_CHARACTERS)
        at_most("tag_ids", request.tag_ids, MAX_RUN_TAGS)
        await self._facts.ensure(request.consistency)
        asked = tuple(request.tag_ids)
        run = await self._database.write(
            self._requests.create, tenant, request_id, asked, everybody=request.everybody
        )
        return pb.CreateRunResponse(run=_message(run))

    async def GetRun(self, request: pb.GetRunRequest, context: Context) -> pb.GetRunResponse:
        tenant = current_principal().require_tenant()
        run = await self._database.read(self._requests.get, tenant, request.run_id)
        return pb.GetRunResponse(run=_message(run))

    async def ListRuns(self, request: pb.ListRunsRequest, context: Context) -> pb.ListRunsResponse:
        tenant = current_principal().require_tenant()
        size = page_size(request.page_size, default=DEFAULT_PAGE)
        bound = request_hash(request, tenant)
        after = read_token(request.page_token, bound, int)
        before = after[0] if after else None
        runs = await self._database.read(self._requests.page, tenant, before, size + 1)
        page = runs[:size]
        token = make_token([page[-1].sequence], bound) if len(runs) > size else ""
        return pb.ListRunsResponse(runs=[_message(each) for each in page], next_page_token=token)

    async def CancelRun(self, request: pb.CancelRunRequest, context: Context) -> pb.CancelRunResponse:
        tenant = current_principal().require_tenant()
        run = await self._database.write(self._requests.cancel, tenant, request.run_id, self._machine_ms())
        return pb.CancelRunResponse(run=_message(run))


def _message(run: Run) -> pb.Run:
    return run_message(run, run.revision)
