"""What a run found is put in force in portions: as all at once, resumed where it stopped, stopped where asked."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from identity.api.encoding import ProtoEncoding
from identity.api.transactions import Transactions
from identity.app.change_graph import ChangeGraph
from identity.app.matching.apply_matches import ApplyMatches
from identity.app.matching.found import Found, from_parts, to_parts
from identity.app.matching.read_rows import MatchInput
from identity.app.matching.runs import CancelRun
from identity.app.policies import PolicyBook
from identity.app.publish_persons import PublishPersons
from identity.domain.evidence import LinkKind
from identity.domain.matching.clustering import ScoredPair
from identity.main import Wiring
from identity.standards.load import load_standards
from identity.store.matching.ports import Matched, MatchRows
from identity.store.matching.rows import ModelRow, RunKind, RunRow, RunState
from identity.store.ports import Stores
from identity.store.sql import open_stores
from identity.workers.match_runs import MatchRuns
from linking_world import MATCHES, POLICY, RECORDS, Said
from match_specification import BANDS, SPECIFICATION
from policy_tenants import SameHashes, Tenant
from servicekit.clock import ManualClock

RUN = RunRow(1, "r", RunKind.MATCH, 1)
PEOPLE = 12
SAID = [Said((("member_id", n), ("phone", n)), LinkKind.LOGIN, 1, False) for n in range(PEOPLE)]


def applying(secret: bytes, clock: ManualClock, pairs: int) -> ApplyMatches:
    vault, encoding, policies = SameHashes(secret), ProtoEncoding(), PolicyBook(POLICY)
    publish = PublishPersons(load_standards().attributes, vault, encoding)
    return ApplyMatches(ChangeGraph(policies, publish, encoding), clock, pairs, pairs)


def found_of(tenant: Tenant, matches: Any) -> Found:
    """Pairs of names as a run finds them among the tenant's keys; the later of repeated pairs counts."""
    ids = {name: row.key_id for name, row in tenant.rows().items()}
    links = {
        (min(ids[a], ids[b]), max(ids[a], ids[b])): score for a, b, score in matches if a in ids and b in ids
    }
    groups = {key_id: min(pair) for pair in links for key_id in pair}
    return Found(links, {}, {}, groups, {})


def probable(tenant: Tenant) -> set[tuple[Any, ...]]:
    """The stored pairs by name, with their score, run and model."""
    name_of = {row.key_id: name for name, row in tenant.rows().items()}
    rows = tenant.write(lambda stores: stores.probable_links.all(tenant.name))
    return {(frozenset((name_of[row.low], name_of[row.high])), *row[2:]) for row in rows}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(RECORDS, MATCHES, MATCHES)
def test_portions_are_as_all_at_once(
    wiring: Wiring, secret: bytes, clock: ManualClock, records: list[Said], first: Any, second: Any
) -> None:
    outcomes = []
    for pairs in (1, 1_000):
        tenant = Tenant(wiring.database, secret, clock)
        tenant.send(list(enumerate(records)))
        apply = applying(secret, clock, pairs)
        for number, matches in enumerate((first, second), 1):
            run, found = RUN._replace(run_id=number), found_of(tenant, matches)
            for portion in tenant.write(lambda s: apply.link_portions(s, tenant.name, run, found)):  # noqa: B023
                tenant.write(lambda s: apply.store_links(s, tenant.name, run, portion))  # noqa: B023
            assert not tenant.write(lambda s: apply.link_portions(s, tenant.name, run, found))  # noqa: B023
        outcomes.append((tenant.state(), probable(tenant)))
    assert outcomes[0] == outcomes[1]


class Engine:
    """A Matcher that pairs each row with the next, and may be asked once."""

    def __init__(self) -> None:
        self.asked = 0

    async def match(self, rows: MatchRows, *_: Any) -> Matched:
        self.asked += 1
        links = [ScoredPair(n, n + 1, 9.0) for n in range(0, PEOPLE, 2)]
        return Matched(links, (), {}, {n: n - n % 2 for n in range(PEOPLE)}, {}, 6, 0.0)


class Dying(Transactions):
    """Breaks off, as a process does that ends, after so many portions of links."""

    portions = -1
    then: Callable[[], Any] | None = None

    async def write(self, use_case: Any, *args: Any, **kwargs: Any) -> Any:
        done = await super().write(use_case, *args, **kwargs)
        if getattr(use_case, "__name__", "") == "_store_links":
            self.portions -= 1
            if self.portions == 0:
                if self.then is None:
                    raise asyncio.CancelledError
                await self.then()
        return done


async def started(
    wiring: Wiring, secret: bytes, clock: ManualClock
) -> tuple[Tenant, Dying, Engine, MatchRuns]:
    """A tenant of twelve people with a waiting run that pairs them up, three portions of two pairs."""
    tenant = Tenant(wiring.database, secret, clock)
    await asyncio.to_thread(tenant.send, list(enumerate(SAID)))
    ids = {name: row.key_id for name, row in tenant.rows().items()}
    keys = [ids["phone", n] for n in range(PEOPLE)]
    transactions = Dying(wiring.database, lambda c: open_stores(c, wiring.changelog))
    engine: Any = Engine()
    read: Any = lambda *_: MatchInput(keys, MatchRows((), (), {}))  # noqa: E731
    apply = applying(secret, clock, 2)
    runs = MatchRuns(transactions, PolicyBook(POLICY), read, engine, apply, clock)

    def add(stores: Stores) -> None:
        stores.tenants.lock(tenant.name, stores.changes.head().epoch)
        model = ModelRow(1, "m", "a", "", 0, SPECIFICATION, BANDS, settings="{}")
        stores.matching.models.add(tenant.name, model)
        stores.matching.runs.add(tenant.name, RUN)

    await transactions.write(add)
    return tenant, transactions, engine, runs


async def test_a_run_that_is_broken_off_goes_on_where_it_stopped(
    wiring: Wiring, secret: bytes, clock: ManualClock
) -> None:
    tenant, transactions, engine, runs = await started(wiring, secret, clock)
    transactions.portions = 2
    with pytest.raises(asyncio.CancelledError):
        await runs.step()
    assert len(probable(tenant)) == 4
    again = asyncio.ensure_future(runs.run())
    row = await ended(transactions, tenant)
    again.cancel()
    assert (row.state, engine.asked) == (RunState.SUCCEEDED, 1)
    assert len(probable(tenant)) == 6
    outcome = json.loads(row.outcome)
    assert (outcome["links"], outcome["clusters"], outcome["candidates"]) == (6, 6, 6)
    assert tenant.write(lambda s: s.matching.found.parts(tenant.name, 1)) == []
    clusters = tenant.write(lambda s: s.matching.keys.clusters(tenant.name))
    assert sorted(clusters.values()) == sorted([*range(1, 7), *range(1, 7)])


async def test_a_run_that_is_asked_to_stop_keeps_what_is_stored(
    wiring: Wiring, secret: bytes, clock: ManualClock
) -> None:
    tenant, transactions, engine, runs = await started(wiring, secret, clock)
    transactions.portions = 1
    transactions.then = lambda: Transactions.write(transactions, CancelRun(), tenant.name, 1)
    assert await runs.step()
    row = await ended(transactions, tenant)
    assert row.state is RunState.CANCELLED
    assert len(probable(tenant)) == 2
    assert tenant.write(lambda s: s.matching.found.parts(tenant.name, 1)) == []
    assert engine.asked == 1


async def ended(transactions: Transactions, tenant: Tenant) -> RunRow:
    for _ in range(400):
        row = await transactions.read(lambda stores: stores.matching.runs.get(tenant.name, 1))
        assert row is not None
        if row.end_us:
            return row
        await asyncio.sleep(0.05)
    raise AssertionError("the run did not end")


def test_what_was_found_is_kept_whole() -> None:
    found = Found(
        {(1, 2): 9}, {(3, 4): -5}, {(3, 4): '[["name", 1, 2.5]]'}, {1: 1, 2: 1}, {(5, 6): 7}, {"rows": 6}
    )
    assert from_parts(to_parts(found)) == found
