"""A name is only unknown when tagging does not know it either: what was defined a moment ago may be on its way."""

from collections.abc import Mapping
from typing import Protocol

from segments.app.readable import MayRead, require_selectable
from segments.app.rule_reading import ReadRule
from segments.app.version import Board
from segments.domain.segment import Draft
from segments.errors import CatchingUp, RuleInvalid
from servicekit.errors import UpstreamUnavailable

LONG_RULE = 500
"""Characters from which on a rule is not read on the event loop: one of 10,000 takes a tenth of a second."""


class UpToDate(Protocol):
    """Tagging's definitions as they stand now."""

    @property
    def caught_up(self) -> bool:
        """Whether tagging's changes have come in since this process started."""
        ...

    async def catch_up(self, tenant: str) -> None:
        """Returns when what tagging has defined by now is known here. Raises CatchingUp when it is not within 2 s,
        UpstreamUnavailable."""
        ...

    async def retired(self, tenant: str) -> Mapping[str, str]:
        """Tag -> what to use instead, of the tags that are out of force; empty while tagging does not tell."""
        ...


async def read_up_to_date(
    board: Board, up_to_date: UpToDate, tenant: str, draft: Draft, may_read: MayRead
) -> ReadRule:
    """A rule against what is known, and once more after catching up when it does not fit. Raises RuleInvalid,
    CatchingUp, RightMissing for a sensitive tag that the caller may not read, and UpstreamUnavailable
    when tagging is away before its names could be learned."""
    rule = await _read(board, up_to_date, tenant, draft)
    require_selectable(board.current.tenant(tenant), rule, may_read)
    return rule


async def _read(board: Board, up_to_date: UpToDate, tenant: str, draft: Draft) -> ReadRule:
    try:
        return await _known(board, tenant, draft)
    except RuleInvalid as error:
        if not error.readable:
            raise
        unknown = error
    try:
        await up_to_date.catch_up(tenant)
    except UpstreamUnavailable:
        if board.current.dictionary.events and up_to_date.caught_up:
            raise unknown from None
        raise
    except CatchingUp as behind:
        try:
            return await _known(board, tenant, draft)
        except RuleInvalid:
            raise behind from None
    return await _known(board, tenant, draft, await up_to_date.retired(tenant))


async def _known(
    board: Board, tenant: str, draft: Draft, retired: Mapping[str, str] | None = None
) -> ReadRule:
    version = board.current
    if len(draft.rule) < LONG_RULE:
        return version.read(tenant, draft, retired)
    return await board.compute(lambda: version.read(tenant, draft, retired))
