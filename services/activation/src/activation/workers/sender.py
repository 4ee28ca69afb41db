"""Sends one account's deliveries: claim, ask identity, write down, submit, store the result."""

import asyncio
import time

import grpc
from activation.app.campaigns import Account
from activation.app.sending import SUBMIT_TIMEOUT_S, Claimed, Permission, Reached, Sending, Written
from activation.channels.port import KeyScope, KeySource, KeysUnavailableError
from activation.store.ports import TokenBucket
from activation.workers.failpoints import Reach
from activation.workers.names import CHANNEL, SUBMIT
from huaxiang.identity.v1 import contact_point_service_pb2 as pb
from huaxiang.identity.v1 import record_pb2
from huaxiang.identity.v1.contact_point_service_pb2_grpc import ContactPointServiceStub
from servicekit.database import Database
from servicekit.errors import UpstreamUnavailable
from servicekit.principal import TENANT_KEY
from servicekit.telemetry.context import parse_traceparent
from servicekit.telemetry.spans import tracer

_CHANNELS = {
    "sms": record_pb2.CHANNEL_SMS,
    "wechat": record_pb2.CHANNEL_WECHAT,
    "push": record_pb2.CHANNEL_PUSH,
    "email": record_pb2.CHANNEL_EMAIL,
}
_PERMISSIONS = {
    pb.CONTACT_POINT_STATUS_PERMITTED: Permission.PERMITTED,
    pb.CONTACT_POINT_STATUS_NO_CONSENT: Permission.NO_CONSENT,
    pb.CONTACT_POINT_STATUS_WITHDRAWN: Permission.WITHDRAWN,
    pb.CONTACT_POINT_STATUS_NO_ADDRESS: Permission.NO_ADDRESS,
}


class Sender:
    """One round sends one batch."""

    def __init__(
        self,
        database: Database,
        sending: Sending,
        account: Account,
        identity: grpc.aio.Channel,
        bucket: TokenBucket,
        reach: Reach,
    ) -> None:
        self._database = database
        self._sending = sending
        self._account = account
        self._contact_points = ContactPointServiceStub(identity)
        self._bucket = bucket
        self._reach = reach

    async def round(self) -> bool:
        """Whether there was anything to send."""
        claimed = await self._database.write(self._sending.claim, self._account)
        if claimed is None:
            return False
        self._reach("claimed")
        try:
            reached = await self._reached(claimed)
        except UpstreamUnavailable:
            await self._database.write(self._sending.give_back, claimed, 1.0)
            raise
        claims = await self._database.write(self._sending.decide, self._account, claimed, reached)
        if not claims:
            return True
        addresses = {claim.person_id: reached[claim.person_id].address for claim in claims}
        await self._wait_for_turn()
        try:
            keys = await self._keys(len(claims))
        except KeysUnavailableError as error:
            await self._database.write(self._sending.give_back, claimed, max(error.after_s, 1.0))
            return True
        written = await self._database.write(
            self._sending.write, self._account, claimed, claims, addresses, keys
        )
        if written is None:
            await self._database.write(self._sending.give_back, claimed)
            return True
        self._reach("written")
        await self._submit(written, claimed.campaign.traceparent)
        return True

    async def _submit(self, written: Written, traceparent: str) -> None:
        parent = parse_traceparent(traceparent) if traceparent else None
        with tracer().span(SUBMIT.name, parent=parent, attributes={CHANNEL: self._account.caps.name}):
            outcomes = await self._account.channel.submit(written.wire, SUBMIT_TIMEOUT_S)
        self._reach("sent")
        await self._database.write(self._sending.result, self._account, written.batch.batch_id, outcomes)
        self._reach("resulted")

    async def _reached(self, claimed: Claimed) -> dict[int, Reached]:
        draft = claimed.campaign.draft
        request = pb.GetContactPointsRequest(
            person_ids=[claim.person_id for claim in claimed.claims],
            purpose=draft.purpose,
            channel=_CHANNELS[self._account.caps.contact_channel],
            scope=self._account.scope,
            brand=draft.brand,
            reason=f"campaign {draft.campaign_id}",
        )
        try:
            answer = await self._contact_points.GetContactPoints(
                request, metadata=((TENANT_KEY, claimed.campaign.tenant),)
            )
        except grpc.aio.AioRpcError as error:
            raise UpstreamUnavailable("identity") from error
        return {
            claim.person_id: Reached(
                _PERMISSIONS.get(found.status, Permission.NO_PERSON), found.address, found.birth_key_id
            )
            for claim, found in zip(claimed.claims, answer.results, strict=True)
        }

    async def _keys(self, count: int) -> tuple[str, ...]:
        channel = self._account.channel
        if not isinstance(channel, KeySource) or not self._account.caps.keys_from_provider:
            return ()
        wanted = 1 if self._account.caps.key_scope is KeyScope.BATCH else count
        return await channel.reserve_keys(wanted, SUBMIT_TIMEOUT_S)

    async def _wait_for_turn(self) -> None:
        while True:
            wait_ms = await self._database.write(
                self._bucket.take, self._account.name, self._account.calls_per_s, time.time_ns() // 1_000_000
            )
            if wait_ms == 0:
                return
            await asyncio.sleep(wait_ms / 1_000)
