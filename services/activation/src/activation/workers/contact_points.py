"""Addresses as identity hands them out."""

import grpc
from activation.app.accounts import Account
from activation.app.claiming import Claimed, Permission, Reached
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


MARKETING = "marketing"


class AddressesRefused(Exception):
    """Identity does not take the question: nobody of the campaign can be reached until it is mended."""


class ContactPoints:
    """Asks for up to 1,000 persons at once; identity checks consent at the moment of the call."""

    def __init__(self, identity: grpc.aio.Channel) -> None:
        self._stub = ContactPointServiceStub(identity)

    async def of(self, account: Account, claimed: Claimed) -> dict[int, Reached]:
        """By person id. Marketing over sensitive tags needs the person's consent to each of their purposes, at the same
        address; whoever lacks one is left out like anyone without consent. Raises UpstreamUnavailable,
        AddressesRefused."""
        campaign = claimed.campaign
        found = await self._asked(account, claimed, campaign.draft.purpose)
        further = campaign.purposes if campaign.draft.purpose == MARKETING else ()
        for purpose in further:
            allowed = await self._asked(account, claimed, purpose)
            found = {person_id: _narrowed(answer, allowed[person_id]) for person_id, answer in found.items()}
        return {
            person_id: Reached(
                _PERMISSIONS.get(answer.status, Permission.NO_PERSON),
                answer.address,
                answer.birth_key_id,
                tuple(answer.merged_birth_key_ids),
                answer.time_zone,
            )
            for person_id, answer in found.items()
        }

    async def _asked(
        self, account: Account, claimed: Claimed, purpose: str
    ) -> dict[int, pb.PersonContactPoint]:
        draft = claimed.campaign.draft
        request = pb.GetContactPointsRequest(
            person_ids=[claim.person_id for claim in claimed.claims],
            purpose=purpose,
            channel=_CHANNELS[account.caps.contact_channel],
            scope=account.scope,
            brand=draft.brand,
            reason=f"campaign {draft.campaign_id}",
        )
        try:
            answer = await self._stub.GetContactPoints(
                request, metadata=((TENANT_KEY, claimed.campaign.tenant),)
            )
        except grpc.aio.AioRpcError as error:
            if error.code() in _REFUSED:
                raise AddressesRefused(describe(error)) from error
            raise UpstreamUnavailable("identity") from error
        return {claim.person_id: found for claim, found in zip(claimed.claims, answer.results, strict=True)}


def _narrowed(found: pb.PersonContactPoint, allowed: pb.PersonContactPoint) -> pb.PersonContactPoint:
    """What is left of a permission when one more purpose is asked for."""
    permitted = pb.CONTACT_POINT_STATUS_PERMITTED
    if found.status != permitted:
        return found
    if allowed.status == permitted and allowed.address_hash == found.address_hash:
        return found
    status = pb.CONTACT_POINT_STATUS_NO_CONSENT if allowed.status == permitted else allowed.status
    return pb.PersonContactPoint(person_id=found.person_id, status=status, birth_key_id=found.birth_key_id)
