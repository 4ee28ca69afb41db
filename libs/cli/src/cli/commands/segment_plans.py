"""segments plan: how a rule is answered."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.options import AsJson, Folder, KeyFile
from cli.enum_names import name_of
from cli.exits import Exit, Refusal, reporting
from cli.output import as_dict, console, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

if TYPE_CHECKING:
    from huaxiang.segments.v1 import plan_service_pb2 as pb

SERVICE = "segments"
KNOWN = "known"
_INDENT = "  "


@reporting
def plan(
    segment_id: Annotated[str, typer.Argument(metavar="[SEGMENT]", help="Of this segment's rule.")] = "",
    rule: Annotated[str, typer.Option(help="Of this rule instead.")] = "",
    population: Annotated[
        str, typer.Option(help="Whom the rule may hold for: known (by default), member, or all.")
    ] = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show how a rule is answered: its parts in the order in which they run, with sizes and times."""
    from cli.calls import segment_plans as calls

    if bool(segment_id) == bool(rule):
        raise Refusal("name a segment, or say a rule with --rule", Exit.USAGE)
    if segment_id and population:
        raise Refusal(f"--population goes with --rule: segment {segment_id} says its own", Exit.USAGE)
    wanted = calls.of_rule(rule, population or KNOWN) if rule else calls.of_segment(segment_id)
    found = ask(SuiteFolder.chosen(folder), SERVICE, lambda channel: calls.plan(channel, wanted), key)
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
    rows = [[f"{_INDENT * depth}{step.text}", *_cells(step)] for depth, step in _steps(how.step, 0)]
    table("", columns, [*rows, *map(_narrowed, how.narrowings)])
    for warning in found.freshness.warnings:
        console.print(f"  note: {warning}", markup=False)


def _steps(step: "pb.PlanStep", depth: int) -> "Iterator[tuple[int, pb.PlanStep]]":
    yield depth, step
    for each in step.steps:
        yield from _steps(each, depth + 1)


def _narrowed(narrowing: "pb.PlanNarrowing") -> list[str]:
    """LIMIT or SAMPLE, as a row."""
    of = f"the {narrowing.from_count:,} before"
    took = f"{narrowing.elapsed_us / 1000:.2f}"
    return [f"then {narrowing.text}", of, "-", "-", "-", f"{narrowing.left_count:,}", "-", took, "-"]


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
