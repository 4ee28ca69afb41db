"""What every adapter of the ports of linking does, on SQLite and Postgres."""

from collections.abc import Callable

from identity.domain.groups import Reason
from identity.domain.linking import Conflict, ProbableLink
from identity.domain.verdicts import Operation, OperationKind
from identity.main import Wiring
from identity.store.linking_rows import (
    Cause,
    CauseKind,
    ConflictRow,
    MergeKind,
    MergeRow,
    OperationRow,
    ProbableRow,
    StoredPolicy,
)
from identity.store.ports import Stores
from identity.store.sql import open_stores


def in_stores(wiring: Wiring, work: Callable[[Stores], object]) -> object:
    return wiring.database.write_now(lambda connection: work(open_stores(connection, wiring.changelog)))


def test_the_latest_policy_is_in_force_and_every_version_is_kept(wiring: Wiring) -> None:
    one, two = (StoredPolicy(version, f"v{version}", "ann", "why", 5) for version in (1, 2))

    def work(stores: Stores) -> None:
        assert stores.policies.in_force("t") == 0
        stores.tenants.lock("t", "e")
        stores.policies.put("t", one)
        stores.policies.put("t", two)
        assert (stores.policies.in_force("t"), stores.tenants.lock("t", "e").policy_version) == (2, 2)
        assert stores.policies.all("t") == [two, one]
        assert stores.policies.get("t", 1) == one
        assert stores.policies.get("u", 1) is None

    in_stores(wiring, work)


def test_operations_are_found_by_their_keys_until_they_are_undone(wiring: Wiring) -> None:
    split = Operation(1, OperationKind.SPLIT, (frozenset({1, 2}), frozenset({3})))
    bind = Operation(2, OperationKind.BIND, (frozenset({3}), frozenset({4})))

    def work(stores: Stores) -> None:
        for operation in (split, bind):
            assert stores.operations.next_id("t") == operation.operation_id
            stores.operations.add("t", OperationRow(operation, "ann", "why", 5))
        assert stores.operations.standing("t", [3]) == [split, bind]
        assert stores.operations.standing("t", [2, 9]) == [split]
        assert stores.operations.standing("u", [3]) == []
        stores.operations.set_undone("t", 1, 3)
        assert stores.operations.standing("t", [3]) == [bind]
        assert stores.operations.get("t", 1) == OperationRow(split, "ann", "why", 5, 3)
        assert [row.operation for row in stores.operations.page("t", 0, 1)] == [bind]
        assert [row.operation for row in stores.operations.page("t", 2, 9)] == [split]

    in_stores(wiring, work)


def test_a_matching_run_replaces_the_one_before(wiring: Wiring) -> None:
    def work(stores: Stores) -> None:
        stores.probable_links.replace("t", [ProbableRow(1, 2, 7, "r1", "m1")])
        stores.probable_links.replace(
            "t", [ProbableRow(2, 5, 9, "r2", "m1"), ProbableRow(2, 3, 8, "r2", "m1")]
        )
        assert stores.probable_links.of_keys("t", [2, 3]) == [ProbableLink(2, 3, 8), ProbableLink(2, 5, 9)]
        assert stores.probable_links.of_keys("t", [1]) == []
        assert [row.score for row in stores.probable_links.all("t")] == [8, 9]
        assert stores.probable_links.all("u") == []
        stores.probable_links.remove("t", [(2, 3), (4, 9)])
        stores.probable_links.add("t", [ProbableRow(2, 4, 3, "r2", "m1")])
        assert [row[:3] for row in stores.probable_links.all("t")] == [(2, 4, 3), (2, 5, 9)]

    in_stores(wiring, work)


def test_conflicts_keep_their_first_time_and_are_found_from_both_sides(wiring: Wiring) -> None:
    rows = [ConflictRow(Conflict(1, 2, Reason.SHARED), 5), ConflictRow(Conflict(2, 3, Reason.UNIQUE), 6)]

    def work(stores: Stores) -> None:
        stores.conflicts.add("t", rows)
        stores.conflicts.add("t", [rows[0]._replace(first_us=9)])
        assert stores.conflicts.of_keys("t", [2]) == rows
        assert stores.conflicts.of_keys("t", [2], 1) == rows[:1]
        assert stores.conflicts.page("t", None, 9) == rows
        assert stores.conflicts.page("t", rows[0].conflict, 9) == rows[1:]
        stores.conflicts.remove("t", [rows[0].conflict])
        assert stores.conflicts.of_keys("t", [1, 2, 3]) == rows[1:]
        assert stores.conflicts.of_keys("u", [1, 2, 3]) == []

    in_stores(wiring, work)


def test_the_merge_history_is_numbered_and_read_from_its_end(wiring: Wiring) -> None:
    cause = Cause(CauseKind.RECORD, "r1", "shop")
    steps = [
        MergeRow(0, 5, MergeKind.MERGED, 1, 2, (3, 4), cause),
        MergeRow(0, 5, MergeKind.SPLIT, 1, 7, (4,), Cause(CauseKind.OPERATION, "9")),
    ]

    def work(stores: Stores) -> None:
        stores.merges.add("t", steps[:1])
        stores.merges.add("t", steps[1:])
        found = stores.merges.page("t", [], 0, 9)
        assert [row.sequence for row in found] == [2, 1]
        assert (found[1].moved_key_ids, found[1].cause) == ((3, 4), cause)
        assert [row.sequence for row in stores.merges.page("t", [7], 0, 9)] == [2]
        assert [row.sequence for row in stores.merges.page("t", [1], 2, 9)] == [1]
        assert stores.merges.page("u", [1], 0, 9) == []

    in_stores(wiring, work)
