"""tags run, runs, cancel: computing tags for everybody, and what was computed, why, and at what cost."""

import datetime as dt
import re
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.options import AsJson, Folder, KeyFile
from cli.commands.watched_runs import watching
from cli.exits import Exit, reporting
from cli.output import as_dict, console, minute_of, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

if TYPE_CHECKING:
    import grpc
    from huaxiang.tagging.v1 import run_service_pb2

DUE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d[^;, ]*")
"""A moment, as the service says why a scheduled run started: "daily 02:30, due 2026-06-30T18:30:00+00:00; ..."."""
RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id (see: huaxiang tags runs).")]


@reporting
def run(
    tag: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this tag, those that it rests on, and those of the stream that rest on any of these; repeatable."
        ),
    ] = None,
    everybody: Annotated[
        bool,
        typer.Option("--everybody", help="Compute also those whose values the stream has kept: to mend."),
    ] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the end.")] = True,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Compute tags for everybody. The run goes on when this command is stopped; huaxiang tags cancel ends it."""
    from cli.calls import tags as calls
    from cli.calls.standing import or_standing

    asked = tag or []
    with watching("tags", "tags") as watched:

        def seen(state: "run_service_pb2.Run") -> None:
            watched.see(state.run_id, calls.state_name(state.state), state.done_count, state.tag_count)

        ended = ask(
            SuiteFolder.chosen(folder),
            "tagging",
            lambda channel: or_standing(
                channel, asked, calls.run(channel, asked, seen, wait=wait, everybody=everybody)
            ),
            key,
        )
    _say_state(ended, as_json=as_json)
    if wait and calls.state_name(ended.state) != "succeeded":
        raise SystemExit(int(Exit.FAILED))


@reporting
def runs(
    run_id: Annotated[
        str, typer.Argument(metavar="[RUN]", help="Only this run; the latest ones when absent.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="The latest so many.")] = 20,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """List the latest runs: why they started, what they computed, what failed, what they cost."""
    from cli.calls.runs import latest_runs, one_run

    async def found_by(channel: "grpc.aio.Channel") -> "list[run_service_pb2.Run]":
        return [await one_run(channel, run_id)] if run_id else await latest_runs(channel, limit)

    found = ask(SuiteFolder.chosen(folder), "tagging", found_by, key)
    if as_json:
        print_json({"runs": [as_dict(each) for each in found]})
        return
    if run_id:
        _say_run(found[0])
        return
    table(
        "",
        [
            *("run", "state", "why", "tags\npersons", "seconds"),
            *("values of\n(suite's\nclock)", "started\n(machine's\nclock)"),
        ],
        [_row(each) for each in found],
        empty="no runs yet; start one with: huaxiang tags run",
        whole=("run",),
    )
    if found:
        console.print("times in UTC; of one run: huaxiang tags runs RUN")


@reporting
def cancel(run_id: RunId, key: KeyFile = None, folder: Folder = None, as_json: AsJson = False) -> None:
    """Ask a run to stop; the tags that it has published stay."""
    from cli.calls import runs as calls

    _say_state(
        ask(SuiteFolder.chosen(folder), "tagging", lambda channel: calls.cancel(channel, run_id), key),
        as_json=as_json,
    )


def _say_state(run: "run_service_pb2.Run", *, as_json: bool) -> None:
    from cli.calls.tags import state_name

    if as_json:
        print_json(as_dict(run))
        return
    console.print(
        f"run {run.run_id}: {state_name(run.state)}, {run.done_count} of {run.tag_count} tags", markup=False
    )
    for tag_id, why in sorted(run.failures.items()):
        console.print(f"  {tag_id}: {why}", markup=False)


def _row(run: "run_service_pb2.Run") -> list[object]:
    from cli.calls.tags import state_name

    return [
        run.run_id,
        state_name(run.state) + (f"\n{len(run.failures)} failed" if run.failures else ""),
        _why_in_lines(run),
        f"{run.done_count} of {run.tag_count}\n{_persons(run):,}",
        f"{run.cost.wall_ms / 1_000:.1f}",
        minute_of(run.as_of).replace(" ", "\n") if run.HasField("as_of") else "",
        minute_of(run.start_time).replace(" ", "\n") if run.HasField("start_time") else "",
    ]


def _say_run(run: "run_service_pb2.Run") -> None:
    from cli.calls.runs import reason_name
    from cli.calls.tags import state_name

    facts = {
        "run": run.run_id,
        "state": state_name(run.state),
        "why": _why(run),
        "tags": f"{run.done_count} of {run.tag_count}",
        "persons": f"{_persons(run):,}",
        "values as of (suite's clock)": f"{minute_of(run.as_of)} UTC" if run.HasField("as_of") else "",
        "started (machine's clock)": f"{minute_of(run.start_time)} UTC" if run.HasField("start_time") else "",
        "seconds": f"{run.cost.wall_ms / 1_000:.1f}",
        "cpu seconds": f"{run.cost.cpu_ms / 1_000:.1f}",
        "rows read": f"{run.cost.rows_read:,}",
    }
    for name, said in facts.items():
        if said:
            console.print(f"{name}: {said}", markup=False)
    for tag_id, why in sorted(run.failures.items()):
        reason = reason_name(run.failure_reasons[tag_id]) if tag_id in run.failure_reasons else "failed"
        console.print(f"  {tag_id} ({reason}): {why}", markup=False)


def _why(run: "run_service_pb2.Run") -> str:
    """The cause and what it names; due moments to the minute, UTC."""
    from cli.calls.runs import cause_name

    def minute(found: re.Match[str]) -> str:
        return dt.datetime.fromisoformat(found[0]).astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M")

    return f"{cause_name(run.cause)} {DUE.sub(minute, run.because)}".strip()


def _why_in_lines(run: "run_service_pb2.Run") -> str:
    """The cause, then each schedule, then when it was due."""
    from cli.calls.runs import cause_name

    cause = cause_name(run.cause)
    named = _why(run).removeprefix(cause).strip()
    return "\n".join([cause, *re.split("[;,] ", named)]) if named else cause


def _persons(run: "run_service_pb2.Run") -> int:
    return max(run.person_counts.values(), default=0)
