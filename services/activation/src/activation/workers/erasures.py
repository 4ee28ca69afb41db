"""Asks identity whom it has erased, forgets them in the ledger, and confirms."""

import grpc
from activation.store.ports import Forgetting
from huaxiang.identity.v1 import privacy_service_pb2 as pb
from huaxiang.identity.v1.privacy_service_pb2_grpc import PrivacyServiceStub
from servicekit.database import Database
from servicekit.errors import UpstreamUnavailable
from servicekit.paging import all_pages

NAME = "activation"
"""The name in identity's configuration."""


class Erasures:
    """One look a round; an erasure with deliveries under way waits for them to end."""

    def __init__(self, database: Database, forgetting: Forgetting, identity: grpc.aio.Channel) -> None:
        self._database = database
        self._forgetting = forgetting
        self._privacy = PrivacyServiceStub(identity)

    async def round(self) -> bool:
        """Never asks for another round at once: what is left takes time. Raises UpstreamUnavailable."""
        try:
            asked = pb.ListUnconfirmedErasuresRequest(service=NAME)
            answers = [answer async for answer in all_pages(self._privacy.ListUnconfirmedErasures, asked)]
            for erasure in (each for answer in answers for each in answer.erasures):
                done = await self._database.write(
                    self._forgetting.forget, erasure.tenant, tuple(erasure.person_ids)
                )
                if done:
                    await self._privacy.ConfirmErasure(
                        pb.ConfirmErasureRequest(
                            tenant=erasure.tenant, erasure_id=erasure.erasure_id, service=NAME
                        )
                    )
        except grpc.aio.AioRpcError as error:
            raise UpstreamUnavailable("identity") from error
        return False
