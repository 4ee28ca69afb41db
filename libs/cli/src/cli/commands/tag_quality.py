"""tags quality, alerts, unused: whether tags are still right, and whether anyone uses them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.options import AsJson, Folder, KeyFile
from cli.exits import reporting
from cli.output import as_dict, console, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import ask

if TYPE_CHECKING:
    from huaxiang.tagging.v1 import quality_service_pb2, tag_quality_pb2

COMMANDS = ("quality", "alerts", "unused")
"""Of the group `tags`, by the names of their functions."""
WHOLE = 10_000
"""Of shares and indexes: 1.0."""
UNMEASURED = "nothing was measured yet: huaxiang tags run"
PENDING = "being measured after a run or midnight: ask again in some seconds"
Limit = Annotated[int, typer.Option(min=1, max=1_000, help="The latest so many.")]


@reporting
def quality(
    tag: Annotated[str, typer.Argument(help="The tag's id; all tags, the worst first, when absent.")] = "",
    at_most: Annotated[
        int | None, typer.Option(min=0, max=100, help="Only tags with at most this score.")
    ] = None,
    history: Annotated[
        int, typer.Option(min=0, max=1_000, help="Instead the latest so many measurements of the tag.")
    ] = 0,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Tell how right tags are: a score out of 100 with its parts, coverage, freshness, drift, use and cost."""
    from cli.calls import quality as calls

    suite = SuiteFolder.chosen(folder)
    if tag and not history:
        told = ask(suite, "tagging", lambda channel: calls.of_tag(channel, tag), key)
        print_json(as_dict(told)) if as_json else _say(told)
        return
    pending = 0
    if tag:
        found = ask(suite, "tagging", lambda channel: calls.history(channel, tag, history), key)
    else:
        found, pending = ask(suite, "tagging", lambda channel: calls.of_all(channel, at_most), key)
    if as_json:
        print_json({"qualities": [as_dict(each) for each in found]})
        return
    columns = [
        "tag",
        "measured (UTC)",
        "score",
        "people",
        "coverage",
        "kept",
        "drift",
        "invalid",
        "reads 30d",
    ]
    table(
        "",
        columns,
        [_row(each) for each in found],
        empty="nothing was measured yet" if pending else UNMEASURED,
    )
    if pending:
        console.print(f"{pending} tags: {PENDING}")


@reporting
def alerts(
    tag: Annotated[str, typer.Argument(help="The tag's id; all tags when absent.")] = "",
    closed: Annotated[bool, typer.Option("--closed", help="Those that closed, too.")] = False,
    limit: Limit = 50,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """List what somebody should look at: stale, drifted, incomplete, invalid, contradicted, failed tags."""
    from cli.calls import quality as calls

    found = ask(
        SuiteFolder.chosen(folder),
        "tagging",
        lambda channel: calls.alerts(channel, tag, limit, with_closed=closed),
        key,
    )
    if as_json:
        print_json({"alerts": [as_dict(each) for each in found]})
        return
    rows = [
        [
            each.tag_id,
            calls.alert_name(each.kind),
            each.open_time.ToDatetime().strftime("%Y-%m-%d %H:%M"),
            each.close_time.ToDatetime().strftime("%Y-%m-%d %H:%M") if each.HasField("close_time") else "",
            each.detail,
        ]
        for each in found
    ]
    table("", ["tag", "alert", "since (UTC)", "until", "what to do"], rows, empty="no alerts")


@reporting
def unused(
    idle_days: Annotated[
        int | None, typer.Option(min=0, max=1_098, help="Days without a read; 90 when absent.")
    ] = None,
    key: KeyFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Propose tags for retirement: nobody reads them by name and nothing rests on them."""
    from cli.calls import quality as calls

    found, counted = ask(
        SuiteFolder.chosen(folder), "tagging", lambda channel: calls.unused(channel, idle_days), key
    )
    if as_json:
        print_json({"tags": [as_dict(each) for each in found], "counted_since_day": counted})
        return
    rows = [
        [
            each.tag_id,
            each.idle_since_day,
            each.last_read_day or "never",
            each.known_count,
            f"{each.stored_bytes / 1e6:.1f}",
            f"{each.month_ms / 1_000:.1f}",
            f"{each.month_rows:,}",
        ]
        for each in found
    ]
    columns = ["tag", "idle since", "last read", "people", "MB", "seconds 30d", "rows 30d"]
    since = f"reads are counted since {counted}" if counted else "reads are not counted yet"
    table("", columns, rows, empty=f"every tag is used, or not known to be idle for so long ({since})")


def _row(each: "tag_quality_pb2.TagQuality") -> list[object]:
    return [
        each.tag_id,
        each.measure_time.ToDatetime().strftime("%Y-%m-%d %H:%M"),
        each.score,
        each.known_count,
        _percent(each.coverage),
        "" if not each.freshness.promised_hours else "yes" if each.freshness.kept else "late",
        _drift(each.drift),
        each.validity.broken_count if each.HasField("validity") else "",
        each.use.reads,
    ]


def _say(told: "quality_service_pb2.GetTagQualityResponse") -> None:
    from cli.calls.quality import alert_name, part_name

    if told.pending:
        console.print(PENDING)
    if not told.HasField("quality"):
        console.print("nothing was measured yet" if told.pending else UNMEASURED)
        return
    found = told.quality
    console.print(f"{found.tag_id}, version {found.version}: {found.score} of 100", style="bold")
    rows = [[part_name(each.kind), f"{each.value / WHOLE:.2f}", each.weight] for each in found.parts]
    table("", ["part", "value", "weight"], rows, empty="nothing can be said yet")
    for line in _lines(found):
        console.print(line)
    _say_distribution(found)
    for alert in told.open_alerts:
        console.print(f"alert {alert_name(alert.kind)}: {alert.detail}")


def _lines(found: "tag_quality_pb2.TagQuality") -> Iterator[str]:
    yield (
        f"people: {found.known_count:,} of {found.population:,} ({_percent(found.coverage)}), "
        f"without a value {_percent(found.null_share)}"
    )
    promised = (
        f"promised {found.freshness.promised_hours} h" if found.freshness.promised_hours else "no promise"
    )
    as_of = (
        found.freshness.as_of.ToDatetime().strftime("%Y-%m-%d %H:%M UTC")
        if found.freshness.HasField("as_of")
        else "never computed"
    )
    yield f"fresh as of: {as_of}, {promised}"
    yield f"drift: {_drift(found.drift) or 'nothing to compare with yet'}"
    if found.HasField("volatility"):
        yield f"changes: {_percent(found.volatility)} of the people a day"
    if found.HasField("validity"):
        broken = ", ".join(f"{name} {count:,}" for name, count in sorted(found.validity.broken.items()))
        yield f"invalid: {found.validity.broken_count:,} of {found.validity.checked_count:,} values ({broken})"
    if found.HasField("agreement"):
        yield (
            f"contradicted by behaviour: {found.agreement.contradicted_count:,} of "
            f"{found.agreement.checked_count:,} people"
        )
    yield (
        f"use: {found.use.reads:,} reads in 30 days, last {found.use.last_read_day or 'never'}; rested on by "
        f"{found.use.tag_count} tags, {found.use.segment_count} segments, {found.use.campaign_count} campaigns"
    )
    yield f"cost: {found.cost.last_ms / 1_000:.1f} s the last run, {found.cost.month_ms / 1_000:.1f} s in 30 days"
    if found.unseen_event_types:
        yield f"never seen: {', '.join(found.unseen_event_types)}"
    for warning in found.warnings:
        yield f"not measured: {warning}"


def _say_distribution(found: "tag_quality_pb2.TagQuality") -> None:
    if found.distribution_withheld:
        console.print("values: withheld, they need the right to read this grade")
        return
    spread, total = found.distribution, max(found.value_count, 1)
    rows: list[list[object]] = []
    for named in spread.values:
        value = named.value
        text = value.text_value if value.WhichOneof("kind") == "text_value" else str(value.bool_value).lower()
        rows.append([text, named.count, _percent(named.count * WHOLE // total)])
    if spread.other_count:
        rows.append(["(others)", spread.other_count, _percent(spread.other_count * WHOLE // total)])
    for part in spread.bins:
        start = f"{getattr(part, 'from') / WHOLE:g}" if part.HasField("from") else ""
        end = f"{part.to / WHOLE:g}" if part.HasField("to") else ""
        rows.append([f"{start} ..< {end}".strip(), part.count, _percent(part.count * WHOLE // total)])
    table("", ["value", "count", "share"], rows, empty="no values")


def _drift(drift: "tag_quality_pb2.QualityDrift") -> str:
    said = [
        f"{index / WHOLE:.2f} {since}"
        for has, index, since in (
            (drift.HasField("previous"), drift.previous, "since before"),
            (drift.HasField("month"), drift.month, "in 30 days"),
        )
        if has
    ]
    return ", ".join(said)


def _percent(share: int) -> str:
    return f"{share / 100:.1f} %"
