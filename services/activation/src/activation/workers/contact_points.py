"""Addresses as identity hands them out."""

import time
from collections.abc import Mapping, Sequence

import grpc
from activation.app.accounts import Account
from activation.app.claiming import AddressesRefused, Claimed, Permission, Reached
from activation.domain.campaign import MARKETING, Campaign
from huaxiang.identity.v1 import contact_point_service_pb2 as pb
from huaxiang.identity.v1 import record_pb2
from huaxiang.identity.v1.contact_point_service_pb2_grpc import ContactPointServiceStub
from servicekit.errors import UpstreamUnavailable
from servicekit.principal import TENANT_KEY
from servicekit.status import describe

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
_REFUSED = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED}
MINORS = "minors"
"""The purpose that a guardian consents to, a sensitive one: it needs a grant of its own."""


PERMISSION_S = 5.0
"""Machine time for which identity's answer is good: behind a slow provider rows are given back and asked about anew."""
CONSENT_S = 1.0
"""The same for marketing, up to the moment at which it is written down as being sent."""


def good_until_s(campaign: Campaign) -> float:
    """Until when an answer is good that is asked for now; monotonic."""
    marketing = campaign.draft.message_class == MARKETING
    return time.monotonic() + (CONSENT_S if marketing else PERMISSION_S)


class ContactPoints:
    """Asks for up to 1,000 persons at once; identity checks consent at the moment of the call."""

    def __init__(self, identity: grpc.aio.Channel) -> None:
        self._stub = ContactPointServiceStub(identity)

    async def of(self, account: Account, claimed: Claimed) -> dict[int, Reached]:
        """By person id. Marketing over sensitive tags needs the person's consent to each of their purposes, at the same
        address, and to a child what is given for minors; whoever lacks one is left out. Raises UpstreamUnavailable,
        AddressesRefused."""
        campaign = claimed.campaign
        persons = [claim.person_id for claim in claimed.claims]
        found = await self._asked(account, campaign, persons, campaign.draft.purpose)
        marketing = campaign.draft.purpose == MARKETING
        for purpose in campaign.purposes if marketing else ():
            allowed = await self._asked(account, campaign, persons, purpose)
            found = {person_id: _narrowed(answer, allowed[person_id]) for person_id, answer in found.items()}
        minors = await self._unguarded(account, campaign, found) if marketing else frozenset()
        return {person_id: _reached(answer, person_id in minors) for person_id, answer in found.items()}

    async def _unguarded(
        self, account: Account, campaign: Campaign, found: Mapping[int, pb.PersonContactPoint]
    ) -> frozenset[int]:
        """Children who could be reached, for whom nobody allowed it."""
        children = [person_id for person_id, answer in found.items() if answer.minor and answer.address]
        if not children:
            return frozenset()
        allowed = await self._asked(account, campaign, children, MINORS)
        return frozenset(
            person_id for person_id in children if not _narrowed(found[person_id], allowed[person_id]).address
        )

    async def _asked(
        self, account: Account, campaign: Campaign, persons: Sequence[int], purpose: str
    ) -> dict[int, pb.PersonContactPoint]:
        draft = campaign.draft
        request = pb.GetContactPointsRequest(
            person_ids=persons,
            purpose=purpose,
            channel=_CHANNELS[account.caps.contact_channel],
            scope=account.scope,
            brand=draft.brand,
            reason=f"campaign {draft.campaign_id}",
        )
        try:
            answer = await self._stub.GetContactPoints(request, metadata=((TENANT_KEY, campaign.tenant),))
        except grpc.aio.AioRpcError as error:
            if error.code() in _REFUSED:
                raise AddressesRefused(describe(error)) from error
            raise UpstreamUnavailable("identity") from error
        return dict(zip(persons, answer.results, strict=True))


def _reached(answer: pb.PersonContactPoint, is_minor: bool) -> Reached:
    permission = _PERMISSIONS.get(answer.status, Permission.NO_PERSON)
    return Reached(
        Permission.MINOR if is_minor else permission,
        "" if is_minor else answer.address,
        answer.birth_key_id,
        tuple(answer.merged_birth_key_ids),
        answer.time_zone,
        answer.person_id,
        answer.no_profiling,
    )


def _narrowed(found: pb.PersonContactPoint, allowed: pb.PersonContactPoint) -> pb.PersonContactPoint:
    """What is left of a permission when one more purpose is asked for."""
    permitted = pb.CONTACT_POINT_STATUS_PERMITTED
    if found.status != permitted:
        return found
    if allowed.status == permitted and allowed.address_hash == found.address_hash:
        return found
    status = pb.CONTACT_POINT_STATUS_NO_CONSENT if allowed.status == permitted else allowed.status
    left = pb.PersonContactPoint()
    left.CopyFrom(found)
    left.status, left.address, left.address_hash = status, "", 0
    return left
