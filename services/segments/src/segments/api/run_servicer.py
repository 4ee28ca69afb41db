"""RunService: long work on segments."""

from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.segments.v1 import run_service_pb2 as pb
from huaxiang.segments.v1.run_service_pb2_grpc import RunServiceServicer
from huaxiang.type.v1 import revision_pb2
from segments.api import insight_parse, parse
from segments.api.lookalike_servicer import MAX_EXPANSION, question_of
from segments.app.run_work import RunWork
from segments.app.runs import Request, RunDesk
from segments.domain.runs import Run, RunKind
from servicekit.calls import current_principal
from servicekit.errors import InvalidField
from servicekit.paging import make_token, page_size, read_token, request_hash


class RunServicer(RunServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(self, runs: RunDesk, work: RunWork) -> None:
        self._runs = runs
        self._work = work

    async def CreateRun(self, request: pb.CreateRunRequest, context: object) -> pb.CreateRunResponse:
        principal = current_principal()
        tenant, actor = principal.require_tenant(), parse.actor(principal)
        request_id, digest = parse.request_key(request)
        if (known := await self._runs.repeated(tenant, request_id, digest)) is not None:
            return pb.CreateRunResponse(run=_run(known))
        match request.WhichOneof("work"):
            case "recompute":
                kind, work = RunKind.RECOMPUTE, self._work.recompute(tenant, request.segment_id, actor)
            case "expand":
                asked = request.expand
                if not 1 <= asked.person_count <= MAX_EXPANSION:
                    problem = f"is {asked.person_count}, the limits are 1 and {MAX_EXPANSION}"
                    raise InvalidField("expand.person_count", problem)
                kind = RunKind.EXPAND
                work = self._work.expand(
                    tenant,
                    request.segment_id,
                    question_of(asked.question),
                    asked.person_count,
                    asked.evaluation_token,
                    actor,
                    insight_parse.caller(principal),
                )
            case _:
                raise InvalidField("work", "is missing: say recompute or expand")
        asked_for = Request(request_id, digest, kind, request.segment_id)
        return pb.CreateRunResponse(run=_run(await self._runs.start(tenant, asked_for, actor, work)))

    async def GetRun(self, request: pb.GetRunRequest, context: object) -> pb.GetRunResponse:
        tenant = current_principal().require_tenant()
        return pb.GetRunResponse(run=_run(await self._runs.get(tenant, request.run_id)))

    async def ListRuns(self, request: pb.ListRunsRequest, context: object) -> pb.ListRunsResponse:
        tenant = current_principal().require_tenant()
        size = page_size(request.page_size)
        bound_to = request_hash(request, tenant)
        last = read_token(request.page_token, bound_to, int)
        found = await self._runs.page(tenant, request.segment_id, last[0] if last else None, size + 1)
        more = len(found) > size
        return pb.ListRunsResponse(
            runs=[_run(each) for each in found[:size]],
            next_page_token=make_token([found[size - 1].sequence], bound_to) if more else "",
        )

    async def CancelRun(self, request: pb.CancelRunRequest, context: object) -> pb.CancelRunResponse:
        principal = current_principal()
        run = await self._runs.cancel(principal.require_tenant(), request.run_id, parse.actor(principal))
        return pb.CancelRunResponse(run=_run(run))


def _run(run: Run) -> pb.Run:
    cost = None
    if run.ended_ms is not None:
        began = run.ended_ms if run.started_ms is None else run.started_ms
        cost = pb.RunCost(wall_ms=run.ended_ms - began, cpu_ms=run.cpu_ms)
    return pb.Run(
        run_id=run.run_id,
        kind=pb.RunKind.ValueType(run.kind),
        segment_id=run.segment_id,
        state=pb.RunState.ValueType(run.state),
        subject=run.subject,
        create_time=_moment(run.created_ms),
        start_time=_moment(run.started_ms),
        end_time=_moment(run.ended_ms),
        done_count=run.done,
        total_count=run.total,
        member_count=run.count,
        problem=run.problem,
        revision=revision_pb2.Revision(token=run.revision) if run.revision else None,
        cost=cost,
    )


def _moment(machine_ms: int | None) -> Timestamp | None:
    if machine_ms is None:
        return None
    found = Timestamp()
    found.FromMilliseconds(machine_ms)
    return found
