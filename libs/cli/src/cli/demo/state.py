"""What the demo's steps share: where things lie, what was asked for, what was found."""

import datetime as dt
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from servicekit.clock import FileClock, write_clock_file
from simulator.manifest import Manifest

from cli.demo.narration import Narration
from cli.suite import running
from cli.suite.folder import SuiteFolder

STILL_SPEED = 0.001
"""Slow enough that no elapsed day turns while the demo looks at the world."""
REAL_SPEED = 1.0


@dataclass
class Demo:
    """`data` is the invoices' file, None for the simulator; `revision` the latest token that identity gave for the
    imported facts; `found` collects the report's parts."""

    root: Path
    data: Path | None
    persons: int | None
    seed: int | None
    base_port: int
    say: Narration
    manifest: Manifest = field(init=False)
    revision: str = ""
    person_ids: dict[str, int] = field(default_factory=dict)
    """Member id to person id, of every person of the truth with a member id that identity knows."""
    living: tuple[int, ...] = ()
    """Every person id that some account of the truth belongs to, ascending."""
    found: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    """What the summary tells beyond the report."""
    started: float = field(default_factory=time.monotonic)

    @property
    def world(self) -> Path:
        return self.root / "world"

    @property
    def folder(self) -> SuiteFolder:
        return SuiteFolder(self.root)

    @property
    def kind(self) -> str:
        """retailer or overlay."""
        return self.manifest.kind

    def channel(self, service: str) -> AbstractAsyncContextManager[grpc.aio.Channel]:
        """A channel with the admin's key."""
        return running.require(self.folder).channel(service)

    def service_channel(self, service: str) -> AbstractAsyncContextManager[grpc.aio.Channel]:
        """A channel with the key of the role service."""
        return running.require(self.folder).service_channel(service)

    def now(self) -> dt.datetime:
        """The suite's clock."""
        return FileClock(self.folder.clock).now()

    def set_speed(self, speed: float) -> None:
        """The suite's clock goes on from where it is at another speed."""
        write_clock_file(self.folder.clock, self.now(), speed)

    def truth(self, name: str) -> Path:
        return self.manifest.truth_path(self.world, name)


def batches(items: Any, size: int) -> Any:
    """Consecutive parts of a sequence."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


Counts = Mapping[str, int]
