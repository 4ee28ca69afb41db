"""Takes the event dictionary from tagging."""

from segments.app.record import record
from segments.app.version import Board, Version
from segments.domain.dictionary import Dictionary
from segments.domain.movement import Followed
from segments.domain.touched import Touched
from segments.store.ports import Stores
from servicekit.revision import Lane
from sqlalchemy import Connection


class LearnDictionary:
    """Rules are read again by another dictionary."""

    def __init__(self, board: Board, stores: Stores) -> None:
        self._board = board
        self._stores = stores

    async def __call__(self, dictionary: Dictionary) -> None:
        """Does nothing when it is the one that is known."""
        if dictionary == self._board.current.dictionary:
            return

        def prepare(draft: Version) -> dict[str, Followed]:
            draft.dictionary = dictionary
            followed = {}
            for tenant in tuple(draft.tenants):
                if draft.tenant(tenant).names():
                    draft.reread(tenant, None)
                    followed[tenant] = draft.writable(tenant).follow(Touched(everyone=True), Lane.LIVE)
            return followed

        def store(connection: Connection, draft: Version, followed: dict[str, Followed]) -> None:
            self._stores.dictionary.save(connection, dictionary)
            record(connection, self._stores, Lane.LIVE, followed)

        await self._board.change(prepare, store)
