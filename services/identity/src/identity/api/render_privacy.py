"""From the domain to responses about persons' rights and the audit."""

import json
from collections.abc import Iterator, Sequence

from huaxiang.identity.v1 import audit_service_pb2, erasure_pb2, privacy_service_pb2
from servicekit.revision import Revision
from servicekit.values import timestamp

from identity.app.audit import Verdict
from identity.app.erase_person import ErasureStatus, PersonErasure
from identity.app.export_person_data import PersonData
from identity.domain.audit_chain import ChainedRow
from identity.store.privacy_rows import ErasureRow

EXPORTED_ROWS = 500
"""Rows of one message, at most."""


def erased(answer: PersonErasure, *, dry_run: bool = False) -> privacy_service_pb2.ErasePersonResponse:
    """What was erased, or would be."""
    if not dry_run:
        return privacy_service_pb2.ErasePersonResponse(
            erasure=erasure(answer.status), revision=answer.revision.to_proto()
        )
    message = erasure(answer.status)
    message.erasure_id = 0
    message.state = erasure_pb2.ERASURE_STATE_UNSPECIFIED
    return privacy_service_pb2.ErasePersonResponse(erasure=message)


def erasure(status: ErasureStatus) -> erasure_pb2.Erasure:
    """An erasure with who has confirmed."""
    row = status.row
    return erasure_pb2.Erasure(
        erasure_id=row.erasure_id,
        person_ids=row.person_ids,
        key_ids=row.key_ids,
        time=timestamp(row.time_us),
        state=erasure_pb2.ERASURE_STATE_DONE if status.is_done else erasure_pb2.ERASURE_STATE_RUNNING,
        subject=row.subject,
        reason=row.reason,
        counts=erasure_pb2.ErasureCounts(**json.loads(row.counts)),
        confirmations=[
            erasure_pb2.ErasureConfirmation(service=service, time=timestamp(time_us) if time_us else None)
            for service, time_us in status.confirmations.items()
        ],
    )


def unconfirmed(
    rows: Sequence[tuple[str, ErasureRow]], service: str, epoch: str, next_page_token: str
) -> privacy_service_pb2.ListUnconfirmedErasuresResponse:
    """What a service has yet to remove."""
    return privacy_service_pb2.ListUnconfirmedErasuresResponse(
        erasures=[
            privacy_service_pb2.UnconfirmedErasure(
                tenant=tenant,
                erasure_id=row.erasure_id,
                person_ids=row.person_ids,
                key_ids=row.key_ids,
                revision=Revision(service, epoch, live=row.position).to_proto(),
                time=timestamp(row.time_us),
            )
            for tenant, row in rows
        ],
        next_page_token=next_page_token,
    )


def person_data(data: PersonData) -> Iterator[privacy_service_pb2.ExportPersonDataResponse]:
    """The sections in parts; one part at least of each."""
    for section, rows in data.sections.items():
        for start in range(0, max(len(rows), 1), EXPORTED_ROWS):
            yield privacy_service_pb2.ExportPersonDataResponse(
                section=section,
                rows=[
                    json.dumps(row, ensure_ascii=False, sort_keys=True)
                    for row in rows[start : start + EXPORTED_ROWS]
                ],
            )


def audit_entry(chained: ChainedRow) -> audit_service_pb2.AuditEntry:
    """A row of the audit."""
    row = chained.row
    return audit_service_pb2.AuditEntry(
        sequence=chained.sequence,
        subject=row.subject,
        action=row.action,
        reason=row.reason,
        details=row.details,
        person_ids=row.person_ids,
        time=timestamp(row.time_us),
        machine_time=timestamp(row.machine_time_us),
        hash=chained.hash,
    )


def verdict(answer: Verdict) -> audit_service_pb2.VerifyAuditResponse:
    """Whether the chain is whole, and its end."""
    end = audit_service_pb2.AuditEnd(sequence=answer.end.sequence, hash=answer.end.hash)
    if answer.broken is None:
        return audit_service_pb2.VerifyAuditResponse(whole=True, end=end)
    return audit_service_pb2.VerifyAuditResponse(
        broken_sequence=answer.broken.sequence, problem=answer.broken.problem, end=end
    )
