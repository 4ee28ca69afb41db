"""A run as the contract tells it: reasons that stay, words, causes and costs."""

import pytest
from huaxiang.tagging.v1 import run_service_pb2 as pb
from huaxiang.tagging.v1 import value_service_pb2 as values
from tagging.api.render_tags import run_message
from tagging.app.put_values import RefusalReason
from tagging.app.value_changes import ValueChangeKind
from tagging.domain.run_failures import OVERFLOW, FailureReason
from tagging.domain.schedule import Cause
from tagging.store.tag_ports import Cost, Run, RunState


def test_a_run_says_why_it_started_what_failed_and_what_it_cost() -> None:
    run = Run(
        "r1",
        1,
        "q1",
        ("a", "b"),
        state=RunState.FAILED,
        started_ms=1_000,
        ended_ms=4_500,
        tag_count=2,
        coverage={"a": 7},
        failures={"b": OVERFLOW},
        cause=Cause.SCHEDULE,
        because="daily 02:30, due 2026-03-10T18:30:00+00:00",
        cpu_ms=900,
        rows_read=50,
        costs={"a": Cost(12, 30)},
        everybody=True,
        person_counts={"a": 9},
    )
    message = run_message(run, "token")
    assert message.failure_reasons == {"b": pb.RUN_FAILURE_REASON_NUMBER_OVERFLOW}
    assert message.failures == {"b": OVERFLOW.detail}
    assert (message.cause, message.because) == (pb.RUN_CAUSE_SCHEDULE, run.because)
    assert message.cost == pb.RunCost(wall_ms=3_500, cpu_ms=900, rows_read=50)
    assert message.tag_costs == {"a": pb.RunCost(wall_ms=12, rows_read=30)}
    assert (message.everybody, message.person_counts) == (True, {"a": 9})


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_its_number(cause: Cause) -> None:
    message = run_message(Run("r1", 1, "q1", (), cause=cause), "")
    assert pb.RunCause.Name(message.cause) == f"RUN_CAUSE_{cause.name}"


def test_numbers_are_those_of_the_contract() -> None:
    assert {f"RUN_FAILURE_REASON_{each.name}": int(each) for each in FailureReason} | {
        "RUN_FAILURE_REASON_UNSPECIFIED": 0
    } == dict(pb.RunFailureReason.items())
    assert {f"REFUSED_VALUE_REASON_{each.name}": int(each) for each in RefusalReason} | {
        "REFUSED_VALUE_REASON_UNSPECIFIED": 0
    } == dict(values.RefusedValueReason.items())
    assert {f"VALUE_CHANGE_KIND_{each.name}": int(each) for each in ValueChangeKind} | {
        "VALUE_CHANGE_KIND_UNSPECIFIED": 0
    } == dict(values.ValueChangeKind.items())
