"""segments plan: how a rule is answered."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.options import AsJson, Folder, KeyFile
from cli.enum_names import name_of
from cli.exits import reporting
from cli.output import as_dict, console, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

if TYPE_CHECKING:
    from huaxiang.segments.v1 import plan_service_pb2 as pb

SERVICE = "segments"
_SEGMENT_ID = re.compile(r"[a-z][a-z0-9_-]*")
_INDENT = "  "


@reporting
def plan(
    rule: Annotated[str, typer.Argument(help="A segment's id, or a rule.")],
    population: Annotated[str, typer.Option(help="Of a rule: known, member, or all.")] = "known",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show how a rule is answered: its parts in the order in which they run, with sizes and times."""
    from cli.calls import segment_plans as calls

    of_segment = _SEGMENT_ID.fullmatch(rule) is not None
    found = ask(
        SuiteFolder.chosen(folder),
        SERVICE,
        lambda channel: calls.plan(channel, rule, population, of_segment=of_segment),
        key,
    )
    if as_json:
        print_json(as_dict(found))
    else:
        _show(found)


def _show(found: "pb.ExplainPlanResponse") -> None:
    from huaxiang.segments.v1 import plan_service_pb2 as pb

    how = found.plan
    console.print(
        f"{found.count:,} of {found.freshness.population_count:,}: {found.canonical_rule}", markup=False
    )
    by = name_of(pb.PlanEvaluator, how.evaluator).replace("_", " ")
    because = f": {how.because}" if how.because else ""
    kept = ", from an answer that was kept" if how.kept else ""
    console.print(f"  by {by}{because}{kept}; {how.block_count:,} blocks", markup=False)
    columns = ["part", "from", "by", "expected", "people", "left", "KiB", "ms", "blocks skipped"]
    table(
        "", columns, [[f"{_INDENT * depth}{step.text}", *_cells(step)] for depth, step in _steps(how.step, 0)]
    )


def _steps(step: "pb.PlanStep", depth: int) -> "Iterator[tuple[int, pb.PlanStep]]":
    yield depth, step
    for each in step.steps:
        yield from _steps(each, depth + 1)


def _cells(step: "pb.PlanStep") -> list[str]:
    from huaxiang.segments.v1 import plan_service_pb2 as pb

    return [
        name_of(pb.PlanOrigin, step.origin).replace("_", " "),
        name_of(pb.PlanEvaluator, step.evaluator).replace("_", " "),
        f"{step.estimated_count:,}" if step.HasField("estimated_count") else "-",
        f"{step.count:,}",
        f"{step.left_count:,}",
        f"{step.bytes / 1024:,.0f}" if step.HasField("bytes") else "-",
        f"{step.elapsed_us / 1000:.2f}",
        f"{step.skipped_block_count:,}",
    ]
