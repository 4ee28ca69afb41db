"""BulkImportService."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import grpc
from huaxiang.identity.v1 import bulk_import_service_pb2 as pb
from huaxiang.identity.v1 import bulk_import_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.clock import Clock
from servicekit.errors import InvalidField

from identity.api import render
from identity.api.parse_import import ImportParser
from identity.api.tenant_policies import TenantPolicies
from identity.api.transactions import Transactions
from identity.app.hot_keys import HotKeys
from identity.app.import_persons import ImportPersons, PreparedRows, RowProblem
from identity.domain.bulk_rows import Opening

MAX_MESSAGES_IN_WORK = 2
Context = grpc.aio.ServicerContext[object, object]


class ImportServicer(bulk_import_service_pb2_grpc.BulkImportServiceServicer):
    """Of an import one message is prepared while the one before it is committed."""

    def __init__(
        self,
        transactions: Transactions,
        policies: TenantPolicies,
        parser: ImportParser,
        imports: ImportPersons,
        hot: HotKeys,
        clock: Clock,
    ) -> None:
        self._transactions = transactions
        self._policies = policies
        self._parser = parser
        self._imports = imports
        self._hot = hot
        self._clock = clock
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="import")

    async def ImportPersons(
        self, request_iterator: AsyncIterator[pb.ImportPersonsRequest], context: Context
    ) -> AsyncIterator[pb.ImportPersonsResponse]:
        tenant = current_principal().require_tenant()
        message = await _opening_of(request_iterator)
        _, opening = await self._parsed(tenant, message)
        yield render.imported(await self._transactions.write(self._imports.open, tenant, opening))
        working: deque[asyncio.Task[pb.ImportPersonsResponse]] = deque()
        try:
            async for request in request_iterator:
                if request.WhichOneof("part") != "rows":
                    raise InvalidField("part", "is not rows: the opening comes once, and first")
                before = working[-1] if working else None
                working.append(asyncio.create_task(self._take(before, tenant, message, request.rows)))
                if len(working) == MAX_MESSAGES_IN_WORK:
                    yield await working[0]
                    working.popleft()
            while working:
                yield await working[0]
                working.popleft()
        finally:
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)

    async def close(self) -> None:
        """Lets the thread go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _take(
        self,
        before: "asyncio.Task[pb.ImportPersonsResponse] | None",
        tenant: str,
        message: pb.ImportOpening,
        rows: pb.ImportRows,
    ) -> pb.ImportPersonsResponse:
        """Commits a message after the one before it, in as many transactions as its links take; when one failed, the
        stream is over."""
        now_us = int(self._clock.now().timestamp() * 1_000_000)
        parser, opening = await self._parsed(tenant, message)

        def prepare() -> PreparedRows:
            return self._imports.prepare(tenant, opening, parser.rows(message, opening, rows, now_us))

        prepared = await asyncio.get_running_loop().run_in_executor(self._threads, prepare)
        if before is not None:
            await asyncio.shield(before)
        taken = 0
        problems: tuple[RowProblem, ...] = ()
        while True:
            answer = await self._transactions.write(self._imports, tenant, prepared, now_us, taken)
            if answer.learned is not None:
                self._hot.learn(answer.learned)
            taken, problems = answer.taken, (*problems, *answer.problems)
            if taken == prepared.parsed.count:
                return render.imported(replace(answer, problems=problems))

    async def _parsed(self, tenant: str, message: pb.ImportOpening) -> tuple[ImportParser, Opening]:
        """The opening under the policy that is in force now: an import may outlast one. Raises InvalidField,
        BatchTooLarge."""
        parser = self._parser.under(await self._policies.of(tenant))
        return parser, parser.opening(message)


async def _opening_of(requests: AsyncIterator[pb.ImportPersonsRequest]) -> pb.ImportOpening:
    """The first message. Raises InvalidField."""
    async for request in requests:
        if request.WhichOneof("part") == "opening":
            return request.opening
        break
    raise InvalidField("part", "is not the opening: that comes first")
