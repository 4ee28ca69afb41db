"""A quarantined component is not read again while it only grows, and still equals the full recompute."""

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from identity.app.hot_keys import HotKeys
from identity.domain.evidence import LinkKind
from identity.domain.verdicts import OperationKind
from identity.main import Wiring
from linking_world import DOCUMENT, KEYS, SIDES, Said
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
