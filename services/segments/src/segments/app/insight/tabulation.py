"""Tags of groups of persons as tables."""

import datetime as dt
from collections.abc import Sequence

from pyroaring import BitMap
from rules.values import Kind
from segments.app.tenant_segments import TenantSegments
from segments.domain.insight.tables import Group, Question, TagTable, labels, table_of
from segments.domain.packing import days
from segments.store.insight_ports import TagColumns
from servicekit.errors import InvalidField


def tables(
    segments: TenantSegments,
    columns: TagColumns,
    questions: Sequence[Question],
    groups: Sequence[BitMap],
    base: int,
    fewest: int,
) -> list[TagTable]:
    """One for each question, with a column for each group; `groups[base]` gives histograms their bounds."""
    index = segments.index
    asked = columns.among(index, groups)
    found = []
    for question in questions:
        tag = index.tags[question.tag_id].tag
        if tag.type.kind in {Kind.DATE, Kind.DATETIME}:
            _require_days(question)
        many_texts = tag.type.kind is Kind.LIST and tag.type.element is Kind.TEXT
        label = labels(tag, question.level) if many_texts else None
        tabulated = asked.tabulate(question.tag_id, label)
        counted = [
            Group(counts, len(persons)) for counts, persons in zip(tabulated.counts, groups, strict=True)
        ]
        text_of = tabulated.texts.__getitem__
        found.append(table_of(tag, question, counted, base, text_of, index.calendar, fewest))
    return found


def _require_days(question: Question) -> None:
    if question.bounds and not (
        days(dt.date.min) <= question.bounds[0] and question.bounds[-1] <= days(dt.date.max)
    ):
        raise InvalidField(f"bounds of {question.tag_id!r}", "are days outside the years 1 to 9999")
