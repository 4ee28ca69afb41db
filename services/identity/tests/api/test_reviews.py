"""What humans say of pairs that a model could not decide: its effect, its audit, its label, and the way back. The
engine has no part in it: the tasks are put into the store.
"""

from huaxiang.identity.v1 import audit_service_pb2, audit_service_pb2_grpc, match_service_pb2_grpc
from huaxiang.identity.v1 import match_service_pb2 as pb
from identity.main import Wiring
from identity.store.matching.rows import LabelRow, RunKind, RunRow, TaskRow
from identity.store.ports import Stores
from identity.store.sql import open_stores
from identity_desk import Desk
from servicekit.testing.servers import LocalServer

SAME, DIFFERENT = pb.REVIEW_ANSWER_SAME, pb.REVIEW_ANSWER_DIFFERENT


async def asked(server: LocalServer, wiring: Wiring) -> tuple[Desk, int, int]:
    """Two persons and a task about them."""
    desk = Desk(server)
    one, other = await desk.say(taobao_id="T1"), await desk.say(crm_id="C1")

    def ask(stores: Stores) -> None:
        keys = stores.keys.of_persons("t1", [one, other])
        low, high = sorted(row.key_id for rows in keys.values() for row in rows)
        stores.matching.tasks.replace("t1", [TaskRow(0, 1, low, high, 20_000, "[]")])

    wiring.database.write_now(lambda c: ask(open_stores(c, wiring.changelog)))
    return desk, one, other


def stub_of(server: LocalServer) -> match_service_pb2_grpc.MatchServiceStub:
    return match_service_pb2_grpc.MatchServiceStub(server.connect("admin"))


async def the_task(server: LocalServer) -> int:
    (task,) = (await stub_of(server).ListReviewTasks(pb.ListReviewTasksRequest())).tasks
    return int(task.task_id)


def labels(wiring: Wiring) -> list[LabelRow]:
    return wiring.database.read_now(
        lambda c: list(open_stores(c, wiring.changelog).matching.tasks.labels("t1"))
    )


async def test_a_validated_decision_tells_its_effect_and_changes_nothing(
    server: LocalServer, wiring: Wiring
) -> None:
    desk, one, other = await asked(server, wiring)
    request = pb.DecideReviewTaskRequest(task_id=await the_task(server), answer=SAME, validate_only=True)
    told = await stub_of(server).DecideReviewTask(request)
    assert (told.operation_id, told.HasField("revision")) == (0, False)
    assert (told.effect.persons_changed, told.effect.persons_redirected) == (2, 1)
    assert (await desk.person(other)).person.person.person_id != (
        await desk.person(one)
    ).person.person.person_id
    assert await the_task(server)
    assert not labels(wiring)
    request.validate_only = False
    done = await stub_of(server).DecideReviewTask(request)
    assert done.effect == told.effect
    assert done.changed_person_ids == told.changed_person_ids


async def test_a_decision_is_audited(server: LocalServer, wiring: Wiring) -> None:
    _, one, other = await asked(server, wiring)
    task_id = await the_task(server)
    for _ in range(2):
        request = pb.DecideReviewTaskRequest(task_id=task_id, answer=DIFFERENT, reason="called both")
        await stub_of(server).DecideReviewTask(request)
    audit = audit_service_pb2_grpc.AuditServiceStub(server.connect("admin"))
    (entry,) = (await audit.ListAudit(audit_service_pb2.ListAuditRequest())).entries
    assert (entry.action, entry.reason) == ("operation_reject_match", "called both")
    assert sorted(entry.person_ids) == sorted([one, other])


async def test_an_undone_decision_labels_nothing_until_the_undo_is_undone(
    server: LocalServer, wiring: Wiring
) -> None:
    desk, _, _ = await asked(server, wiring)
    request = pb.DecideReviewTaskRequest(task_id=await the_task(server), answer=SAME)
    decided = await stub_of(server).DecideReviewTask(request)
    assert [label.same for label in labels(wiring)] == [True]
    undone = await desk.undo(decided.operation_id)
    assert not labels(wiring)
    await desk.undo(undone.outcome.operation.operation_id)
    assert [label.same for label in labels(wiring)] == [True]


async def test_runs_are_listed_by_page_the_latest_first(server: LocalServer, wiring: Wiring) -> None:
    def add(stores: Stores) -> None:
        for run_id in (1, 2, 3):
            stores.matching.runs.add("t1", RunRow(run_id, f"r{run_id}", RunKind.TRAIN, 1))
        stores.matching.runs.add("t2", RunRow(4, "another tenant's", RunKind.TRAIN, 1))

    wiring.database.write_now(lambda c: add(open_stores(c, wiring.changelog)))
    request, found = pb.ListMatchRunsRequest(page_size=2), []
    while True:
        page = await stub_of(server).ListMatchRuns(request)
        found.append([run.run_id for run in page.runs])
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert found == [[3, 2], [1]]
