"""Hot copies near and far: this process's memory in front of what processes share, and a breaker around what may
fail."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from typing import TypeVar

from servicekit.logging import logger
from tagging.store.portrait_ports import CopiesUnavailable, HotCopies, HotCopy

T = TypeVar("T")

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0


class LayeredCopies:
    """HotCopies: what the near place lacks is asked of the far one; both are written."""

    def __init__(self, near: HotCopies, far: HotCopies) -> None:
        self._near = near
        self._far = far

    async def get(self, tenant: str, person_ids: Collection[int], shape: bytes) -> dict[int, HotCopy]:
        found = await self._near.get(tenant, person_ids, shape)
        missing = [each for each in person_ids if each not in found]
        if missing:
            more = await self._far.get(tenant, missing, shape)
            await self._near.put(tenant, shape, more)
            found |= more
        return found

    async def put(self, tenant: str, shape: bytes, copies: Mapping[int, HotCopy]) -> None:
        await self._near.put(tenant, shape, copies)
        await self._far.put(tenant, shape, copies)

    async def drop(self, tenant: str, person_ids: Collection[int]) -> None:
        await self._near.drop(tenant, person_ids)
        await self._far.drop(tenant, person_ids)

    async def close(self) -> None:
        await self._near.close()
        await self._far.close()


class BrokenCircuit:
    """HotCopies that never fail: while the inner ones do there are no copies, and they are left alone for a growing
    pause. `now_s` is the machine's monotonic time.

    failures  calls that failed since the start
    """

    def __init__(self, inner: HotCopies, now_s: Callable[[], float]) -> None:
        self._inner = inner
        self._now_s = now_s
        self._pause_s = 0.0
        self._open_until_s = 0.0
        self.failures = 0

    @property
    def is_open(self) -> bool:
        """Whether the inner copies are left alone."""
        return self._now_s() < self._open_until_s

    async def get(self, tenant: str, person_ids: Collection[int], shape: bytes) -> dict[int, HotCopy]:
        return await self._try(lambda: self._inner.get(tenant, person_ids, shape), {})

    async def put(self, tenant: str, shape: bytes, copies: Mapping[int, HotCopy]) -> None:
        await self._try(lambda: self._inner.put(tenant, shape, copies), None)

    async def drop(self, tenant: str, person_ids: Collection[int]) -> None:
        await self._try(lambda: self._inner.drop(tenant, person_ids), None)

    async def close(self) -> None:
        with suppress(CopiesUnavailable):
            await self._inner.close()

    async def _try(self, call: Callable[[], Awaitable[T]], otherwise: T) -> T:
        if self.is_open:
            return otherwise
        try:
            found = await call()
        except CopiesUnavailable as error:
            self.failures += 1
            self._pause_s = min(max(FIRST_PAUSE_S, 2 * self._pause_s), LONGEST_PAUSE_S)
            self._open_until_s = self._now_s() + self._pause_s
            logger().warning("hot copies cannot be reached", cause=str(error), again_in_s=self._pause_s)
            return otherwise
        self._pause_s = 0.0
        return found
