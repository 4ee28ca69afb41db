"""Asks identity whom it has erased, removes what is kept of them, and confirms."""

import asyncio
from datetime import timedelta

import grpc
from huaxiang.identity.v1 import privacy_service_pb2 as pb
from huaxiang.identity.v1.privacy_service_pb2_grpc import PrivacyServiceStub
from servicekit.clock import Clock
from servicekit.logging import logger
from servicekit.paging import all_pages
from servicekit.revision import from_proto
from servicekit.values import moment
from tagging.app.forget_persons import ErasedPerson, ForgetPersons

SERVICE = "tagging"
"""The name in identity's configuration."""
LOOK_S = 1.0
REWRITE_AFTER_S = 7 * 86_400.0
"""Files are written anew when an erasure is this old, in the suite's time: for all erasures at once."""


class ForgettingWorker:
    """Runs until cancelled; what fails is tried again at the next look."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        forget: ForgetPersons,
        clock: Clock,
        *,
        rewrite_after_s: float = REWRITE_AFTER_S,
        look_s: float = LOOK_S,
    ) -> None:
        self._privacy = PrivacyServiceStub(channel)
        self._forget = forget
        self._clock = clock
        self._rewrite_after = timedelta(seconds=rewrite_after_s)
        self._look_s = look_s
        self._rows_gone: set[tuple[str, int]] = set()

    async def run(self) -> None:
        while True:
            try:
                await self.look()
            except grpc.aio.AioRpcError as error:
                logger().warning("erasures were not asked for", code=error.code().name)
            except Exception as error:
                logger().warning("erasing failed, trying again", exc_info=error)
            await asyncio.sleep(self._look_s)

    async def look(self) -> int:
        """One look; how many erasures it confirmed."""
        asked = pb.ListUnconfirmedErasuresRequest(service=SERVICE)
        answers = [answer async for answer in all_pages(self._privacy.ListUnconfirmedErasures, asked)]
        erasures = [each for answer in answers for each in answer.erasures]
        masked = await self._forget.masked([_erased(each) for each in erasures])
        fresh = [each for each in masked if (each.tenant, each.erasure_id) not in self._rows_gone]
        await self._forget.forget_rows(fresh)
        self._rows_gone |= {(each.tenant, each.erasure_id) for each in fresh}
        oldest = min((moment(each.time) for each in erasures), default=None)
        if oldest is None or self._clock.now() - oldest < self._rewrite_after:
            return 0
        complete = await self._forget.complete(masked)
        await self._forget.forget_rows(complete)
        await self._forget.forget_files(complete)
        for each in complete:
            await self._privacy.ConfirmErasure(
                pb.ConfirmErasureRequest(tenant=each.tenant, erasure_id=each.erasure_id, service=SERVICE)
            )
            self._rows_gone.discard((each.tenant, each.erasure_id))
        return len(complete)


def _erased(message: pb.UnconfirmedErasure) -> ErasedPerson:
    told_at = from_proto(message.revision)
    if told_at is None:
        raise ValueError("identity tells of an erasure without saying where")
    return ErasedPerson(message.tenant, message.erasure_id, tuple(message.key_ids), told_at)
