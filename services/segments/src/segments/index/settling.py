"""Columns settled in the background: merged into their smallest form, written to a file and read from there."""

import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from weakref import WeakValueDictionary

from rules.check import Population
from rules.values import Kind, ValueType

from segments.domain.changes import BLOCK_SIZE
from segments.domain.manifests import NamedFile
from segments.domain.packing import whole
from segments.engine.live.files import remove, unnamed, write
from segments.index.columns import ScalarColumn
from segments.index.contained import ContainedColumn, contained, threads
from segments.index.damages import Damages
from segments.index.lists import ListColumn
from segments.index.mapped import MappedColumn, OpenFiles
from segments.index.memory import MemoryColumn
from segments.store.ports import TenantIndex

SINCE_LEAST = 4_096
SINCE_SHARE = 1_000
"""A column is settled again after so many values, and one more for so many persons: what a start applies again."""
OWED_EACH = 60
"""Looks, about a second apart, between two merges of a column for the sake of the erased: the first is at once, and all
who are erased until the next one leave with it."""
BEHIND_MOST = 6 * 3_600
"""Looks, about six hours, after which a file that says anything else than its column is written anew, however little
that is, and without the texts that nobody has any more: those that were replaced leave it then."""
OPENED_LEAST = 600
"""Looks after a start until a file is due for what it held beside its column before: all are read again then."""
_WITH_DICTIONARIES = frozenset({Kind.TEXT, Kind.LIST})
"""Such a file may hold values that nobody has, however it was left."""
PAUSE_MOST = 1_024
"""A column with too many values for containers, and ever others, is tried again at the second time that is due, the
fourth and so on, and at last each so many times."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What was made of `pinned`, a version of a column that may have moved on. `is_recoded`: its codes stand for other
    values than those of the version, or it had none. `is_thorough`: it holds nothing that nobody has any more."""

    named: NamedFile
    pinned: MemoryColumn
    mapped: MappedColumn
    is_recoded: bool = False
    is_thorough: bool = False

    @property
    def pays(self) -> bool:
        """Whether the version owed something to somebody who was erased."""
        return self.pinned.debt > 0

    def resting(self, held: MemoryColumn, type_: ValueType) -> tuple[MemoryColumn, list[int]] | None:
        """The latest version over the file, and the blocks that moved since; None when it is of another column."""
        if isinstance(held, ContainedColumn):
            if not isinstance(self.pinned, ContainedColumn):
                return None
            return held.resting_on(self.mapped, self.pinned, self.named, is_recoded=self.is_recoded)
        assert isinstance(held, ScalarColumn | ListColumn)
        if type(held) is not type(self.pinned):
            return None
        moved = held.moved_since(cast(Any, self.pinned))
        if moved is None:
            return None
        found = ContainedColumn(type_, self.mapped, self.named)
        for block in moved:
            coded = held.block(block)
            found.put_block(block, whole(coded, BLOCK_SIZE), coded.texts.__getitem__)
        return found, moved


@dataclass(slots=True)
class _Refusal:
    """Of a column with too many values, and how often it is passed over once it has changed."""

    stamp: int
    pause: int
    left: int

    def holds(self, stamp: int) -> bool:
        if stamp != self.stamp:
            self.left -= 1
        return stamp == self.stamp or self.left > 0


class ColumnFolder:
    """Implements ColumnFiles over a folder. One thread at a time settles."""

    def __init__(self, folder: Path, open_files: OpenFiles, damages: Damages) -> None:
        self._folder = folder
        self._open_files = open_files
        self._damages = damages
        self._refused: dict[tuple[str, str], _Refusal] = {}
        self._looks: dict[str, int] = {}
        self._paid: dict[tuple[str, str], int] = {}
        self._behind: dict[tuple[str, str], int] = {}
        self._opened: dict[tuple[str, str], int] = {}
        self._seen: dict[str, set[str]] = {}
        self._mapped: WeakValueDictionary[str, MappedColumn] = WeakValueDictionary()

    def open(self, owner: str, type_: ValueType, named: NamedFile) -> MemoryColumn:
        self._opened[owner, named.column] = self._looks.get(owner, 0) - self._age_of(named.file)
        if type_.kind in _WITH_DICTIONARIES:
            self._behind[owner, named.column] = self._opened[owner, named.column]
        self._seen.setdefault(owner, set()).add(named.file)
        return ContainedColumn(type_, self._column(owner, named), named)

    def due(self, index: TenantIndex) -> list[str]:
        """Columns in containers that have changed much since they were written, or long ago, or whose files may hold
        values of the erased."""
        look = self._looks[index.tenant] = self._looks.get(index.tenant, 0) + 1
        changes = SINCE_LEAST + len(index.population(Population.ALL)) // SINCE_SHARE
        found = []
        for name in index.column_names():
            held = index.held(name)
            if not isinstance(held, ContainedColumn) or held.damage:
                continue
            is_late = self._is_late((index.tenant, name), held, look)
            if is_late or held.is_crowded or held.since > changes:
                found.append(name)
        return found

    def _is_late(self, column: tuple[str, str], held: ContainedColumn, look: int) -> bool:
        """Whether what its file holds beside the column has been there for too long."""
        if held.debt and look - self._paid.get(column, -OWED_EACH) >= OWED_EACH:
            return True
        if held.since > 0:
            self._behind.setdefault(column, self._opened.get(column, look))
        return look - self._behind.get(column, look) >= BEHIND_MOST

    def refuses(self, index: TenantIndex, name: str) -> bool:
        """Whether the plain column had more values than containers are made for, and is not to be tried again."""
        refusal = self._refused.get((index.tenant, name))
        return refusal is not None and refusal.holds(index.held(name).stamp)

    def settle(self, index: TenantIndex, name: str) -> Settled | None:
        pinned, type_ = index.held(name), index.type_of(name)
        assert type_ is not None
        look = self._looks.get(index.tenant, 0)
        is_thorough = look - self._behind.get((index.tenant, name), look) >= BEHIND_MOST
        try:
            if isinstance(pinned, ContainedColumn):
                tag = pinned.settled(thoroughly=is_thorough)
            else:
                assert isinstance(pinned, ScalarColumn | ListColumn)
                tag = contained(type_, pinned)
        except ValueError:
            before = self._refused.get((index.tenant, name))
            pause = 2 if before is None else min(2 * before.pause, PAUSE_MOST)
            self._refused[index.tenant, name] = _Refusal(pinned.stamp, pause, pause)
            self._done(index.tenant, name, pinned, is_thorough=True)
            return None
        self._refused.pop((index.tenant, name), None)
        self._folder.mkdir(parents=True, exist_ok=True)
        file, seen = f"{uuid.uuid4().hex}.column", self._seen.setdefault(index.tenant, set())
        if not isinstance(pinned, ContainedColumn):
            seen.add(file)  # the column owes nothing yet for what is written here
        named = write(self._folder, file, name, tag, threads())
        seen.add(file)
        is_recoded = not isinstance(pinned, ContainedColumn) or tag.dictionary is not pinned.tag.dictionary
        return Settled(named, pinned, self._column(index.tenant, named), is_recoded, is_thorough)

    def note_named(self, owner: str, settled: Settled) -> None:
        self._done(owner, settled.named.column, settled.pinned, is_thorough=settled.is_thorough)

    def _done(self, owner: str, name: str, pinned: MemoryColumn, *, is_thorough: bool) -> None:
        """Until when what was put off is put off again."""
        self._opened.pop((owner, name), None)
        if pinned.debt:
            self._paid[owner, name] = self._looks.get(owner, 0)
        if is_thorough:
            self._behind.pop((owner, name), None)

    def _age_of(self, file: str) -> int:
        """In looks, as far as it counts: for so long at most it holds something beside its column."""
        try:
            age_s = int(time.time() - (self._folder / file).stat().st_mtime)
        except OSError:
            return 0
        return max(0, min(age_s, BEHIND_MOST - OPENED_LEAST))

    def _column(self, owner: str, named: NamedFile) -> MappedColumn:
        column = MappedColumn(self._folder, owner, named, self._open_files, self._damages)
        self._mapped[named.file] = column
        return column

    def unneeded(self, index: TenantIndex) -> set[str]:
        held = (index.held(name) for name in index.column_names())
        needed = {each.file.file for each in held if isinstance(each, ContainedColumn) and each.file}
        return self._seen.get(index.tenant, set()) - needed

    def remove(self, files: Collection[str]) -> None:
        for each in files:
            if (read := self._mapped.get(each)) is not None:
                read.keep()
        remove(self._folder, files)
        for seen in self._seen.values():
            seen.difference_update(files)

    def remove_unnamed(self, named: Collection[str]) -> int:
        found = unnamed(self._folder, named)
        if found:
            self.remove(found)
        for seen in self._seen.values():
            seen.intersection_update(named)
        return len(found)
