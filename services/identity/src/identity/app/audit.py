"""ListAudit and VerifyAudit."""

from dataclasses import dataclass

from identity.domain.audit_chain import ChainBreak, ChainedRow, ChainEnd, ChainReader
from identity.store.ports import Stores

VERIFIED_ROWS = 5_000
"""Rows of the chain held in memory at once."""


@dataclass(frozen=True)
class AuditQuestion:
    """Which rows; empty and 0 ask for all."""

    tenant: str
    person_id: int = 0
    action: str = ""
    subject: str = ""


@dataclass(frozen=True)
class Verdict:
    """`broken` is None when the chain is whole."""

    broken: ChainBreak | None
    end: ChainEnd


def list_audit(stores: Stores, question: AuditQuestion, after: int, limit: int) -> list[ChainedRow]:
    """Rows with a higher sequence, ascending."""
    return list(
        stores.audit.page(
            question.tenant,
            after,
            limit,
            action=question.action,
            subject=question.subject,
            person_ids=[question.person_id] if question.person_id else (),
        )
    )


def verify_audit(stores: Stores, tenant: str, expected: ChainEnd | None) -> Verdict:
    """Reads the chain from its beginning; `expected` is an end that was kept elsewhere."""
    stored = stores.audit.end(tenant)
    reader = ChainReader(tenant)
    while rows := stores.audit.page(tenant, reader.end.sequence, VERIFIED_ROWS):
        broken = reader.read(rows)
        if broken is not None:
            return Verdict(broken, stored)
        if expected is not None and rows[0].sequence <= expected.sequence <= rows[-1].sequence:
            there = rows[expected.sequence - rows[0].sequence]
            if there.hash != expected.hash:
                problem = "the row is not the one whose hash was kept: the chain was rewritten"
                return Verdict(ChainBreak(expected.sequence, problem), stored)
    if expected is not None and expected.sequence > reader.end.sequence:
        problem = "the row whose hash was kept is missing: the chain was cut off"
        return Verdict(ChainBreak(reader.end.sequence + 1, problem), stored)
    return Verdict(reader.finish(stored), stored)
