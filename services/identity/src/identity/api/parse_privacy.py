"""From requests about persons' rights and the audit to the domain, limits checked."""

from huaxiang.identity.v1 import audit_service_pb2, privacy_service_pb2
from servicekit.errors import InvalidField
from servicekit.principal import Principal

from identity.api.parse import MAX_REASON_CHARS
from identity.app.audit import AuditQuestion
from identity.app.erase_person import ErasureQuestion
from identity.app.export_person_data import ExportQuestion
from identity.domain.audit_chain import GENESIS, ChainEnd

MAX_FILTER_CHARS = 128


def erasure_question(
    request: privacy_service_pb2.ErasePersonRequest, principal: Principal
) -> ErasureQuestion:
    """Whom to erase and why."""
    _check_person(request.person_id)
    _check_reason(request.reason)
    return ErasureQuestion(principal.require_tenant(), principal.subject, request.person_id, request.reason)


def export_question(
    request: privacy_service_pb2.ExportPersonDataRequest, principal: Principal
) -> ExportQuestion:
    """Whose data and why."""
    _check_person(request.person_id)
    _check_reason(request.reason)
    return ExportQuestion(principal.require_tenant(), principal.subject, request.person_id, request.reason)


def audit_question(request: audit_service_pb2.ListAuditRequest, principal: Principal) -> AuditQuestion:
    """Which rows of the audit."""
    if request.person_id < 0:
        raise InvalidField("person_id", "is negative")
    for field, text in (("action", request.action), ("subject", request.subject)):
        if len(text) > MAX_FILTER_CHARS:
            raise InvalidField(field, f"has more than {MAX_FILTER_CHARS} characters")
    return AuditQuestion(principal.require_tenant(), request.person_id, request.action, request.subject)


def expected_end(request: audit_service_pb2.VerifyAuditRequest) -> ChainEnd | None:
    """The end that was kept elsewhere, None when there is none."""
    if not request.HasField("expected"):
        return None
    expected = request.expected
    if expected.sequence <= 0 or len(expected.hash) != len(GENESIS):
        raise InvalidField("expected", "is no end of a chain: a positive sequence and a hash of 32 bytes")
    return ChainEnd(expected.sequence, expected.hash)


def _check_person(person_id: int) -> None:
    if person_id <= 0:
        raise InvalidField("person_id", "is not positive")


def _check_reason(reason: str) -> None:
    if not 1 <= len(reason) <= MAX_REASON_CHARS or not reason.isprintable():
        raise InvalidField("reason", f"is not 1 to {MAX_REASON_CHARS} printable characters: name the request")
