"""What every adapter of the ports of matching does, on SQLite and Postgres."""

from collections.abc import Callable
from typing import TypeVar

import pytest
from identity.domain.attributes import AttributeStatement
from identity.main import Wiring
from identity.store.matching.rows import LabelRow, ModelRow, RunKind, RunRow, RunState, TaskRow
from identity.store.ports import Stores
from identity.store.sql import open_stores
from sqlalchemy import Connection

T = TypeVar("T")
Run = Callable[[Callable[[Stores], T]], T]


@pytest.fixture
def run(wiring: Wiring) -> Run[object]:
    """Runs a function in one transaction."""

    def run(work: Callable[[Stores], object]) -> object:
        def on_connection(connection: Connection) -> object:
            return work(open_stores(connection, wiring.changelog))

        return wiring.database.write_now(on_connection)

    return run


def test_models_are_kept_by_version(run: Run[object]) -> None:
    rows = [ModelRow(n, f"q{n}", "key", "", n, "{}", "{}") for n in (1, 2, 3)]
    for row in rows:
        run(lambda s, row=row: s.matching.models.add("t", row))
    taught = rows[1]._replace(engine="e 1", settings="{1}", data_hash="ab", metrics='{"rows": 2}')
    run(lambda s: s.matching.models.save("t", taught))
    assert run(lambda s: s.matching.models.get("t", 2)) == taught
    assert run(lambda s: s.matching.models.get("u", 2)) is None
    assert run(lambda s: s.matching.models.of_request("t", "q3")) == rows[2]
    assert run(lambda s: s.matching.models.of_request("t", "q9")) is None
    assert run(lambda s: s.matching.models.page("t", 0, 2)) == [rows[2], taught]
    assert run(lambda s: s.matching.models.page("t", 2, 2)) == [rows[0]]


def test_runs_wait_in_order_and_start_over(run: Run[object]) -> None:
    first, second = (RunRow(n, f"q{n}", RunKind.MATCH, 1) for n in (1, 2))
    other = RunRow(1, "q1", RunKind.TRAIN, 1)
    assert run(lambda s: s.matching.runs.next_pending()) is None
    for tenant, row in (("t", second), ("u", other), ("t", first)):
        run(lambda s, tenant=tenant, row=row: s.matching.runs.add(tenant, row))
    assert run(lambda s: s.matching.runs.next_pending()) == ("t", first)
    running = first._replace(state=RunState.RUNNING, step="score", done_parts=7, start_us=5, cancelling=True)
    run(lambda s: s.matching.runs.save("t", running))
    assert run(lambda s: s.matching.runs.get("t", 1)) == running
    assert run(lambda s: s.matching.runs.next_pending()) == ("u", other)
    run(lambda s: s.matching.runs.requeue_running())
    assert run(lambda s: s.matching.runs.get("t", 1)) == first._replace(cancelling=True)
    assert run(lambda s: s.matching.runs.of_request("t", "q2")) == second
    assert run(lambda s: s.matching.runs.page("t", 0, 5))[0] == second
    assert run(lambda s: s.matching.runs.page("u", 1, 5)) == []


def test_task_ids_are_never_given_twice(run: Run[object]) -> None:
    tasks = [TaskRow(0, 1, n, n + 10, -5 * n, "[]") for n in (1, 2, 3)]
    run(lambda s: s.matching.tasks.replace("t", tasks))
    assert run(lambda s: s.matching.tasks.page("t", 1, 5)) == [
        tasks[1]._replace(task_id=2),
        tasks[2]._replace(task_id=3),
    ]
    label = LabelRow(3, 13, True, "key", "", 9, 3, 4, 1, -15)
    run(lambda s: s.matching.tasks.add_label("t", label))
    run(lambda s: s.matching.tasks.remove("t", 3))
    assert run(lambda s: s.matching.tasks.get("t", 3)) is None
    assert run(lambda s: s.matching.tasks.label_of_task("t", 3)) == label
    run(lambda s: s.matching.tasks.replace("t", tasks[:1]))
    assert run(lambda s: s.matching.tasks.get("t", 4)) == tasks[0]._replace(task_id=4)
    assert run(lambda s: s.matching.tasks.get("u", 4)) is None


def test_a_pair_has_one_label(run: Run[object]) -> None:
    first = LabelRow(1, 2, True, "key", "", 9, 1, 4, 1, -15)
    again = first._replace(same=False, model_version=2, weight=3)
    for label in (first, LabelRow(1, 3, False, "key", "why", 9, 2, 5, 1, 0), again):
        run(lambda s, label=label: s.matching.tasks.add_label("t", label))
    labels = run(lambda s: s.matching.tasks.labels("t"))
    assert [(label.low, label.high, label.same) for label in labels] == [(1, 2, False), (1, 3, False)]
    assert labels[0] == again


def test_statements_come_key_by_key(run: Run[object]) -> None:
    said = [AttributeStatement(name, "crm", 1, name.encode()) for name in ("city", "name", "nickname")]
    run(lambda s: s.attributes.save("t", [(key_id, one) for key_id in (3, 1, 2) for one in said]))
    page = run(lambda s: s.matching.keys.statements("t", {"name", "city"}, 1, 1))
    assert page == {2: said[:2]}
    assert set(run(lambda s: s.matching.keys.statements("t", {"name"}, 0, 9))) == {1, 2, 3}
    assert run(lambda s: s.matching.keys.statements("t", {"name"}, 3, 9)) == {}


def test_clusters_are_replaced(run: Run[object]) -> None:
    run(lambda s: s.matching.keys.put_clusters("t", {1: 5, 2: 5}))
    assert run(lambda s: s.matching.keys.clusters("t", {2, 9})) == {2: 5}
    run(lambda s: s.matching.keys.put_clusters("t", {1: 0, 2: 6}))
    assert run(lambda s: s.matching.keys.clusters("t")) == {2: 6}
    assert run(lambda s: s.matching.keys.clusters("u")) == {}


def test_what_a_run_found_waits_in_order(run: Run[object]) -> None:
    assert run(lambda s: s.matching.found.parts("t", 1)) == []
    run(lambda s: s.matching.found.put("t", 1, ["a", "b"]))
    run(lambda s: s.matching.found.put("u", 1, ["z"]))
    assert run(lambda s: s.matching.found.parts("t", 1)) == ["a", "b"]
    run(lambda s: s.matching.found.put("t", 2, ["c"]))
    assert run(lambda s: s.matching.found.parts("t", 1)) == []
    run(lambda s: s.matching.found.remove("t", 2))
    assert run(lambda s: s.matching.found.parts("t", 2)) == []
    assert run(lambda s: s.matching.found.parts("u", 1)) == ["z"]
