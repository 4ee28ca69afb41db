"""The memory of keys and pairs: bounded over all tenants, and never trusted twice for one fact."""

from collections.abc import Collection
from datetime import UTC, datetime

from identity.app.hot_keys import HotKeys, Learned
from identity.app.keyed_records import key_record
from identity.app.keying import find_keys
from identity.domain.evidence import Evidence, LinkKind, sighting
from identity.domain.record import Identifier, Record
from identity.standards.load import load_standards
from identity.store.ports import Edges, Keys, Pair
from identity.store.vault import KeyVault

TIME_US = int(datetime(2026, 5, 1, tzinfo=UTC).timestamp() * 1_000_000)
SEEN = sighting(LinkKind.CO_OCCURRENCE, TIME_US, False, "shop")
VAULT, POLICY = KeyVault(bytes(range(32))), load_standards().policy


def learned(tenant: str, number: int) -> Learned:
    return Learned(tenant, {bytes([number]): number}, {(number, number + 1): SEEN})


def test_memory_is_bounded_over_all_tenants() -> None:
    hot = HotKeys(max_keys=3, max_pairs=2)
    for number in range(10):
        hot.learn(learned(f"t{number}", number))
    kept = [number for number in range(10) if hot.keys(f"t{number}", [bytes([number])])]
    pairs = [number for number in range(10) if hot.pairs(f"t{number}", [(number, number + 1)])]
    assert (kept, pairs) == ([7, 8, 9], [8, 9])


def test_a_tenant_is_not_told_of_anothers_keys() -> None:
    hot = HotKeys()
    hot.learn(learned("t1", 1))
    assert hot.keys("t1", [b"\1"]) == {b"\1": 1}
    assert hot.keys("t2", [b"\1"]) == {}
    assert hot.pairs("t2", [(1, 2)]) == {}


def test_what_is_forgotten_while_a_batch_is_keyed_stays_known_to_it() -> None:
    """Another batch commits, and learns, while this one asks the store."""
    hot = HotKeys(max_keys=3, max_pairs=1)
    identifiers = tuple(Identifier("member_id", "", f"M{number}") for number in (1, 2, 3))
    one, two, three = (VAULT.identifier_hash("t1", identifier) for identifier in identifiers)
    hot.learn(Learned("t1", {one: 1, two: 2, three: 3}, {(1, 2): SEEN}))

    class ForgettingEdges:
        def between(self, tenant: str, pairs: Collection[Pair]) -> dict[Pair, Evidence]:
            assert set(pairs) == {(1, 3), (2, 3)}
            hot.learn(Learned("t2", {}, {(8, 9): SEEN}))
            return {(1, 3): SEEN}

    class NoKeys:
        def find(self, tenant: str, hashes: Collection[bytes]) -> dict[bytes, int]:
            assert not hashes
            return {}

    stated = Record("shop", "r1", b"", TIME_US, "", identifiers, None, (), (), ())
    keys: Keys = NoKeys()  # type: ignore[assignment]  # the one method that is called
    edges: Edges = ForgettingEdges()  # type: ignore[assignment]
    found = find_keys("t1", [key_record(stated, "t1", VAULT, POLICY)], keys, edges, hot, 4)
    assert hot.pairs("t1", [(1, 2)]) == {}
    assert list(found.changed) == [(2, 3)]
