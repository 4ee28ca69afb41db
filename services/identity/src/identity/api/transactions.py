"""Runs use cases in transactions: ports are opened on the connection, use cases never see it."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from google.protobuf.message import Message
from servicekit.database import Database
from servicekit.request_ids import digest_source, once
from sqlalchemy import Connection

from identity.store.ports import Stores

P = ParamSpec("P")
T = TypeVar("T")


class Transactions:
    """The store as servicers use it."""

    def __init__(self, database: Database, open_stores: Callable[[Connection], Stores]) -> None:
        self._database = database
        self._open_stores = open_stores

    async def write(
        self, use_case: Callable[Concatenate[Stores, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """One transaction; the result comes after its commit."""
        return await self._database.write(self._run, use_case, *args, **kwargs)

    async def write_once(
        self, tenant: str, request_id: str, request: Message, answer: Callable[[Stores], bytes]
    ) -> bytes:
        """One transaction, unless this request_id was seen: then its first answer. Raises ResourceExists."""

        def run(connection: Connection) -> bytes:
            return once(
                connection,
                tenant=tenant,
                rpc=request.DESCRIPTOR.name,
                request_id=request_id,
                request=digest_source(request),
                work=lambda: answer(self._open_stores(connection)),
            )

        return await self._database.write(run)

    async def read(
        self, use_case: Callable[Concatenate[Stores, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """One read snapshot."""
        return await self._database.read(self._run, use_case, *args, **kwargs)

    async def rehearse(
        self, use_case: Callable[Concatenate[Stores, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The result of a transaction that is then rolled back: nothing is changed."""
        try:
            await self._database.write(self._run_and_undo, use_case, *args, **kwargs)
        except _Rehearsed as rehearsed:
            return cast(T, rehearsed.result)
        raise AssertionError("unreachable")

    def stream(self, export: Callable[..., Iterator[T]], *args: Any) -> AsyncIterator[T]:
        """The parts of an export, all from one read snapshot."""

        def parts(connection: Connection) -> Iterator[T]:
            return export(self._open_stores(connection), *args)

        return self._database.stream(parts)

    def _run(self, connection: Connection, use_case: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        return use_case(self._open_stores(connection), *args, **kwargs)

    def _run_and_undo(
        self, connection: Connection, use_case: Callable[..., T], /, *args: Any, **kwargs: Any
    ) -> None:
        raise _Rehearsed(use_case(self._open_stores(connection), *args, **kwargs))


class _Rehearsed(Exception):
    """Rolls a transaction back and carries its result out."""

    def __init__(self, result: object) -> None:
        super().__init__()
        self.result = result
