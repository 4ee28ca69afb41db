"""Columns in files that are mapped when they are asked for, and let go of when memory is short."""

from contextlib import suppress
from pathlib import Path
from threading import Lock
from weakref import WeakKeyDictionary

from segments.domain.manifests import FileDamaged, NamedFile
from segments.engine.columns import TagColumn
from segments.engine.live.files import opened, verify
from segments.engine.live.versions import footprint
from segments.errors import ColumnDamaged
from segments.index.damages import Damages


class OpenFiles:
    """What is mapped, of all tenants: beyond `most_bytes`, or `most_files`, that which nobody has asked for longest is
    let go of. A file counts without the room for changes in it, which takes none. Whoever reads it goes on: the system
    unmaps a file when nobody holds its column any more. Columns that changed since they were written are not counted,
    they stay. Nothing is held here: a version that is held is never written over, and all that is made of it needs new
    places. For any number of threads."""

    def __init__(self, most_bytes: int, most_files: int) -> None:
        self.most_bytes, self.most_files = most_bytes, most_files
        self._open: WeakKeyDictionary[MappedColumn, None] = WeakKeyDictionary()
        self._lock = Lock()

    @property
    def bytes(self) -> int:
        """Of all that is mapped."""
        with self._lock:
            return self._sum()

    def used(self, column: "MappedColumn") -> None:
        """Notes that a column was asked for just now."""
        with self._lock:
            if column.is_kept:
                return
            was_open = column in self._open
            self._open.pop(column, None)
            self._open[column] = None
            if was_open:
                return
            bytes_open = self._sum()
            while bytes_open > self.most_bytes or len(self._open) > self.most_files:
                unused = next(iter(self._open))
                if unused is column:
                    break
                bytes_open -= unused.bytes
                del self._open[unused]
                unused.close()

    def forget(self, column: "MappedColumn") -> None:
        """It is not asked for any more: its file has been replaced."""
        with self._lock:
            self._open.pop(column, None)

    def _sum(self) -> int:
        return sum(each.bytes for each in self._open)


class MappedColumn:
    """The column of a file, as it was written. All of it is read and checked before the first answer."""

    def __init__(
        self, folder: Path, tenant: str, named: NamedFile, files: OpenFiles, damages: Damages
    ) -> None:
        self.named = named
        self.bytes = 0
        """In use of the file, since it was opened first."""
        self._folder, self._tenant = folder, tenant
        self._files, self._damages = files, damages
        self._tag: TagColumn | None = None
        self._is_checked = False
        self.is_kept = False
        self._opening = Lock()

    @property
    def tag(self) -> TagColumn:
        """Maps the file when it is not. Raises ColumnDamaged."""
        tag = self._tag
        if tag is None:
            with self._opening:
                tag = self._tag
                if tag is None:
                    tag = self._tag = self._opened()
        if not self.is_kept:
            self._files.used(self)
        return tag

    @property
    def mapped(self) -> TagColumn | None:
        """What is mapped of it now, which does not count as asking for it."""
        return self._tag

    @property
    def known_damage(self) -> str:
        """As `damage`, of what has been read so far."""
        return self._damages.of(self._tenant, self.named.column)

    @property
    def damage(self) -> str:
        """The name of the file when it is damaged, else empty."""
        if not self._is_checked:
            with suppress(ColumnDamaged):
                _ = self.tag
        return self.known_damage

    def close(self) -> None:
        """Lets go of it until it is asked for again."""
        with self._opening:
            if not self.is_kept:
                self._tag = None

    def keep(self) -> None:
        """Before its file is removed: who reads this version goes on. Nothing closes it any more."""
        with self._opening:
            self.is_kept = True
            if self._tag is None:
                with suppress(ColumnDamaged):
                    self._tag = self._opened()
        self._files.forget(self)

    def _opened(self) -> TagColumn:
        if file := self._damages.of(self._tenant, self.named.column):
            raise ColumnDamaged(self.named.column, file)
        try:
            found = opened(self._folder, self.named)
            if not self._is_checked:
                verify(self._folder, self.named)
                self._is_checked = True
        except FileDamaged as damage:
            self._damages.add(self._tenant, damage)
            raise ColumnDamaged(damage.column, damage.file) from damage
        assert isinstance(found, TagColumn)
        self.bytes = footprint(found.column)
        return found
