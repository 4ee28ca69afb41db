"""Brings what came back to identity: the outbox, oldest first, at least once; identity takes each record once."""

import grpc
from activation.app.telling import OUTBOX_ABOUT
from activation.store.ports import KeyMaker, Outbox
from activation.workers.failpoints import Reach
from huaxiang.identity.v1 import ingest_service_pb2, record_pb2
from huaxiang.identity.v1.ingest_service_pb2_grpc import IngestServiceStub
from huaxiang.type.v1 import revision_pb2
from servicekit.database import Database
from servicekit.errors import UpstreamUnavailable
from servicekit.logging import logger
from servicekit.principal import TENANT_KEY

RECORDS_PER_CALL = 500


class Relay:
    """One round sends one batch of one tenant."""

    def __init__(
        self, database: Database, outbox: Outbox, keys: KeyMaker, identity: grpc.aio.Channel, reach: Reach
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._keys = keys
        self._ingest = IngestServiceStub(identity)
        self._reach = reach

    async def round(self) -> bool:
        """Whether anything waited."""
        waiting = await self._database.read(self._outbox.oldest, RECORDS_PER_CALL)
        if not waiting:
            return False
        tenant = waiting[0][1]
        some = [(number, sealed) for number, owner, sealed in waiting if owner == tenant]
        records = [record_pb2.Record.FromString(self._keys.open(sealed, OUTBOX_ABOUT)) for _, sealed in some]
        await self._ingest_all(tenant, records)
        self._reach("relayed")
        await self._database.write(self._outbox.remove, [number for number, _ in some])
        return True

    async def _ingest_all(self, tenant: str, records: list[record_pb2.Record]) -> None:
        """A batch that identity refuses as a whole goes record by record; who is refused alone is logged and let go."""
        request = ingest_service_pb2.IngestEventsRequest(records=records, lane=revision_pb2.LANE_BULK)
        try:
            answer = await self._ingest.IngestEvents(request, metadata=((TENANT_KEY, tenant),))
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
                raise UpstreamUnavailable("identity") from error
            if len(records) == 1:
                logger().error("identity refused feedback", count=1)
                return
            for record in records:
                await self._ingest_all(tenant, [record])
            return
        refused = sum(result.status == ingest_service_pb2.INGEST_STATUS_REFUSED for result in answer.results)
        if refused:
            logger().error("identity refused feedback", count=refused)
