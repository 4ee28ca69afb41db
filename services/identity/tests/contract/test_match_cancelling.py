"""A run that is asked to stop while its results are stored says what became of them, on both stores."""

import asyncio
import threading
from typing import Any

from identity.api.transactions import Transactions
from identity.app.matching.read_rows import MatchInput
from identity.app.matching.runs import CancelRun
from identity.app.policies import PolicyBook
from identity.main import Wiring
from identity.standards.load import load_standards
from identity.store.matching.ports import Matched, MatchRows
from identity.store.matching.rows import ModelRow, RunKind, RunRow, RunState
from identity.store.ports import Stores
from identity.store.sql import open_stores
from identity.workers.match_runs import PAUSE_S, MatchRuns
from match_specification import BANDS, SPECIFICATION
from servicekit.clock import ManualClock

RUN = RunRow(1, "r", RunKind.MATCH, 1)


class Engine:
    """A Matcher that finds nothing."""

    async def match(self, *_: Any) -> Matched:
        return Matched((), (), {}, {}, {}, 0, 0.0)


class SlowApply:
    """Has no links to store, and ends for as long as the test wants, under the tenant's lock."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()

    def staged(self, *_: Any) -> None:
        pass

    stage = staged

    def link_portions(self, *_: Any) -> list[Any]:
        return []

    cluster_portions = link_portions

    def finish(self, stores: Stores, tenant: str, *_: Any) -> dict[str, Any]:
        stores.tenants.lock(tenant, stores.changes.head().epoch)
        self.begun.set()
        assert self.may_end.wait(20)
        return {}


async def test_a_run_whose_results_are_stored_has_succeeded(wiring: Wiring, clock: ManualClock) -> None:
    transactions = Transactions(wiring.database, lambda c: open_stores(c, wiring.changelog))
    apply: Any = SlowApply()
    engine: Any = Engine()
    read: Any = lambda *_: MatchInput([], MatchRows((), (), {}))  # noqa: E731
    policies = PolicyBook(load_standards().policy)
    runs = MatchRuns(transactions, policies, read, engine, apply, clock)

    def add(stores: Stores) -> None:
        stores.tenants.lock("t1", stores.changes.head().epoch)
        stores.matching.models.add("t1", ModelRow(1, "m", "a", "", 0, SPECIFICATION, BANDS, settings="{}"))
        stores.matching.runs.add("t1", RUN)

    await transactions.write(add)
    step = asyncio.ensure_future(runs.step())
    await asyncio.to_thread(apply.begun.wait, 20)
    cancel = asyncio.ensure_future(transactions.write(CancelRun(), "t1", 1))
    await asyncio.sleep(2 * PAUSE_S)
    apply.may_end.set()
    assert await step
    await asyncio.gather(cancel, return_exceptions=True)
    done = await transactions.read(lambda stores: stores.matching.runs.get("t1", 1))
    assert done is not None
    assert done.state is RunState.SUCCEEDED, "its results stand"
