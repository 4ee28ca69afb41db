"""Files of columns, and what names them."""

from collections.abc import Collection
from typing import Protocol

from segments.domain.manifests import Manifest, NamedFile
from sqlalchemy import Connection


class ColumnManifests(Protocol):
    """Which files hold columns of the index. What the store's rows hold of such a column came after its file, or may
    come again."""

    def all(self, connection: Connection) -> dict[str, Manifest]:
        """By tenant; only those that have any."""
        ...

    def name(
        self, connection: Connection, tenant: str, named: NamedFile, moved: Collection[int]
    ) -> str | None:
        """Names a file in place of its column's former one, which it answers, and removes the rows that it holds: not
        of the blocks that moved since, nor values that a lane has not passed yet."""
        ...


class SettledColumn(Protocol):
    """A column as a file has it, and the version that it was made of."""

    @property
    def named(self) -> NamedFile:
        """Its file, written and synced."""
        ...

    @property
    def pays(self) -> bool:
        """Whether the file is to be free of somebody who was erased: then what is stored beside it is to be, too."""
        ...
