"""Confirms identity's erasures: an erased person leaves every segment by tagging's stream, as everybody else does who
is not living; when that has come here, nothing of the person is counted, told or exported any more. It is confirmed
when no file of a column holds values of the person, either.
"""

import asyncio
from collections.abc import Callable

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


class ErasureConfirming:
    """Runs until cancelled; what fails is tried again at the next look. `owes`: whether files of a tenant may hold
    values of the erased."""

    def __init__(
        self,
        identity: grpc.aio.Channel,
        freshness: Freshness,
        owes: Callable[[str], bool],
        *,
        look_s: float = LOOK_S,
    ) -> None:
        self._privacy = PrivacyServiceStub(identity)
        self._freshness = freshness
        self._owes = owes
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
        confirmed = 0
        for erasure in erasures:
            told_at = from_proto(erasure.revision)
            if told_at is None:
                continue
            try:
                await self._freshness.reach(told_at, asyncio.get_running_loop().time() + WAIT_S)
            except NotReached:
                break
            if self._owes(erasure.tenant):
                continue
            await self._privacy.ConfirmErasure(
                pb.ConfirmErasureRequest(tenant=erasure.tenant, erasure_id=erasure.erasure_id, service=NAME)
            )
            confirmed += 1
        return confirmed
