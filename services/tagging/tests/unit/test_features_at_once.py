"""Columns computed for callers: each holds a tenant's events in memory, so few are computed at once."""

import asyncio
import datetime as dt
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from huaxiang.tagging.v1 import feature_service_pb2 as pb
from servicekit.clock import ManualClock
from servicekit.principal import Principal
from servicekit.revision import Revision
from tagging.api.feature_servicer import COMPUTED_AT_ONCE, FeatureServicer
from tagging.app.features import Evaluated
from tagging.domain.columns import Coded

NOW = dt.datetime(2026, 3, 10, tzinfo=dt.UTC)
CALLERS = 4 * COMPUTED_AT_ONCE


class Slow:
    """Counts how many compute at once; the first ones go on when no more come."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = self.most = 0

    def __call__(self, *_: object) -> Evaluated:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        threading.Event().wait(0.05)
        with self.lock:
            self.now -= 1
        return Evaluated("feature:x", Coded.empty(), {}, NOW, Revision("tagging", "0" * 16))


async def test_few_columns_are_computed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    principal = Principal("t1", "app", frozenset({"app"}))
    monkeypatch.setattr("tagging.api.feature_servicer.current_principal", lambda: principal)
    slow, unused = Slow(), None

    async def fresh(_: object) -> None: ...

    facts: Any = SimpleNamespace(ensure=fresh)
    clock = ManualClock(NOW)
    servicer = FeatureServicer(unused, facts, unused, slow, clock)  # type: ignore[arg-type]

    async def call() -> int:
        request = pb.EvaluateFeatureRequest(form="COUNT(order_paid)")
        return len([each async for each in servicer.EvaluateFeature(request, None)])  # type: ignore[arg-type]

    assert await asyncio.gather(*(call() for _ in range(CALLERS))) == [1] * CALLERS
    assert slow.most == COMPUTED_AT_ONCE
