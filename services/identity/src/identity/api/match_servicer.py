"""MatchService: parse, call one use case, render."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
from huaxiang.identity.v1 import match_service_pb2 as pb
from huaxiang.identity.v1 import match_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.paging import make_token, page_size, read_token, request_hash

from identity.api import parse_match, render_match
from identity.api.transactions import Transactions
from identity.app.matching.evaluate_model import EvaluateModel
from identity.app.matching.models import CreateModel, ListModels
from identity.app.matching.review import Decide, ListReviewTasks
from identity.app.matching.runs import CancelRun, GetRun, ListRuns, StartRun
from identity.domain.matching.bands import Bands
from identity.store.matching.rows import RunKind

Context = grpc.aio.ServicerContext[object, object]
T = TypeVar("T")


@dataclass(frozen=True)
class MatchUseCases:
    """What the servicer calls."""

    create_model: CreateModel
    list_models: ListModels
    start_run: StartRun
    get_run: GetRun
    list_runs: ListRuns
    cancel_run: CancelRun
    list_tasks: ListReviewTasks
    decide: Decide
    evaluate: EvaluateModel


class MatchServicer(match_service_pb2_grpc.MatchServiceServicer):
    """`built_in` is the specification that an empty one stands for, `bands` those that absent ones stand for."""

    def __init__(
        self, transactions: Transactions, use_cases: MatchUseCases, built_in: Mapping[str, Any], bands: Bands
    ) -> None:
        self._transactions = transactions
        self._use = use_cases
        self._built_in = built_in
        self._bands = bands

    async def CreateModel(self, request: pb.CreateModelRequest, context: Context) -> pb.CreateModelResponse:
        new = parse_match.new_model(request, current_principal(), self._built_in, self._bands)
        row = await self._transactions.write(self._use.create_model, new)
        return pb.CreateModelResponse(model=render_match.model(row))

    async def ListModels(self, request: pb.ListModelsRequest, context: Context) -> pb.ListModelsResponse:
        rows, token = await self._page(request, self._use.list_models, lambda row: row.version)
        return pb.ListModelsResponse(models=[render_match.model(row) for row in rows], next_page_token=token)

    async def TrainModel(self, request: pb.TrainModelRequest, context: Context) -> pb.TrainModelResponse:
        row = await self._start(request.request_id, RunKind.TRAIN, request.model_version)
        return pb.TrainModelResponse(run=render_match.run(row))

    async def RunMatching(self, request: pb.RunMatchingRequest, context: Context) -> pb.RunMatchingResponse:
        row = await self._start(request.request_id, RunKind.MATCH, request.model_version)
        return pb.RunMatchingResponse(run=render_match.run(row))

    async def GetMatchRun(self, request: pb.GetMatchRunRequest, context: Context) -> pb.GetMatchRunResponse:
        tenant = current_principal().require_tenant()
        row = await self._transactions.read(self._use.get_run, tenant, request.run_id)
        return pb.GetMatchRunResponse(run=render_match.run(row))

    async def ListMatchRuns(
        self, request: pb.ListMatchRunsRequest, context: Context
    ) -> pb.ListMatchRunsResponse:
        rows, token = await self._page(request, self._use.list_runs, lambda row: row.run_id)
        return pb.ListMatchRunsResponse(runs=[render_match.run(row) for row in rows], next_page_token=token)

    async def CancelMatchRun(
        self, request: pb.CancelMatchRunRequest, context: Context
    ) -> pb.CancelMatchRunResponse:
        tenant = current_principal().require_tenant()
        row = await self._transactions.write(self._use.cancel_run, tenant, request.run_id)
        return pb.CancelMatchRunResponse(run=render_match.run(row))

    async def ListReviewTasks(
        self, request: pb.ListReviewTasksRequest, context: Context
    ) -> pb.ListReviewTasksResponse:
        rows, token = await self._page(request, self._use.list_tasks, lambda shown: shown.row.task_id)
        return pb.ListReviewTasksResponse(
            tasks=[render_match.task(shown) for shown in rows], next_page_token=token
        )

    async def DecideReviewTask(
        self, request: pb.DecideReviewTaskRequest, context: Context
    ) -> pb.DecideReviewTaskResponse:
        decision = parse_match.decision(request, current_principal())
        if request.validate_only:
            return render_match.would_decide(await self._transactions.rehearse(self._use.decide, decision))
        return render_match.decided(await self._transactions.write(self._use.decide, decision))

    async def EvaluateModel(
        self, request: pb.EvaluateModelRequest, context: Context
    ) -> pb.EvaluateModelResponse:
        weights, precision = parse_match.thresholds(request)
        tenant = current_principal().require_tenant()
        answer = await self._transactions.read(
            self._use.evaluate, tenant, request.model_version, weights, precision
        )
        return render_match.evaluation(answer)

    async def _start(self, request_id: str, kind: RunKind, version: int) -> Any:
        tenant = current_principal().require_tenant()
        stated = parse_match.request_id(request_id)
        return await self._transactions.write(self._use.start_run, tenant, stated, kind, version)

    async def _page(
        self,
        request: pb.ListModelsRequest | pb.ListMatchRunsRequest | pb.ListReviewTasksRequest,
        read: Callable[..., Sequence[T]],
        number_of: Callable[[T], int],
    ) -> tuple[Sequence[T], str]:
        """A page and the token of the next one."""
        tenant = current_principal().require_tenant()
        bound, size = request_hash(request, tenant), page_size(request.page_size)
        last = read_token(request.page_token, bound, int)
        start = last[0] if last else 0
        rows = await self._transactions.read(read, tenant, start, size)
        return rows, make_token([number_of(rows[-1])], bound) if len(rows) == size else ""
