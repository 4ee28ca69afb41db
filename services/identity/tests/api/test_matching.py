"""MatchService over a real channel and the real engine: train, match, replace, review, evaluate, cancel."""

import asyncio
import random

import grpc
import pytest
from customers import Customer, people, rewritten
from huaxiang.identity.v1 import (
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    match_pb2,
    match_service_pb2_grpc,
    person_service_pb2,
    person_service_pb2_grpc,
    record_pb2,
)
from huaxiang.identity.v1 import match_service_pb2 as pb
from huaxiang.type.v1 import value_pb2
from identity.main import Wiring
from identity_records import identifiers, record, text
from servicekit.status import reason_of
from servicekit.testing.servers import LocalServer
from servicekit.values import days_of

pytest.importorskip("splink", reason="matching is an extra")

PEOPLE = 150
ASK_ALWAYS = match_pb2.MatchBands(
    auto_weight=100, review_weight=0, mean_weight=0, absent_weight=-5, max_rows=20
)


def stub_of(server: LocalServer, role: str = "admin") -> match_service_pb2_grpc.MatchServiceStub:
    return match_service_pb2_grpc.MatchServiceStub(server.connect(role))


def attributes(customer: Customer) -> dict[str, value_pb2.Value]:
    return {
        "name": text(customer.name),
        "gender": text(customer.gender),
        "birth_date": value_pb2.Value(date_value=days_of(customer.birth_date)),
        "address": text(customer.address),
    }


def records() -> list[record_pb2.Record]:
    """Each person at the shop and in the crm, with nothing in common but what is compared."""
    draw = random.Random(5)
    made: list[record_pb2.Record] = []
    for number, customer in enumerate(people(PEOPLE, 4)):
        made.append(
            record(f"s{number}", identifiers(taobao_id=f"T{number}"), attributes=attributes(customer))
        )
        made.append(
            record(
                f"c{number}",
                identifiers(crm_id=f"C{number}"),
                source="crm",
                attributes=attributes(rewritten(customer, draw)),
            )
        )
    return made


async def send(server: LocalServer, sent: list[record_pb2.Record]) -> None:
    stub = ingest_service_pb2_grpc.IngestServiceStub(server.connect("source"))
    answer = await stub.IngestEvents(ingest_service_pb2.IngestEventsRequest(records=sent))
    assert {result.status for result in answer.results} == {ingest_service_pb2.INGEST_STATUS_ACCEPTED}


async def persons(server: LocalServer) -> list[tuple[int, int]]:
    """The persons of each customer: at the shop, in the crm."""
    stub = person_service_pb2_grpc.PersonServiceStub(server.connect("admin"))
    found: list[list[int]] = []
    for source, namespace, prefix in (("shop", "taobao_id", "T"), ("crm", "crm_id", "C")):
        asked = [
            identifier
            for number in range(PEOPLE)
            for identifier in identifiers(**{namespace: f"{prefix}{number}"})
        ]
        answer = await stub.ResolveIdentifiers(
            person_service_pb2.ResolveIdentifiersRequest(identifiers=asked, source=source)
        )
        found.append([result.person_id for result in answer.results])
    return list(zip(*found, strict=True))


async def trained(
    server: LocalServer, wiring: Wiring, name: str, bands: match_pb2.MatchBands | None = None
) -> int:
    stub = stub_of(server)
    made = await stub.CreateModel(pb.CreateModelRequest(request_id=name, bands=bands))
    version = made.model.version
    run = (await stub.TrainModel(pb.TrainModelRequest(request_id=f"{name}-t", model_version=version))).run
    assert await wiring.match_runs.step()
    done = (await stub.GetMatchRun(pb.GetMatchRunRequest(run_id=run.run_id))).run
    assert (done.state, done.failure) == (match_pb2.MATCH_RUN_STATE_SUCCEEDED, "")
    return version


async def matched(server: LocalServer, wiring: Wiring, name: str, version: int) -> match_pb2.MatchRun:
    stub = stub_of(server)
    run = (await stub.RunMatching(pb.RunMatchingRequest(request_id=name, model_version=version))).run
    assert await wiring.match_runs.step()
    done = (await stub.GetMatchRun(pb.GetMatchRunRequest(run_id=run.run_id))).run
    assert (done.state, done.failure) == (match_pb2.MATCH_RUN_STATE_SUCCEEDED, "")
    return done


async def test_matching_links_asks_learns_and_can_be_replaced(server: LocalServer, wiring: Wiring) -> None:
    await send(server, records())
    assert all(shop != crm for shop, crm in await persons(server))
    stub = stub_of(server)

    version = await trained(server, wiring, "first")
    model = (await stub.ListModels(pb.ListModelsRequest())).models[0]
    assert (model.version, model.trained, model.rows, len(model.data_hash)) == (version, True, 2 * PEOPLE, 32)
    run = await matched(server, wiring, "m1", version)
    found = await persons(server)
    right = sum(shop == crm for shop, crm in found)
    assert right >= PEOPLE * 0.9
    assert run.links >= right
    assert run.changed_persons >= right
    assert sum(run.cluster_sizes.values()) == run.clusters
    assert max(run.cluster_sizes, key=run.cluster_sizes.__getitem__) == 2
    crm_persons = [crm for _, crm in found]
    assert len(set(crm_persons)) == PEOPLE, "a unique namespace holds whatever the model says"

    again = await matched(server, wiring, "m2", version)
    assert (again.links, again.changed_persons) == (run.links, 0)
    assert await persons(server) == found

    asking = await trained(server, wiring, "second", ASK_ALWAYS)
    run = await matched(server, wiring, "m3", asking)
    assert run.links == 0
    assert all(shop != crm for shop, crm in await persons(server)), "what a run found goes with the next"
    tasks = (await stub.ListReviewTasks(pb.ListReviewTasksRequest(page_size=30))).tasks
    assert len(tasks) == 30
    assert [task.weight for task in tasks] == sorted((task.weight for task in tasks), reverse=True)
    for task in tasks:
        assert sum(field.weight for field in task.fields) == pytest.approx(task.weight, abs=1e-3)
    await decide_some(server, wiring, asking, list(tasks))


async def decide_some(
    server: LocalServer, wiring: Wiring, version: int, tasks: list[match_pb2.ReviewTask]
) -> None:
    stub = stub_of(server)
    same, different = tasks[0], tasks[1]
    yes = pb.DecideReviewTaskRequest(task_id=same.task_id, answer=pb.REVIEW_ANSWER_SAME, reason="called")
    decided = await stub.DecideReviewTask(yes)
    assert {same.low_person_id, same.high_person_id} <= set(decided.changed_person_ids)
    assert (await stub.DecideReviewTask(yes)).operation_id == decided.operation_id
    no = pb.DecideReviewTaskRequest(task_id=same.task_id, answer=pb.REVIEW_ANSWER_DIFFERENT)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.DecideReviewTask(no)
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    await stub.DecideReviewTask(
        pb.DecideReviewTaskRequest(task_id=different.task_id, answer=pb.REVIEW_ANSWER_DIFFERENT)
    )
    for task in tasks[2:]:
        answer = pb.DecideReviewTaskRequest(task_id=task.task_id, answer=pb.REVIEW_ANSWER_SAME)
        await stub.DecideReviewTask(answer)
    judged = await stub.EvaluateModel(
        pb.EvaluateModelRequest(model_version=version, weights=[0.0], wanted_precision=0.5)
    )
    assert judged.labels == len(tasks)
    precision = judged.thresholds[0].precision
    assert (precision.value, precision.total) == (29 / 30, 30)
    assert 0.8 < precision.low < precision.value < precision.high < 1.0
    assert judged.suggested_auto_weight == tasks[-1].weight

    await matched(server, wiring, "m4", 1)
    together = {shop for shop, crm in await persons(server) if shop == crm}
    left = {task.task_id for task in (await stub.ListReviewTasks(pb.ListReviewTasksRequest())).tasks}
    assert left.isdisjoint(task.task_id for task in tasks)
    person = person_service_pb2_grpc.PersonServiceStub(server.connect("admin"))
    sides = [
        (await person.GetPerson(person_service_pb2.GetPersonRequest(person_id=id_))).person.person.person_id
        for id_ in (different.low_person_id, different.high_person_id)
    ]
    assert sides[0] != sides[1], "no model unites what a human parted"
    assert len(together) >= PEOPLE * 0.8


async def test_a_run_that_waits_is_cancelled_at_once(server: LocalServer, wiring: Wiring) -> None:
    stub = stub_of(server)
    version = (await stub.CreateModel(pb.CreateModelRequest(request_id="m"))).model.version
    request = pb.TrainModelRequest(request_id="t", model_version=version)
    run = (await stub.TrainModel(request)).run
    assert (await stub.TrainModel(request)).run == run
    for _ in range(2):
        answer = await stub.CancelMatchRun(pb.CancelMatchRunRequest(run_id=run.run_id))
        assert answer.run.state == match_pb2.MATCH_RUN_STATE_CANCELLED
    assert not await wiring.match_runs.step()


async def test_a_run_under_way_is_cancelled_and_changes_nothing(server: LocalServer, wiring: Wiring) -> None:
    await send(server, records())
    stub = stub_of(server)
    version = (await stub.CreateModel(pb.CreateModelRequest(request_id="m"))).model.version
    run = (await stub.TrainModel(pb.TrainModelRequest(request_id="t", model_version=version))).run
    step = asyncio.ensure_future(wiring.match_runs.step())
    while (await stub.GetMatchRun(pb.GetMatchRunRequest(run_id=run.run_id))).run.progress == 0.0:
        assert not step.done()
        await asyncio.sleep(0.05)
    cancelled = await stub.CancelMatchRun(pb.CancelMatchRunRequest(run_id=run.run_id))
    assert cancelled.run.state == match_pb2.MATCH_RUN_STATE_RUNNING
    assert await asyncio.wait_for(step, 20)
    done = (await stub.GetMatchRun(pb.GetMatchRunRequest(run_id=run.run_id))).run
    assert done.state == match_pb2.MATCH_RUN_STATE_CANCELLED
    assert 0.0 < done.progress < 1.0
    assert not (await stub.ListModels(pb.ListModelsRequest())).models[0].trained


async def test_too_few_records_fail_with_a_reason(server: LocalServer, wiring: Wiring) -> None:
    stub = stub_of(server)
    version = (await stub.CreateModel(pb.CreateModelRequest(request_id="m"))).model.version
    run = (await stub.TrainModel(pb.TrainModelRequest(request_id="t", model_version=version))).run
    assert await wiring.match_runs.step()
    done = (await stub.GetMatchRun(pb.GetMatchRunRequest(run_id=run.run_id))).run
    assert done.state == match_pb2.MATCH_RUN_STATE_FAILED
    assert "at least 10 rows" in done.failure


async def test_requests_are_checked(server: LocalServer) -> None:
    stub = stub_of(server)
    version = (await stub.CreateModel(pb.CreateModelRequest(request_id="m"))).model.version
    wrong = [
        (stub.CreateModel(pb.CreateModelRequest()), "INVALID_FIELD"),
        (stub.CreateModel(pb.CreateModelRequest(request_id="x", specification="[1]")), "INVALID_FIELD"),
        (stub.CreateModel(pb.CreateModelRequest(request_id="x", specification="{a: *b}")), "INVALID_FIELD"),
        (
            stub.CreateModel(pb.CreateModelRequest(request_id="x", bands=match_pb2.MatchBands())),
            "INVALID_FIELD",
        ),
        (stub.RunMatching(pb.RunMatchingRequest(request_id="x", model_version=version)), "STATE_CONFLICT"),
        (stub.TrainModel(pb.TrainModelRequest(request_id="x", model_version=99)), "NOT_FOUND"),
        (stub.GetMatchRun(pb.GetMatchRunRequest(run_id=1)), "NOT_FOUND"),
        (stub.DecideReviewTask(pb.DecideReviewTaskRequest(task_id=1)), "INVALID_FIELD"),
        (
            stub.DecideReviewTask(pb.DecideReviewTaskRequest(task_id=1, answer=pb.REVIEW_ANSWER_SAME)),
            "NOT_FOUND",
        ),
        (stub.EvaluateModel(pb.EvaluateModelRequest(model_version=1, wanted_precision=1.0)), "INVALID_FIELD"),
    ]
    for call, reason in wrong:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        told = reason_of(refused.value)
        assert told is not None
        assert told.reason == reason
