"""A name is only unknown when tagging does not know it either: what was defined a moment ago may be on its way."""

from typing import Protocol

from segments.app.rule_reading import ReadRule
from segments.app.version import Board
from segments.domain.segment import Draft
from segments.errors import RuleInvalid
from servicekit.errors import UpstreamUnavailable


class UpToDate(Protocol):
    """Tagging's definitions as they stand now."""

    async def catch_up(self, tenant: str) -> None:
        """Returns when what tagging has defined is known here, at the latest after 2 s. Raises UpstreamUnavailable."""
        ...


async def read_up_to_date(board: Board, up_to_date: UpToDate, tenant: str, draft: Draft) -> ReadRule:
    """A rule against what is known, and once more after catching up when it does not fit. Raises RuleInvalid,
    NodeUnsupported, UpstreamUnavailable when events cannot be known."""
    try:
        return board.current.read(tenant, draft)
    except RuleInvalid as error:
        if not error.readable:
            raise
        try:
            await up_to_date.catch_up(tenant)
        except UpstreamUnavailable:
            if board.current.dictionary.events:
                raise error from None
            raise
    return board.current.read(tenant, draft)
