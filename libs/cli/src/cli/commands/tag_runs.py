"""tags runs: what was computed for everybody, why, and at what cost."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.options import AsJson, Folder
from cli.exits import reporting
from cli.output import as_dict, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

if TYPE_CHECKING:
    from huaxiang.tagging.v1 import run_service_pb2


@reporting
def runs(
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="The latest so many.")] = 20,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """List the latest runs: why they started, what they computed, what failed, what they cost."""
    from cli.calls.runs import latest_runs

    found = ask(SuiteFolder.chosen(folder), "tagging", lambda channel: latest_runs(channel, limit))
    if as_json:
        print_json({"runs": [as_dict(each) for each in found]})
        return
    table(
        "",
        ["run", "state", "why", "tags", "persons", "failed", "seconds", "cpu s", "rows read"],
        [_row(each) for each in found],
        empty="no runs yet; start one with: huaxiang tags run",
    )


def _row(run: "run_service_pb2.Run") -> list[object]:
    from cli.calls.runs import cause_name, reason_name
    from cli.calls.tags import state_name

    why = f"{cause_name(run.cause)} {run.because}".strip()
    failed = ", ".join(f"{tag} ({reason_name(each)})" for tag, each in sorted(run.failure_reasons.items()))
    return [
        run.run_id,
        state_name(run.state),
        why,
        f"{run.done_count} of {run.tag_count}",
        f"{max(run.person_counts.values(), default=0):,}",
        failed,
        f"{run.cost.wall_ms / 1_000:.1f}",
        f"{run.cost.cpu_ms / 1_000:.1f}",
        f"{run.cost.rows_read:,}",
    ]
