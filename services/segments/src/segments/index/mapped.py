"""Columns in files that are mapped when they are asked for, and let go of when memory is short."""

from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from threading import Lock

from segments.domain.manifests import FileDamaged, NamedFile
from segments.engine.columns import TagColumn
from segments.engine.live.files import opened, verify
from segments.errors import ColumnDamaged
from segments.index.damages import Damages


class OpenFiles:
    """What is mapped, of all tenants: beyond `most_bytes` that which nobody has asked for longest is let go of. Whoever
    reads it goes on: the system unmaps a file when nobody holds its column any more. Columns that changed since they
    were written are not counted, they stay. For any number of threads."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._open: OrderedDict[MappedColumn, None] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    @property
    def bytes(self) -> int:
        """Of all that is mapped."""
        return self._bytes

    def used(self, column: "MappedColumn") -> None:
        """Notes that a column was asked for just now."""
        with self._lock:
            if column not in self._open:
                self._bytes += column.bytes
            self._open[column] = None
            self._open.move_to_end(column)
            while self._bytes > self.most_bytes and len(self._open) > 1:
                unused, _ = self._open.popitem(last=False)
                self._bytes -= unused.bytes
                unused.close()

    def forget(self, column: "MappedColumn") -> None:
        """It is not asked for any more: its file has been replaced."""
        with self._lock:
            if column in self._open:
                del self._open[column]
                self._bytes -= column.bytes


class MappedColumn:
    """The column of a file, as it was written. All of it is read and checked before the first answer."""

    def __init__(
        self, folder: Path, tenant: str, named: NamedFile, files: OpenFiles, damages: Damages
    ) -> None:
        self.named = named
        self._folder, self._tenant = folder, tenant
        self._files, self._damages = files, damages
        self._tag: TagColumn | None = None
        self._is_checked = False
        self._is_kept = False
        self._opening = Lock()

    @property
    def bytes(self) -> int:
        """Of the file."""
        return self.named.bytes

    @property
    def tag(self) -> TagColumn:
        """Maps the file when it is not. Raises ColumnDamaged."""
        tag = self._tag
        if tag is None:
            with self._opening:
                tag = self._tag = self._opened() if self._tag is None else self._tag
        if not self._is_kept:
            self._files.used(self)
        return tag

    @property
    def damage(self) -> str:
        """The name of the file when it is damaged, else empty."""
        if not self._is_checked:
            with suppress(ColumnDamaged):
                _ = self.tag
        return self._damages.of(self._tenant, self.named.column)

    def close(self) -> None:
        """Lets go of it until it is asked for again."""
        if not self._is_kept:
            self._tag = None

    def keep(self) -> None:
        """Before its file is removed: who reads this version goes on. Nothing closes it any more."""
        self._is_kept = True
        with suppress(ColumnDamaged):
            _ = self.tag
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
        return found
