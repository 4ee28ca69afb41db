"""What a simulated folder holds, in the order in which it should be imported."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

MANIFEST_NAME = "manifest.json"
FORMAT_VERSION = 1
_TIMES = ("history_start", "history_end", "as_of")


class SimulatorError(Exception):
    """Base of this package's errors; the message says what to change."""


class BadRequestError(SimulatorError):
    """A parameter that the simulator cannot follow."""


class FolderTakenError(SimulatorError):
    """The output folder is not empty; nothing was written."""


class FolderUnreadableError(SimulatorError):
    """The folder holds no manifest of a version that this package reads."""


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """One export file; `path` and `mapping` are relative to the folder. `encoding` is utf-8, utf-8-sig,
    gb18030 or parquet."""

    path: str
    mapping: str
    source: str
    encoding: str
    rows: int


@dataclass(frozen=True, slots=True)
class TableEntry:
    """A reference or truth table; `name` is the table's name, `path` relative to the folder."""

    name: str
    path: str
    rows: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """`sources` are in import order; `events` counts by type. Orders and behaviour lie between
    `history_start` and `history_end`; `as_of` is the moment at which the story is told, later than
    everything in it (all three aware). `time_zone` is that of wall-clock times and of the tenant's days.
    `kind`: retailer or overlay."""

    kind: str
    seed: int
    persons: int
    time_zone: str
    history_start: datetime
    history_end: datetime
    as_of: datetime
    sources: tuple[SourceEntry, ...]
    reference: tuple[TableEntry, ...]
    truth: tuple[TableEntry, ...]
    accounts: int
    records: int
    events: Mapping[str, int]

    @property
    def event_count(self) -> int:
        return sum(self.events.values())

    def truth_path(self, folder: Path, name: str) -> Path:
        """The file of a truth table: accounts, persons, facts or shared. Raises KeyError for another name."""
        return folder / {entry.name: entry.path for entry in self.truth}[name]

    def save(self, folder: Path) -> None:
        content = {"format": FORMAT_VERSION, **asdict(self)}
        for field in _TIMES:
            content[field] = content[field].isoformat()
        text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
        (folder / MANIFEST_NAME).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Manifest":
        """Read a folder's manifest; FolderUnreadableError when there is none or it is of another version."""
        try:
            content = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
            version = content.pop("format")
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise FolderUnreadableError(
                f"{folder} has no readable {MANIFEST_NAME}: simulate or overlay into an empty folder first"
            ) from error
        if version != FORMAT_VERSION:
            raise FolderUnreadableError(
                f"{folder / MANIFEST_NAME} has format {version}, this version reads {FORMAT_VERSION}: "
                "make the folder anew"
            )
        for field in _TIMES:
            content[field] = datetime.fromisoformat(content[field])
        content["sources"] = tuple(SourceEntry(**entry) for entry in content["sources"])
        for field in ("reference", "truth"):
            content[field] = tuple(TableEntry(**entry) for entry in content[field])
        return cls(**content)
