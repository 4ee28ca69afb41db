"""segments recompute, runs, cancel: long work on segments, with progress and cost."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.options import AsJson, Folder, KeyFile
from cli.commands.watched_runs import watching
from cli.exits import Exit, reporting
from cli.output import as_dict, console, minute_of, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

if TYPE_CHECKING:
    from huaxiang.segments.v1 import run_service_pb2 as pb

SERVICE = "segments"


@reporting
def recompute(segment_id: str, key: KeyFile = None, folder: Folder = None, as_json: AsJson = False) -> None:
    """Compute the members of a one-off segment anew. The run goes on when this command is stopped; cancel ends it."""
    from cli.calls import segment_runs as calls

    with watched_run(segment_id) as seen:
        run = ask(
            SuiteFolder.chosen(folder),
            SERVICE,
            lambda channel: calls.recompute(channel, segment_id, seen),
            key,
        )
    tell_end(run, as_json=as_json)


@reporting
def runs(
    segment_id: Annotated[str, typer.Argument(metavar="[SEGMENT]", help="Only of this segment.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="The latest so many.")] = 20,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """List the latest runs: what they did, how far they are, what failed, what they cost."""
    from cli.calls import segment_runs as calls

    found = ask(
        SuiteFolder.chosen(folder), SERVICE, lambda channel: calls.latest(channel, segment_id, limit), key
    )
    if as_json:
        print_json({"runs": [as_dict(each) for each in found]})
        return
    rows = [
        [
            each.run_id,
            calls.kind_name(each),
            each.segment_id,
            calls.state_name(each),
            each.subject,
            minute_of(each.create_time),
            f"{each.done_count:,} of {each.total_count:,}" if each.total_count else f"{each.done_count:,}",
            f"{each.cost.wall_ms / 1000:.1f}" if each.HasField("cost") else "-",
        ]
        for each in found
    ]
    columns = ["run", "what", "segment", "state", "who", "asked (UTC,\nmachine's clock)", "done", "seconds"]
    table("", columns, rows, empty="no runs yet", whole=("run",))


@reporting
def cancel(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id (see: huaxiang segments runs).")],
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Ask a run to stop; the members are those from before it."""
    from cli.calls import segment_runs as calls

    run = ask(SuiteFolder.chosen(folder), SERVICE, lambda channel: calls.cancel(channel, run_id), key)
    if as_json:
        print_json(as_dict(run))
    else:
        console.print(f"run {run_id}: {calls.state_name(run)}", markup=False)


@contextmanager
def watched_run(segment_id: str) -> Iterator[Callable[["pb.Run"], None]]:
    """Hears of a run on a segment that a command waits for. Raises Refusal when somebody stops waiting."""
    from cli.calls import segment_runs as calls

    with watching("segments", segment_id, segment_id) as watched:

        def seen(run: "pb.Run") -> None:
            watched.see(run.run_id, calls.state_name(run), run.done_count, run.total_count)

        yield seen


def tell_end(run: "pb.Run", *, as_json: bool) -> None:
    """What a run came to; the exit code of a failure when it came to nothing."""
    from cli.calls import segment_runs as calls

    state = calls.state_name(run)
    if as_json:
        print_json(as_dict(run))
    elif state == "succeeded":
        seconds = run.cost.wall_ms / 1_000
        console.print(f"{run.segment_id}: {run.member_count:,} people ({seconds:.1f} s)", markup=False)
    else:
        console.print(f"{run.segment_id}: {state} {run.problem}".rstrip(), markup=False)
    if state != "succeeded":
        raise SystemExit(int(Exit.FAILED))
