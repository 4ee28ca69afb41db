"""Identifiers beside the rows of an export: asked of identity as they leave, kept nowhere."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Protocol

from segments.app.exports import Row
from segments.domain.exports import Export
from servicekit.errors import InvalidField


class Serving(IntEnum):
    """What identity says of a person; SERVED with identifiers."""

    SERVED = 1
    NO_CONSENT = 2
    NO_IDENTIFIER = 3
    ERASED = 4


@dataclass(frozen=True, slots=True)
class Served:
    """A person's identifiers by namespace, in the order asked for."""

    serving: Serving
    identifiers: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many persons of some are not among the rows, and why."""

    no_consent: int = 0
    no_identifier: int = 0
    erased: int = 0


class Identifiers(Protocol):
    """identity's identifiers of persons."""

    async def namespaces(self, tenant: str) -> frozenset[str]:
        """Those of the tenant's linking policy. Raises UpstreamUnavailable."""
        ...

    async def __call__(self, tenant: str, export: Export, person_ids: Sequence[int]) -> list[Served]:
        """One per person, in the same order, for the export's purpose and brand; audited with the export's requester
        and reason. Raises UpstreamUnavailable, InvalidField for a namespace that identity does not know."""
        ...


async def require_known(identifiers: Identifiers, tenant: str, namespaces: Sequence[str]) -> None:
    """Raises InvalidField for one that identity does not know, UpstreamUnavailable."""
    if not namespaces:
        return
    known = await identifiers.namespaces(tenant)
    for each in namespaces:
        if each not in known:
            problem = f"name {each!r}, which identity does not know: it knows {', '.join(sorted(known))}"
            raise InvalidField("identifier_namespaces", problem)


async def with_identifiers(
    identifiers: Identifiers, tenant: str, export: Export, rows: Sequence[Row]
) -> tuple[list[Row], LeftOut]:
    """The rows of whom identity serves identifiers, and how many others there are; all of an export without any."""
    if not export.namespaces or not rows:
        return list(rows), LeftOut()
    served = await identifiers(tenant, export, [each.person_id for each in rows])
    said = [each.serving for each in served]
    left_out = LeftOut(
        no_consent=said.count(Serving.NO_CONSENT),
        no_identifier=said.count(Serving.NO_IDENTIFIER),
        erased=said.count(Serving.ERASED),
    )
    kept = [
        replace(row, identifiers=each.identifiers)
        for row, each in zip(rows, served, strict=True)
        if each.serving is Serving.SERVED
    ]
    return kept, left_out
