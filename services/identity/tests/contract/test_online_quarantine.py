"""A quarantined component is not read again while it only grows, and still equals the full recompute."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from identity.app.hot_keys import HotKeys
from identity.domain.evidence import LinkKind
from identity.domain.groups import Reason
from identity.domain.verdicts import OperationKind
from identity.main import Wiring
from identity.store.sql_evidence import SqlEdges, SqlKeys
from identity.store.sql_linking import SqlConflicts
from linking_world import DOCUMENT, KEYS, SIDES, Name, Said
from online_world import OnlineWorld

SMALL = dict(DOCUMENT, max_component_keys=4)
UNTIMED = dict(
    SMALL,
    namespaces=[
        {word: value for word, value in item.items() if word not in ("validity_days", "person_limit")}
        for item in DOCUMENT["namespaces"]
    ],
)
GROWING = st.lists(
    st.builds(
        Said,
        st.lists(KEYS, min_size=1, max_size=3, unique=True).map(tuple),
        st.sampled_from([LinkKind.CO_OCCURRENCE] * 15 + [LinkKind.UNBIND]),
        st.integers(0, 90),
        st.booleans(),
    ),
    min_size=6,
    max_size=30,
)
DECISIONS = st.lists(
    st.tuples(st.sampled_from([OperationKind.BIND, OperationKind.UNBIND]), SIDES), max_size=2
)


@pytest.mark.parametrize("document", [SMALL, UNTIMED], ids=["timed", "untimed"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(GROWING, DECISIONS, st.randoms(use_true_random=False))
def test_growth_of_what_is_quarantined_equals_the_full_recompute(
    wiring: Wiring,
    secret: bytes,
    document: dict[str, Any],
    records: list[Said],
    decisions: list[Any],
    order: random.Random,
) -> None:
    world = OnlineWorld(wiring, secret, HotKeys(0, 0), document=document)
    at = sorted(order.randrange(len(records)) for _ in decisions)
    for number, said in enumerate(records):
        world.send([said], [number])
        while at and at[0] <= number:
            at.pop(0)
            world.decide(*decisions[len(at)])
        assert world.stored() == world.recomputed()


class RowsRead:
    """Counts what linking reads of a store."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.count = 0
        for store, method in ((SqlEdges, "stars"), (SqlKeys, "rows"), (SqlConflicts, "of_keys")):
            patch.setattr(store, method, self._counting(getattr(store, method)))

    def _counting(self, read: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            found = read(*arguments)
            stars = found.values() if read.__name__ == "stars" else ()
            self.count += len(found) + sum(map(len, stars))
            return found

        return counted


def chain(place: int) -> tuple[Name, ...]:
    return ("device_id", place), ("device_id", place + 1)


def hub(place: int) -> tuple[Name, ...]:
    return ("member_id", 1), ("device_id", place)


@pytest.mark.parametrize("shape", [chain, hub])
def test_a_touch_of_a_large_component_reads_what_one_of_a_small_one_reads(
    wiring: Wiring, secret: bytes, monkeypatch: pytest.MonkeyPatch, shape: Callable[[int], tuple[Name, ...]]
) -> None:
    world = OnlineWorld(wiring, secret, HotKeys(0, 0), document=UNTIMED)
    read: list[int] = []
    for start, end in ((0, 10), (10, 400)):
        records = [Said(shape(place), LinkKind.CO_OCCURRENCE, 0, False) for place in range(start, end)]
        world.send(records, range(start, end))
        with monkeypatch.context() as patch:
            rows = RowsRead(patch)
            said = Said(shape(end), LinkKind.CO_OCCURRENCE, 0, False)
            world.send([said], [1_000 + end])
            read.append(rows.count)
    assert max(read) < 10
    assert world.stored() == world.recomputed()


def test_what_is_parted_again_links_again(wiring: Wiring, secret: bytes) -> None:
    world = OnlineWorld(wiring, secret, HotKeys(), document=UNTIMED)
    whole = [Said(chain(place), LinkKind.CO_OCCURRENCE, 0, False) for place in range(5)]
    world.send(whole, range(5))
    assert len(world.stored()[3]) == 6
    world.send([Said(chain(2), LinkKind.UNBIND, 1, False)], [5])
    assert world.stored() == world.recomputed()
    assert not world.stored()[3]
    assert frozenset({("device_id", place) for place in range(3)}) in world.stored()[0]


def test_a_pair_of_a_shared_and_a_quarantined_key_is_told_of_the_shared_one(
    wiring: Wiring, secret: bytes
) -> None:
    """A later record closes the gap that made the phone's first pairs count no more."""
    phone = ("phone", 3)
    seen = [
        ((phone, ("member_id", 2)), 64, False),
        ((phone, ("member_id", 0), ("member_id", 3)), 58, True),
        ((("crm_id", 2), ("device_id", 3), ("phone", 1)), 56, True),
        ((("phone", 2), ("device_id", 3)), 17, True),
        ((("device_id", 3), phone, ("device_id", 2)), 27, False),
        ((("crm_id", 3), phone, ("email", 1)), 45, True),
    ]
    world = OnlineWorld(wiring, secret, HotKeys(0, 0), document=SMALL)
    for number, (names, day, verified) in enumerate(seen):
        world.send([Said(names, LinkKind.CO_OCCURRENCE, day, verified)], [number])
        assert world.stored() == world.recomputed()
    told = {conflict for conflict in world.stored()[2] if phone in conflict[:2]}
    assert (phone, ("device_id", 2), Reason.SHARED) in told
    assert {reason for *_, reason in told} == {Reason.SHARED}
