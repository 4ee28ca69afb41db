"""A named period on its way into a policy: one person proposes, another approves."""

from dataclasses import dataclass
from enum import StrEnum

from activation.domain.policy import NamedPeriod


class Standing(StrEnum):
    """See policy.proto."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Proposal:
    """`approved_by` is empty until somebody has."""

    period: NamedPeriod
    standing: Standing
    proposed_by: str
    approved_by: str = ""
