"""What commands print: tables for people, one JSON document for programs; progress goes to stderr."""

import json
import sys
import time
from collections.abc import Collection, Iterable, Sequence
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, TextIO
from unicodedata import category

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from google.protobuf.timestamp_pb2 import Timestamp

MIN_WIDTH = 110
"""Characters of a line where nobody says how wide the paper is."""
STEERING = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})
"""Unicode categories: control and format characters (the marks of direction among them), line and paragraph ends."""


def say_what_can_be_said() -> None:
    """A terminal or pipe that lacks a character gets a question mark instead of it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and not _says_all(stream):
            stream.reconfigure(errors="replace")


def _says_all(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "") == "utf8"


def _width(terminal: bool) -> int | None:
    return None if terminal else MIN_WIDTH


console = Console(highlight=False, width=_width(sys.stdout.isatty()))
notes = Console(stderr=True, highlight=False, width=_width(sys.stderr.isatty()))


def print_json(document: Any) -> None:
    """One document on stdout."""
    json.dump(document, sys.stdout, ensure_ascii=not _says_all(sys.stdout), indent=2, default=str)
    sys.stdout.write("\n")


def as_dict(message: "Message") -> dict[str, Any]:
    """A message with the contract's field names; 64-bit numbers as text, as JSON needs."""
    from google.protobuf.json_format import MessageToDict

    return dict(
        MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    )


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    empty: str = "nothing",
    whole: Collection[str] = (),
) -> None:
    """A small table; `empty` is said instead of an empty one. What stands in the columns `whole`, such as ids to copy,
    is neither cut nor broken, however narrow the terminal is."""
    rows = list(rows)
    if not rows:
        console.print(f"{title}: {empty}" if title else empty)
        return
    drawn = Table(title=title or None, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for index, name in enumerate(columns):
        number = all(isinstance(row[index], int | float) for row in rows)
        width = max(cell_len(str(row[index])) for row in rows) if name in whole else None
        drawn.add_column(name, justify="right" if number else "left", no_wrap=name in whole, min_width=width)
    for row in rows:
        drawn.add_row(*(_cell(value) for value in row))
    console.print(drawn, crop=not whole)


def bar(share: float, width: int = 24) -> str:
    """A bar of a share between 0 and 1."""
    filled = round(max(0.0, min(1.0, share)) * width)
    return "█" * filled + "·" * (width - filled)


def minute_of(time: "Timestamp") -> str:
    """2026-06-30 12:00, UTC."""
    return time.ToDatetime().strftime("%Y-%m-%d %H:%M")


def progress() -> Progress:
    """A progress display on stderr; nothing when stderr is no terminal."""
    return Progress(
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        console=notes,
        disable=not sys.stderr.isatty(),
        transient=True,
    )


def rate_of(done: float, started: float, what: str) -> str:
    """So many per second since `started`, of time.monotonic()."""
    return f"{done / max(time.monotonic() - started, 1e-6):,.0f} {what}/s"


def visible(text: str, keep: str = "") -> str:
    """With every character that steers a terminal or turns the direction of writing as its escape, such as \\x1b and
    \\u202e; those of `keep` stay."""
    return "".join(
        each.encode("unicode_escape").decode() if category(each) in STEERING and each not in keep else each
        for each in text
    )


def _cell(value: object) -> Text:
    """As it is: what stands in square brackets is no mark-up."""
    if isinstance(value, Text):
        return value
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    return Text(f"{value:,}" if isinstance(value, int) else visible(str(value), keep="\n"))
