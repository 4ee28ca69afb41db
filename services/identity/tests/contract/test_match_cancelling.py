"""A run that is asked to stop while its results are stored says what became of them, on both stores."""

import asyncio
import json
import threading
from typing import Any

import yaml
from identity.api.transactions import Transactions
from identity.app.matching.apply_matches import Applied
from identity.app.matching.read_rows import MatchInput
from identity.app.matching.runs import CancelRun
from identity.app.policies import PolicyBook
from identity.main import Wiring
from identity.standards.load import load_standards
from identity.standards.load_matching import load_match_standards
from identity.store.matching.ports import Matched, MatchRows
from identity.store.matching.rows import ModelRow, RunKind, RunRow, RunState
from identity.store.ports import Stores
from identity.store.sql import open_stores
from identity.workers.match_runs import PAUSE_S, MatchRuns
from servicekit.clock import ManualClock

RUN = RunRow(1, "r", RunKind.MATCH, 1)
BANDS = '{"auto": 10, "review": 0, "mean": 0, "absent": -5, "max_rows": 20}'


class Engine:
    """A Matcher that finds nothing."""

    async def match(self, *_: Any) -> Matched:
        return Matched((), (), {}, {}, {}, 0, 0.0)


class SlowApply:
    """Stores for as long as the test wants, under the tenant's lock."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, stores: Stores, tenant: str, *_: Any) -> Applied:
        stores.tenants.lock(tenant, stores.changes.head().epoch)
        self.begun.set()
        assert self.may_end.wait(20)
        return Applied(0, 0, 0, 0, {})


async def test_a_run_whose_results_are_stored_has_succeeded(wiring: Wiring, clock: ManualClock) -> None:
    transactions = Transactions(wiring.database, lambda c: open_stores(c, wiring.changelog))
    apply: Any = SlowApply()
    engine: Any = Engine()
    read: Any = lambda *_: MatchInput([], MatchRows((), (), {}))  # noqa: E731
    policies = PolicyBook(load_standards().policy)
    runs = MatchRuns(transactions, policies, read, engine, apply, clock)
    document = load_match_standards().document

    def add(stores: Stores) -> None:
        stores.tenants.lock("t1", stores.changes.head().epoch)
        stores.matching.models.add(
            "t1", ModelRow(1, "m", "a", "", 0, as_json(document), BANDS, settings="{}")
        )
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


def as_json(document: str) -> str:
    wanted = ("columns", "lists", "comparisons", "blocks", "training")
    return json.dumps({name: value for name, value in yaml.safe_load(document).items() if name in wanted})
