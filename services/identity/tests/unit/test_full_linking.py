"""Linking over columns answers what the referee answers, key by key and conflict by conflict."""

from collections import defaultdict
from collections.abc import Mapping
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from identity.domain.evidence import Evidence
from identity.domain.full_columns import KeyColumns, PairColumns
from identity.domain.full_linking import link_all
from identity.domain.groups import LinkKey
from identity.domain.linking import Standing
from identity.domain.partition import find_quarantined, is_live, partition
from linking_world import KEYS, MATCHES, POLICY, RECORDS, VERDICTS, Name, Said, world


@pytest.fixture(scope="module", autouse=True)
def _scipy() -> None:
    """Imported before the first example, which would pass its deadline otherwise."""
    import scipy.sparse.csgraph  # noqa: F401


def key_columns(keys: Mapping[int, LinkKey]) -> KeyColumns:
    listed = [keys[key_id] for key_id in sorted(keys)]
    places = sorted({(key.namespace, key.scope) for key in listed})
    return KeyColumns(
        np.array([key.key_id for key in listed], dtype=np.int64),
        np.array([places.index((key.namespace, key.scope)) for key in listed], dtype=np.int32),
        places,
        np.array([np.void(key.hash) for key in listed], dtype="V16"),
        np.array([key.blocked for key in listed], dtype=bool),
    )


def pair_columns(keys: KeyColumns, evidence: Mapping[int, Mapping[int, Evidence]]) -> PairColumns:
    at = {key_id: position for position, key_id in enumerate(keys.key_ids.tolist())}
    pairs = [
        (at[low], at[high], seen)
        for low, star in sorted(evidence.items())
        for high, seen in star.items()
        if low < high
    ]
    return PairColumns(
        np.array([low for low, _, _ in pairs], dtype=np.int32),
        np.array([high for _, high, _ in pairs], dtype=np.int32),
        np.array([seen.first_us for _, _, seen in pairs], dtype=np.int64),
        np.array([seen.last_us for _, _, seen in pairs], dtype=np.int64),
        np.array([seen.unbound_us for _, _, seen in pairs], dtype=np.int64),
        np.array([seen.verified for _, _, seen in pairs], dtype=np.int8),
    )


@given(RECORDS, VERDICTS, MATCHES, st.frozensets(KEYS, max_size=2))
def test_it_answers_what_the_referee_answers(
    records: list[Said], verdicts: Any, matches: Any, blocked: frozenset[Name]
) -> None:
    made = world(records, verdicts, matches, Random(0))
    blocked_ids = {made.ids[name] for name in blocked & made.ids.keys()}
    known = {key_id: key._replace(blocked=key_id in blocked_ids) for key_id, key in made.keys.items()}
    expected = partition(known, made.evidence, POLICY, made.verdicts, made.probable)
    keys = key_columns(known)
    found = link_all(keys, pair_columns(keys, made.evidence), POLICY, made.verdicts, made.probable)
    groups: dict[int, set[int]] = defaultdict(set)
    for key_id, smallest in zip(keys.key_ids.tolist(), keys.key_ids[found.group].tolist(), strict=True):
        groups[smallest].add(key_id)
    assert set(expected.groups) == {frozenset(group) for group in groups.values()}
    assert all(smallest == min(group) for smallest, group in groups.items())
    assert found.standing.tolist() == [expected.standing[key_id] for key_id in keys.key_ids.tolist()]
    assert found.conflicts == expected.conflicts
    stars = {
        key_id: {o: seen for o, seen in star.items() if is_live(seen, known[key_id], known[o], POLICY)}
        for key_id, star in made.evidence.items()
    }
    shared = [key_id for key_id, standing in expected.standing.items() if standing is Standing.SHARED]
    assert set(keys.key_ids[found.quarantined].tolist()) == find_quarantined(stars, shared, POLICY)
