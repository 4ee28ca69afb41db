"""segments insight, compare, overlap, transitions, lookalike: what audiences are like, and who is like them."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.options import AsJson, Folder, KeyFile
from cli.commands.segment_runs import tell_end, watched_run
from cli.exits import Exit, Refusal, reporting
from cli.output import as_dict, bar, console, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

if TYPE_CHECKING:
    from huaxiang.segments.v1 import insight_pb2, insight_service_pb2, lookalike_service_pb2

SERVICE = "segments"
INTO = "segment:"
WITHHELD = "withheld"
Audience = Annotated[
    str,
    typer.Argument(
        help="A segment's id, or snapshot:ID, rule:RULE, persons:1,2,3, population:known (member, all)."
    ),
]
Base = Annotated[
    str, typer.Option(help="What to compare with, said like the audience; everybody known by default.")
]
Tags = Annotated[
    list[str], typer.Option("--tag", help="A tag; region:1 counts at the top of a tree. Repeat for more.")
]


@reporting
def insight(
    audience: Audience,
    tag: Tags,
    base: Base = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Tell what an audience is like beside its base: shares, TGI, and what it prefers."""
    from cli.calls import insight as calls

    found = ask(
        SuiteFolder.chosen(folder), SERVICE, lambda channel: calls.describe(channel, audience, base, tag), key
    )
    if as_json:
        print_json(as_dict(found))
        return
    console.print(f"{counted(found.audience)} people beside {counted(found.base)}")
    for each in found.tags:
        _describe(each)
    shown = [
        [each.tag_id, label(each.value.cell), f"{each.value.tgi:.0f}", f"{each.value.weight:,.0f}"]
        for each in found.preferences
    ]
    table(
        "preferences",
        ["tag", "value", "TGI", "people x (TGI - 100)"],
        shown,
        empty="none that can be believed",
    )
    show_basis(found.basis)


@reporting
def compare(
    first: Audience,
    second: Audience,
    tag: Tags,
    base: Base = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Put two audiences side by side."""
    from cli.calls import insight as calls

    found = ask(
        SuiteFolder.chosen(folder),
        SERVICE,
        lambda channel: calls.compare(channel, first, second, base, tag),
        key,
    )
    if as_json:
        print_json(as_dict(found))
        return
    both = f"{found.both_count:,}" if found.HasField("both_count") else WITHHELD
    console.print(f"{counted(found.first)} and {counted(found.second)} people, {both} in both")
    for each in found.tags:
        rows = [
            [
                label(value.cell),
                share(value.first),
                share(value.second),
                f"{100 * value.share_difference:+.1f}" if value.HasField("share_difference") else "-",
                f"{value.first_tgi:.0f}" if value.HasField("first_tgi") else "-",
                f"{value.second_tgi:.0f}" if value.HasField("second_tgi") else "-",
                f"{value.p_value:.2g}" if value.HasField("p_value") else "-",
            ]
            for value in each.values
        ]
        table(each.tag_id, ["value", "first", "second", "points", "TGI", "TGI", "p"], rows)
    show_basis(found.basis)


@reporting
def overlap(
    audiences: Annotated[list[str], typer.Argument(help="2 to 12 audiences, said as for insight.")],
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Count who is in which of several audiences, everybody once."""
    from cli.calls import insight as calls

    found = ask(SuiteFolder.chosen(folder), SERVICE, lambda channel: calls.overlap(channel, audiences), key)
    if as_json:
        print_json(as_dict(found))
        return
    rows = [[name, each.count] for name, each in zip(audiences, found.audiences, strict=True)]
    table("", ["audience", "people"], rows)
    table(
        "in just these",
        ["audiences", "people"],
        [
            [
                " + ".join(audiences[place] for place in each.audiences),
                f"{each.persons:,}" if each.HasField("persons") else WITHHELD,
            ]
            for each in found.intersections
        ],
    )
    show_basis(found.basis)


@reporting
def transitions(
    tag: Annotated[
        str, typer.Argument(help="A tag of a closed list, or of true and false, that keeps versions.")
    ],
    start: Annotated[str, typer.Option("--from", help="The earlier moment: 2026-03-01T00:00:00+08:00.")],
    end: Annotated[str, typer.Option("--to", help="The later moment; now by default.")] = "",
    audience: Annotated[
        str, typer.Option(help="Of whom, said as for insight; everybody known by default.")
    ] = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Count who went from which value of a tag to which."""
    from cli.calls import insight as calls
    from cli.calls.values import shown

    until = calls.moment(end) if end else None
    since = calls.moment(start)
    found = ask(
        SuiteFolder.chosen(folder),
        SERVICE,
        lambda channel: calls.transitions(channel, tag, since, until, audience),
        key,
    )
    if as_json:
        print_json(as_dict(found))
        return
    rows = [
        [
            shown(each.from_value),
            shown(each.to_value),
            f"{each.persons:,}" if each.HasField("persons") else WITHHELD,
        ]
        for each in found.cells
    ]
    table(f"{tag} of {counted(found.audience)} people", ["from", "to", "people"], rows)
    show_basis(found.basis)


@reporting
def lookalike(  # noqa: PLR0913, PLR0917  # its options
    seed: Audience,
    tag: Annotated[list[str], typer.Option("--tag", help="A tag to learn by. Repeat for more.")],
    model: Annotated[str, typer.Option(help="log-odds (readable) or logistic (learned).")] = "log-odds",
    among: Annotated[str, typer.Option(help="Among whom to look; everybody known by default.")] = "",
    exclude: Annotated[
        list[str] | None, typer.Option(help="An audience to leave out. Repeat for more.")
    ] = None,
    chance: Annotated[
        int, typer.Option(help="Decides draws; the same number gives the same persons.", min=0)
    ] = 0,
    expand: Annotated[int, typer.Option(help="Find so many persons; 0 only tells how well.", min=0)] = 0,
    to: Annotated[
        str, typer.Option(help="The file for the person ids, or segment:ID, a static segment, by a run.")
    ] = "",
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Tell how well persons like a seed can be found, and with --expand find them."""
    from cli.calls import insight as calls
    from cli.calls import segment_runs

    into = _segment_of(to, expand)
    wanted = calls.Wanted(seed, tag, model, among, exclude or [], chance)
    chosen = SuiteFolder.chosen(folder)
    quality = ask(chosen, SERVICE, lambda channel: calls.evaluate(channel, wanted), key)
    if not as_json:
        _quality(quality)
    if not expand:
        if as_json:
            print_json(as_dict(quality))
        return
    token = quality.evaluation_token
    if into:
        question = wanted.message()
        with watched_run(into) as seen:
            run = ask(
                chosen,
                SERVICE,
                lambda channel: segment_runs.expand(channel, into, question, expand, token, seen),
                key,
            )
        tell_end(run, as_json=as_json)
        return
    found = ask(chosen, SERVICE, lambda channel: calls.expand(channel, wanted, expand, token), key)
    lines = "person_id\n" + "".join(f"{each}\n" for each in found)
    if to:
        Path(to).write_text(lines, encoding="utf-8")
    if as_json:
        listed = {"file": to} if to else {"person_ids": found}
        print_json({**as_dict(quality), "count": len(found), **listed})
    elif to:
        console.print(f"{to}: {len(found):,} people", markup=False, soft_wrap=True)
    else:
        console.print(lines, end="", markup=False)


# ------------------------------------------------------------------------------------------------- parts


def _segment_of(to: str, expand: int) -> str:
    """The segment that --to names, "" for a file or none. Raises Refusal."""
    if to and not expand:
        raise Refusal("--to goes with --expand, which says how many persons to find", Exit.USAGE)
    if not to.startswith(INTO):
        return ""
    segment_id = to.removeprefix(INTO)
    if not segment_id:
        raise Refusal(f"--to {to} names no segment; write {INTO}ID", Exit.USAGE)
    return segment_id


def label(cell: "insight_pb2.ValueCell") -> str:
    """A value, with all above it in a tree, or a stretch by where it begins and ends."""
    from cli.calls.values import shown

    if cell.path:
        return " / ".join(shown(each) for each in cell.path)
    low = shown(cell.from_value) if cell.HasField("from_value") else ""
    high = shown(cell.before_value) if cell.HasField("before_value") else ""
    if low and high:
        return f"{low} to below {high}"
    return f"{low} and more" if low else f"below {high}" if high else "(others)"


def counted(audience: "insight_pb2.CountedAudience") -> str:
    """How many they are, or that it is not told."""
    return f"{audience.count:,}" if audience.HasField("count") else WITHHELD


def share(count: "insight_pb2.CellCount") -> str:
    """In percent of those known, or why not."""
    if count.withheld:
        return WITHHELD
    return f"{100 * count.share:.1f} %" if count.HasField("share") else "-"


def _describe(tag: "insight_service_pb2.TagDescription") -> None:
    from huaxiang.segments.v1 import insight_pb2

    from cli.enum_names import name_of

    rows = [
        [
            label(each.cell),
            f"{each.audience.persons:,}" if each.audience.HasField("persons") else WITHHELD,
            share(each.audience),
            bar(each.audience.share, 16),
            share(each.base),
            f"{each.tgi:.0f}" if each.HasField("tgi") else "-",
            name_of(insight_pb2.PreferenceVerdict, each.verdict).replace("_", " ") if each.verdict else "-",
        ]
        for each in tag.values
    ]
    unknown = f", unknown of {tag.known.unknown:,}" if tag.known.unknown else ""
    table(
        f"{tag.tag_id}: known of {tag.known.known:,}{unknown}",
        ["value", "people", "share", "", "base", "TGI", ""],
        rows,
    )
    if tag.HasField("summary"):
        console.print("  " + ", ".join(_figures(tag)), markup=False)


def _figures(tag: "insight_service_pb2.TagDescription") -> Iterable[str]:
    """Mean and quantiles; days as dates where the tag's stretches are dates."""
    from huaxiang.type.v1 import value_pb2

    from cli.calls.values import shown

    of_days = any(
        each.cell.from_value.WhichOneof("kind") == "date_value"
        or each.cell.before_value.WhichOneof("kind") == "date_value"
        for each in tag.values
    )

    def said(number: int) -> str:
        value = value_pb2.Value(date_value=number) if of_days else value_pb2.Value(number_value=number)
        return shown(value)

    yield f"mean {said(tag.summary.mean)}"
    for each in tag.summary.quantiles:
        yield f"{100 * each.share:.0f} % up to {said(each.value)}"


def _quality(found: "lookalike_service_pb2.EvaluateLookalikeResponse") -> None:
    quality = found.evaluation
    among, held_out = (
        (
            f"{found.candidate_count:,}",
            f"{quality.seed_persons:,} of the seed and {quality.other_persons:,} others",
        )
        if found.candidate_count
        else (WITHHELD, "persons")
    )
    console.print(
        f"seed {counted(found.seed)}, among {among}: AUC {quality.auc:.3f} over {held_out} held out"
    )
    lifts = [[place + 1, f"{lift:.2f}", bar(lift / 10)] for place, lift in enumerate(quality.lift_by_decile)]
    table("lift by tenths of the others, best first", ["tenth", "times as many", ""], lifts)
    rows = [
        [each.tag_id, "(unknown)" if each.unknown else label(each.cell), f"{each.weight:+.2f}"]
        for each in found.weights[:20]
        if each.weight
    ]
    table("what weighs most", ["tag", "value", "log odds"], rows)
    for warning in quality.warnings:
        console.print(f"  note: {warning}", markup=False)
    show_basis(found.basis)


def show_basis(basis: "insight_pb2.InsightBasis") -> None:
    """What an answer rests on, in a few lines."""
    console.print(
        f"as of {basis.freshness.as_of.ToJsonString()}, {basis.freshness.evaluate_us / 1000:.1f} ms",
        markup=False,
    )
    if basis.withheld_below:
        console.print(f"  cells of fewer than {basis.withheld_below} people are withheld", markup=False)
    if basis.sensitive_purposes:
        console.print(f"  needs consent for {', '.join(basis.sensitive_purposes)}", markup=False)
    for warning in basis.freshness.warnings:
        console.print(f"  note: {warning}", markup=False)
