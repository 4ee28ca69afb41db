"""Confirms identity's erasures: an erased person leaves every segment by tagging's stream, as everybody else does who
is not living; when that has come here, nothing of the person is counted, told or exported any more. It is confirmed
when no file of a column holds values of the person, either: others who are erased meanwhile do not delay it.
"""

import asyncio
from collections.abc import Mapping
from typing import Protocol

import grpc
from huaxiang.identity.v1 import privacy_service_pb2 as pb
from huaxiang.identity.v1.privacy_service_pb2_grpc import PrivacyServiceStub
from servicekit.errors import NotReached
from servicekit.freshness import Freshness
from servicekit.logging import logger
from servicekit.paging import all_pages
from servicekit.revision import from_proto

NAME = "segments"
"""The name in identity's configuration."""
LOOK_S = 1.0
WAIT_S = 1.0


class Debts(Protocol):
    """What the files of a tenant's columns owe to the erased."""

    def of(self, tenant: str) -> Mapping[str, int] | None:
        """By column, up to which number now; None while that is not known."""
        ...

    def are_paid(self, tenant: str, debts: Mapping[str, int]) -> bool:
        """Whether none of these is left."""
        ...


class ErasureConfirming:
    """Runs until cancelled; what fails is tried again at the next look."""

    def __init__(
        self,
        identity: grpc.aio.Channel,
        freshness: Freshness,
        debts: Debts,
        *,
        look_s: float = LOOK_S,
    ) -> None:
        self._privacy = PrivacyServiceStub(identity)
        self._freshness = freshness
        self._debts = debts
        self._noted: dict[tuple[str, int], Mapping[str, int]] = {}
        self._look_s = look_s

    async def run(self) -> None:
        while True:
            try:
                await self.look()
            except grpc.aio.AioRpcError as error:
                logger().warning("erasures were not asked for", code=error.code().name)
            except Exception as error:
                logger().warning("erasures were not confirmed, trying again", exc_info=error)
            await asyncio.sleep(self._look_s)

    async def look(self) -> int:
        """One look; how many erasures it confirmed. Those that have not come here yet, or not into the files, wait for
        the next."""
        asked = pb.ListUnconfirmedErasuresRequest(service=NAME)
        answers = [answer async for answer in all_pages(self._privacy.ListUnconfirmedErasures, asked)]
        erasures = [each for answer in answers for each in answer.erasures]
        confirmed, waiting = 0, {(each.tenant, each.erasure_id) for each in erasures}
        self._noted = {each: debts for each, debts in self._noted.items() if each in waiting}
        for erasure in erasures:
            told_at = from_proto(erasure.revision)
            if told_at is None:
                continue
            try:
                await self._freshness.reach(told_at, asyncio.get_running_loop().time() + WAIT_S)
            except NotReached:
                break
            if not self._is_in_no_file(erasure.tenant, erasure.erasure_id):
                continue
            await self._privacy.ConfirmErasure(
                pb.ConfirmErasureRequest(tenant=erasure.tenant, erasure_id=erasure.erasure_id, service=NAME)
            )
            confirmed += 1
        return confirmed

    def _is_in_no_file(self, tenant: str, erasure_id: int) -> bool:
        """Of an erasure that has come here: what is owed when that is seen first is owed to it as well."""
        owed = self._debts.of(tenant)
        if owed is None:
            return False
        return self._debts.are_paid(tenant, self._noted.setdefault((tenant, erasure_id), owed))
