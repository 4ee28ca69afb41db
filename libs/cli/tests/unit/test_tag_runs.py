"""What is shown of runs, and what whoever stops waiting for one is told."""

import grpc
import pytest
from cli import output
from cli.calls.awaiting import ended
from cli.commands import tag_runs
from cli.commands.watched_runs import Watched, watching
from cli.exits import Refusal
from huaxiang.tagging.v1 import run_service_pb2 as pb
from rich.console import Console

RUN = pb.Run(
    run_id="0123456789abcdef0123456789abcdef",
    state=pb.RUN_STATE_FAILED,
    cause=pb.RUN_CAUSE_SCHEDULE,
    because="daily 02:30, due 2026-06-30T18:30:00+00:00",
    tag_count=91,
    done_count=90,
    failures={"city": "it is too long"},
    failure_reasons={"city": pb.RUN_FAILURE_REASON_SQL_TIMED_OUT},
)
RUN.as_of.FromJsonString("2026-06-30T18:30:12Z")
RUN.start_time.FromJsonString("2026-11-22T09:00:00Z")


def test_ids_and_due_moments_stay_whole_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = Console(width=62)
    monkeypatch.setattr(output, "console", narrow)
    with narrow.capture() as captured:
        output.table("", ["run", "why"], [tag_runs._row(RUN)[:3:2]], whole=("run",))
        output.table("", ["run", *"abcdef"], [tag_runs._row(RUN)], whole=("run",))
    said = captured.get()
    assert said.count(RUN.run_id) == 2
    shown = [line.replace(RUN.run_id, "").split() for line in said.splitlines()[1:4]]
    assert shown == [["schedule"], ["daily", "02:30"], ["due", "2026-06-30", "18:30"]]


def test_one_run_names_both_clocks_and_every_failure(capsys: pytest.CaptureFixture[str]) -> None:
    tag_runs._say_run(RUN)
    said = capsys.readouterr().out
    assert "values as of (suite's clock): 2026-06-30 18:30 UTC" in said
    assert "started (machine's clock): 2026-11-22 09:00 UTC" in said
    assert "why: schedule daily 02:30, due 2026-06-30 18:30" in said
    assert "city (sql_timed_out): it is too long" in said


@pytest.mark.parametrize(("group", "listed_by", "of"), [("tags", "", RUN.run_id), ("segments", "vip", "vip")])
def test_whoever_stops_waiting_is_told_that_the_run_goes_on(
    capsys: pytest.CaptureFixture[str], group: str, listed_by: str, of: str
) -> None:
    with pytest.raises(Refusal, match="whether one was started"), watching(group, "vip", listed_by):
        raise KeyboardInterrupt

    def stop(watched: Watched) -> None:
        watched.see(RUN.run_id, "pending", 0, 0)
        watched.see(RUN.run_id, "running", 1, 9)
        raise KeyboardInterrupt

    told = f"goes on.*{group} runs {of};.*{group} cancel {RUN.run_id}"
    with pytest.raises(Refusal, match=told), watching(group, "vip", listed_by) as watched:
        stop(watched)
    assert capsys.readouterr().err == f"run {RUN.run_id}\n"


async def test_a_run_is_waited_for_while_its_service_starts_again() -> None:
    running, succeeded = (
        pb.Run(run_id="r", state=each) for each in (pb.RUN_STATE_RUNNING, pb.RUN_STATE_SUCCEEDED)
    )
    answers = [succeeded, running, grpc.StatusCode.UNAVAILABLE]
    seen: list[pb.Run] = []

    async def again() -> pb.Run:
        if isinstance(answer := answers.pop(), pb.Run):
            return answer
        raise grpc.aio.AioRpcError(answer, grpc.aio.Metadata(), grpc.aio.Metadata())

    last = await ended(running, again, lambda each: each.state == pb.RUN_STATE_RUNNING, seen.append)
    assert last is succeeded
    assert seen == [running, running, succeeded]


def test_what_steers_a_terminal_is_shown_as_its_escape() -> None:
    assert output.visible("a\x1b[2Jb\u202ec\u200f 常客") == "a\\x1b[2Jb\\u202ec\\u200f 常客"
    assert output.visible("a\nb", keep="\n") == "a\nb"
