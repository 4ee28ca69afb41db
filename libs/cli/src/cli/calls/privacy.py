"""The rights of persons: what every service holds of one, gathered; erasing; the audit."""

import json
from collections.abc import AsyncIterable
from typing import Any

from huaxiang.activation.v1 import privacy_service_pb2 as activation_pb
from huaxiang.activation.v1.privacy_service_pb2_grpc import PrivacyServiceStub as ActivationStub
from huaxiang.identity.v1 import audit_service_pb2 as audit_pb
from huaxiang.identity.v1 import privacy_service_pb2 as pb
from huaxiang.identity.v1.audit_service_pb2_grpc import AuditServiceStub
from huaxiang.identity.v1.privacy_service_pb2_grpc import PrivacyServiceStub
from huaxiang.segments.v1 import privacy_service_pb2 as segments_pb
from huaxiang.segments.v1.privacy_service_pb2_grpc import PrivacyServiceStub as SegmentsStub
from huaxiang.tagging.v1 import privacy_service_pb2 as tagging_pb
from huaxiang.tagging.v1.privacy_service_pb2_grpc import PrivacyServiceStub as TaggingStub

from cli.suite.running import RunningSuite

ERASE_WITHIN_S = 60.0
VERIFY_WITHIN_S = 600.0
EXPORT_WITHIN_S = 120.0
Sections = dict[str, list[Any]]
_OTHERS: dict[str, tuple[Any, Any]] = {
    "tagging": (TaggingStub, tagging_pb.ExportPersonDataRequest),
    "segments": (SegmentsStub, segments_pb.ExportPersonDataRequest),
    "activation": (ActivationStub, activation_pb.ExportPersonDataRequest),
}
"""The services to the right of identity, which gives them the person's ids."""


async def export(suite: RunningSuite, person_id: int, reason: str) -> dict[str, Sections]:
    """By service, then section: identity first, for it knows which ids are the person's."""
    async with suite.channel("identity") as channel:
        request = pb.ExportPersonDataRequest(person_id=person_id, reason=reason)
        found = {
            "identity": await _gathered(
                PrivacyServiceStub(channel).ExportPersonData(request, timeout=EXPORT_WITHIN_S)
            )
        }
    (person,) = found["identity"]["persons"]
    person_ids = [person["person_id"], *person["also"]]
    for service, (stub, message) in _OTHERS.items():
        async with suite.channel(service) as channel:
            parts = stub(channel).ExportPersonData(message(person_ids=person_ids), timeout=EXPORT_WITHIN_S)
            found[service] = await _gathered(parts)
    return found


async def erase(suite: RunningSuite, person_id: int, reason: str, *, dry_run: bool) -> pb.ErasePersonResponse:
    """Erases, or tells what would be erased."""
    async with suite.channel("identity") as channel:
        request = pb.ErasePersonRequest(person_id=person_id, reason=reason, dry_run=dry_run)
        return await PrivacyServiceStub(channel).ErasePerson(request, timeout=ERASE_WITHIN_S)


async def erasure(suite: RunningSuite, person_id: int) -> pb.GetErasureResponse:
    """The erasure of a person."""
    async with suite.channel("identity") as channel:
        return await PrivacyServiceStub(channel).GetErasure(pb.GetErasureRequest(person_id=person_id))


async def verify(suite: RunningSuite, expected: audit_pb.AuditEnd | None) -> audit_pb.VerifyAuditResponse:
    """Whether the audit's chain is whole."""
    async with suite.channel("identity") as channel:
        request = audit_pb.VerifyAuditRequest(expected=expected)
        return await AuditServiceStub(channel).VerifyAudit(request, timeout=VERIFY_WITHIN_S)


async def audit(suite: RunningSuite, person_id: int, limit: int) -> list[audit_pb.AuditEntry]:
    """The first rows of the audit, of one person when an id is given."""
    async with suite.channel("identity") as channel:
        request = audit_pb.ListAuditRequest(person_id=person_id, page_size=limit)
        return list((await AuditServiceStub(channel).ListAudit(request)).entries)


async def _gathered(parts: AsyncIterable[Any]) -> Sections:
    found: Sections = {}
    async for part in parts:
        found.setdefault(part.section, []).extend(json.loads(row) for row in part.rows)
    return found
