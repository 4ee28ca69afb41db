"""Values of a tag at moments that have passed, as far as tagging keeps them."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap
from rules.evaluate.meaning import Scalar
from rules.schema import Openness, TagType
from rules.values import Kind
from segments.app.insight.readable_tags import require_readable
from segments.app.readable import MayRead
from segments.app.version import Version
from segments.domain.insight.transitions import MAX_VALUES, ValuesThen, values_then
from segments.domain.packing import scalar_of
from segments.store.insight_ports import TagColumns
from servicekit.errors import InvalidField

MAX_CHANGED = 200_000


@dataclass(frozen=True, slots=True)
class Moment:
    """A tag at a moment; None: now."""

    tag_id: str
    at: dt.datetime | None


Changed = Mapping[int, Scalar | None]
"""Who has another value now than then, with the value then."""


class ChangedSince(Protocol):
    """What tagging keeps of the past."""

    async def __call__(self, tenant: str, tag_id: str, since: dt.datetime, most: int) -> Changed:
        """Raises ValuesNotKept, BatchTooLarge when more than `most` persons changed, UpstreamUnavailable."""
        ...


class PastValues:
    """Values now are the version's; those then are taken back by what tagging says has changed since. Who changed
    after the version counts as unchanged, as in the version."""

    def __init__(self, changed_since: ChangedSince, columns: TagColumns) -> None:
        self._changed_since = changed_since
        self._columns = columns

    async def changes(
        self,
        version: Version,
        tenant: str,
        periods: Sequence[tuple[Moment, Moment]],
        may_read: MayRead,
        now: dt.datetime,
    ) -> dict[Moment, Changed]:
        """By moment, of periods from one to another. Raises ResourceNotFound, TagNotReadable, InvalidField for a tag or
        a period that this cannot be asked of, and what tagging raises."""
        segments = version.tenant(tenant)
        require_readable(segments, sorted({start.tag_id for start, _ in periods}), may_read)
        for start, end in periods:
            _require_countable(segments.index.tags[start.tag_id].tag)
            if start.at is None or start.at >= (end.at or now) or (end.at or now) > now:
                raise InvalidField("start_time", "is not before end_time, or end_time lies ahead")
        found: dict[Moment, Changed] = {}
        for each in {moment for period in periods for moment in period}:
            found[each] = (
                {}
                if each.at is None
                else await self._changed_since(tenant, each.tag_id, each.at, MAX_CHANGED)
            )
        return found

    def then(
        self, version: Version, tenant: str, moment: Moment, changed: Changed, persons: BitMap
    ) -> ValuesThen:
        """Persons' values, in ascending order of their ids."""
        index = version.tenant(tenant).index
        ids: npt.NDArray[np.uint32] = np.asarray(persons.to_array(), np.uint32)
        ones = self._columns.ones(index, moment.tag_id, ids)
        kind = index.tags[moment.tag_id].tag.type.kind
        said = {
            code: ones.texts[code] if kind is Kind.TEXT else scalar_of(code, kind)
            for code in np.unique(ones.codes).tolist()
        }
        now = {
            person: said[code]
            for person, code in zip(ids[ones.places].tolist(), ones.codes.tolist(), strict=True)
        }
        return values_then(ids, now, changed)


def _require_countable(tag: TagType) -> None:
    closed = tag.values is not None and tag.values.openness is Openness.CLOSED
    if tag.type.kind is Kind.BOOL or (
        tag.type.kind is Kind.TEXT
        and closed
        and tag.values is not None
        and len(tag.values.values) <= MAX_VALUES
    ):
        return
    raise InvalidField(
        "tag_id",
        f"{tag.name!r} is neither true or false nor one text of a closed list of at most {MAX_VALUES}",
    )
