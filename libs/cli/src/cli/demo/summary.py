"""What the demo found, for people who decide: a page of small tables and bars, and where to look next."""

import time
from typing import Any

from cli.calls.values import unscaled
from cli.demo.campaigns import PLANS
from cli.demo.effects import TERMINAL
from cli.demo.report import REPORT_NAME
from cli.demo.state import Demo
from cli.demo.tags import RFM_CLASSES
from cli.invocation import to_paste
from cli.output import bar, console, table

SHOWN_TAGS = ("lifecycle_stage", "member_level", "city", "last_order_channel", "favourite_day_part")
SHOWN_VALUES = 3
TELLS_CLICKS = frozenset({"jpush"})
"""Channels whose provider reports clicks."""


def show_summary(demo: Demo, *, kept_up: bool) -> None:
    """Prints the page on stdout."""
    console.print()
    _persons(demo)
    _rfm(demo)
    _tags(demo)
    _audiences(demo)
    _channels(demo)
    _speed(demo)
    _next(demo, kept_up=kept_up)


def _persons(demo: Demo) -> None:
    taken, persons = demo.found["input"], demo.found["identity"]
    total = demo.notes["import"]
    console.print("Who are they? 身份", style="bold")
    console.print(
        f"  {total.accepted + total.repeated:,} records of "
        f"{len({each.source for each in demo.manifest.sources})} systems told of {taken['persons_true']:,} people; "
        f"the suite found {persons['persons']:,} persons."
    )
    console.print(
        f"  right joins  {bar(persons['pair_precision'])} {persons['pair_precision']:.2%} 合并准确率"
    )
    console.print(f"  found joins  {bar(persons['pair_recall'])} {persons['pair_recall']:.2%} 合并召回率")
    avoided = demo.notes["avoided"]
    if avoided:
        first, second = avoided["names"]
        console.print(
            f"  One wrong merge avoided 避免的误合并: {first} and {second} share a {avoided['namespace']}, "
            f"but {avoided['reason']}."
        )
    undone = demo.notes["undone"]
    if undone:
        tag_id, right, wrong = undone["tag"]
        console.print(
            f"  One wrong merge undone 撤销的误合并: persons {undone['persons'][0]} and {undone['persons'][1]}; "
            f"{tag_id} had gone from {right} to {wrong} and {undone['segment']} had one member too many, as "
            f"operation {undone['operation']} explains; both are as before."
        )
    console.print()


def _rfm(demo: Demo) -> None:
    classes = demo.found["rfm"]["classes"]
    total = sum(classes.values()) or 1
    console.print("What are they worth? 价值分层 (RFM)", style="bold")
    table(
        "",
        ["class", "", "people", "", "share"],
        [
            [name, RFM_CLASSES[name], count, bar(count / total), f"{count / total:.1%}"]
            for name, count in classes.items()
        ],
    )
    console.print()


def _tags(demo: Demo) -> None:
    found = demo.found["tags"]
    console.print(f"What is known of them? 标签 ({len(found)})", style="bold")
    rows = []
    for tag_id in SHOWN_TAGS:
        if found.get(tag_id, {}).get("top_values"):
            zh, en = demo.notes["tag_names"][tag_id]
            top = found[tag_id]["top_values"][:SHOWN_VALUES]
            said = ", ".join(f"{each['value']} {each['count']:,}" for each in top)
            rows.append([zh, en, found[tag_id]["coverage"], said])
    table("", ["tag", "", "people", "most frequent"], rows, empty="no tag has a value")
    console.print()


def _audiences(demo: Demo) -> None:
    console.print("Whom to reach? 人群", style="bold")
    rows = []
    for segment_id, found in demo.found["segments"].items():
        audience, population = demo.notes["audiences"][segment_id]
        share = found["count"] / max(population, 1)
        rows.append(
            [audience.name, audience.zh, found["count"], bar(share, 12), f"{found['evaluate_ms']:.1f} ms"]
        )
    table("", ["audience", "", "people", "", "counted in"], rows)
    console.print()


def _channels(demo: Demo) -> None:
    console.print("What came of it? 触达", style="bold")
    rows: list[list[Any]] = []
    for plan in PLANS:
        found, report = demo.found["activation"][plan.channel], demo.notes["reports"][plan.channel]
        rows.append(
            [
                plan.zh,
                found["planned"],
                found["holdout"],
                found["suppressed"],
                found["accepted"],
                found["delivered"],
                f"{report.clicked:,}" if plan.channel in TELLS_CLICKS else "-",
            ]
        )
    columns = ["", "plan 计划", "held 对照", "left out 抑制", "sent 已发", "arrived 送达", "clicked 点击"]
    table("", columns, rows)
    for plan in PLANS:
        reasons = demo.notes["reports"][plan.channel].suppressed
        if reasons:
            said = ", ".join(
                f"{count:,} {reason.replace('_', ' ')}" for reason, count in sorted(reasons.items())
            )
            console.print(f"  {plan.zh} left out: {said}")
    twice = sum(each["duplicates"] for each in demo.found["activation"].values())
    lost = sum(each["lost"] for each in demo.found["activation"].values())
    ended = all(set(states) <= TERMINAL for states in demo.notes["states"].values())
    console.print(
        f"  Messages that reached somebody twice 重复: {twice}. Lost without a reason 丢失: {lost}. "
        f"Every delivery has ended 全部终态: {'yes' if ended else 'no'}."
    )
    console.print()


def _speed(demo: Demo) -> None:
    found = demo.found["latency"]
    console.print("How fast? 时延", style="bold")
    console.print(
        f"  From an event to the audience it changes: {found['event_to_membership_ms_p50']:.0f} ms in the middle, "
        f"{found['event_to_membership_ms_p99']:.0f} ms at worst but for one in a hundred."
    )
    console.print()


def _next(demo: Demo, *, kept_up: bool) -> None:
    console.print("Look at next 下一步", style="bold")
    someone = f"member_id={next(iter(demo.found['rfm']['by_customer']), '')}"
    lines: list[tuple[object, ...]] = [
        ("portrait", someone),
        ("explain", "tag", "rfm_class", someone),
        ("segments", "preview", "lifecycle_stage = 'loyal'"),
        ("tags", "plan"),
    ]
    start = ("up", "--detach", "--base-port", demo.base_port)
    for words in ([] if kept_up else [start]) + [*lines, ("down",)]:
        console.print(f"  {to_paste(*words, '--folder', demo.root)}", markup=False, soft_wrap=True)
    console.print(f"  everything in numbers: {demo.root / REPORT_NAME}", markup=False, soft_wrap=True)
    console.print(f"\nThe whole took {unscaled(round((time.monotonic() - demo.started) * 10) * 1000)} s.")
