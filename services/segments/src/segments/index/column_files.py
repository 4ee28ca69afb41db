"""Files of columns, without the block engine until a tenant is large enough for it."""

import datetime as dt
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rules.check import Population
from rules.values import ValueType

from segments.domain.extent import Mapped
from segments.domain.manifests import NamedFile
from segments.index import answering, readiness
from segments.index.columns import ScalarColumn
from segments.index.damages import Damages
from segments.index.descriptors import most_mapped
from segments.index.lists import ListColumn
from segments.index.memory import MemoryColumn
from segments.store.ports import TenantIndex

if TYPE_CHECKING:
    from segments.index.mapped import OpenFiles
    from segments.index.settling import ColumnFolder, Settled


class LazyColumnFiles:
    """Implements ColumnFiles over a folder, of whose files so many bytes are mapped at once, and so many files as the
    system lets this process have open."""

    def __init__(self, folder: Path, most_bytes: int, damages: Damages) -> None:
        self._path = folder
        self._most_bytes = most_bytes
        self._damages = damages

    @cached_property
    def _open_files(self) -> "OpenFiles":
        from segments.index.mapped import OpenFiles

        return OpenFiles(self._most_bytes, most_mapped())

    @cached_property
    def _folder(self) -> "ColumnFolder":
        from segments.index.settling import ColumnFolder

        return ColumnFolder(self._path, self._open_files, self._damages)

    def mapped(self) -> Mapped:
        return Mapped(self._open_files.bytes if self._is_used else 0, self._most_bytes)

    def written(self, file: str) -> dt.datetime | None:
        try:
            return dt.datetime.fromtimestamp((self._path / file).stat().st_mtime, dt.UTC)
        except OSError:
            return None

    def open(self, owner: str, type_: ValueType, named: NamedFile) -> MemoryColumn:
        return self._folder.open(owner, type_, named)

    def due(self, index: TenantIndex) -> list[str]:
        held = {name: index.held(name) for name in index.column_names()}
        plain = [name for name, each in held.items() if isinstance(each, ScalarColumn | ListColumn)]
        found: list[str] = []
        if len(plain) < len(held):
            found += self._folder.due(index)
        people = len(index.population(Population.ALL))
        if plain and people >= answering.BY_BLOCKS_FROM and readiness.engine_is_ready():
            found += [name for name in plain if not self._folder.refuses(index, name)]
        return found

    def settle(self, index: TenantIndex, name: str) -> "Settled | None":
        return self._folder.settle(index, name)

    def note_named(self, owner: str, settled: "Settled") -> None:
        self._folder.note_named(owner, settled)

    def unneeded(self, index: TenantIndex) -> set[str]:
        return self._folder.unneeded(index) if self._is_used else set()

    @property
    def _is_used(self) -> bool:
        return "_folder" in vars(self)

    def remove(self, files: Collection[str]) -> None:
        self._folder.remove(files)

    def remove_unnamed(self, named: Collection[str]) -> int:
        is_empty = not self._path.is_dir() or not any(self._path.iterdir())
        return 0 if is_empty and not self._is_used else self._folder.remove_unnamed(named)
