"""Columns of large tenants are merged into files in the background, while others read and change them."""

from functools import partial

from segments.app.version import Board, Version
from segments.domain.touched import Touched
from segments.store.ports import ColumnFiles, Stores
from servicekit.database import Database
from servicekit.logging import logger
from sqlalchemy import Connection

TIDIED_EACH = 600
"""Calls after which files that nobody names are looked for, besides at first, when there may be those of a process that
was killed, and as soon as a column has left its file."""


class SettleColumns:
    """One at a time. A file counts from the commit that names it: whoever is killed before leaves one that nobody
    names."""

    def __init__(self, board: Board, database: Database, stores: Stores, files: ColumnFiles) -> None:
        self._board = board
        self._database = database
        self._stores = stores
        self._files = files
        self._calls = 0
        self._is_tidy = False

    def leaves(self, tenant: str) -> bool:
        """Whether there may be files with values of a tenant that no column of it is in."""
        index = self._board.current.tenant(tenant).index
        return not self._is_tidy or bool(self._files.unneeded(index))

    async def __call__(self) -> int:
        """Settles every column that is due once; answers how many. One whose file cannot be written or named, as on a
        full disk, goes on as it is until the next call, and others are settled."""
        tenants = list(self._board.current.tenants)
        if self._calls % TIDIED_EACH == 0 or any(map(self.leaves, tenants)):
            await self._tidy()
        self._calls += 1
        done = 0
        for tenant in tenants:
            for column in await self._board.compute(partial(self._due, tenant)):
                try:
                    done += await self._settle(tenant, column)
                except Exception:
                    logger().exception(
                        "a column was not written to its file, trying again", tenant=tenant, tag=column
                    )
        return done

    async def _tidy(self) -> None:
        """Removes the files that no manifest names; what is left of them is tried again by the next call."""
        self._is_tidy = False
        try:
            named = await self._database.read(self._stores.manifests.all)
            names = frozenset[str]().union(*(each.names for each in named.values()))
            await self._board.compute(lambda: self._files.remove_unnamed(names))
        except Exception:
            logger().exception("files that nobody names were not removed, trying again")
            return
        self._is_tidy = True

    def _due(self, tenant: str) -> list[str]:
        return self._files.due(self._board.current.tenant(tenant).index)

    async def _settle(self, tenant: str, column: str) -> bool:
        index = self._board.current.tenant(tenant).index
        if index.type_of(column) is None:
            return False
        settled = await self._board.compute(lambda: self._files.settle(index, column))
        if settled is None:
            return False

        def prepare(draft: Version) -> list[int] | None:
            return draft.writable(tenant).index.rest(settled) if tenant in draft.tenants else None

        def store(connection: Connection, draft: Version, moved: list[int] | None) -> str | None:
            if moved is None:
                return settled.named.file
            before = self._stores.manifests.name(connection, tenant, settled.named, moved)
            if settled.pays:
                touched = Touched(blocks={(column, block): 0 for block in moved})
                self._stores.index.save(connection, tenant, touched, draft.tenant(tenant).index)
            return before

        try:
            unneeded = await self._board.change(prepare, store)
        except Exception:
            self._is_tidy = False  # a file is left: the next call asks the manifest whether it counts
            raise
        is_named = unneeded != settled.named.file
        if is_named:
            self._files.note_named(tenant, settled)
        if unneeded:
            await self._remove(unneeded)
        return is_named

    async def _remove(self, file: str) -> None:
        """A file that counts no more; when it is left it is looked for again by the next call."""
        try:
            await self._board.compute(lambda: self._files.remove([file]))
        except OSError:
            self._is_tidy = False
            logger().exception("a file that nobody names was not removed, trying again", file=file)
