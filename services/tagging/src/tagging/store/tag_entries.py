"""Entries of the changelog about tags, as the contract renders them."""

from collections.abc import Collection, Iterator, Mapping

import numpy as np
from huaxiang.tagging.v1 import change_pb2, tag_pb2
from rules.evaluate.meaning import Value
from servicekit.changelog import Entry
from servicekit.values import timestamp_of
from sqlalchemy import Connection
from tagging.catalogue.messages import BASES, to_message, value_message
from tagging.domain.changes import ChangeKind
from tagging.domain.columns import BLOCK_PERSONS, Coded
from tagging.domain.compilation import FEATURE_PREFIX
from tagging.domain.plan import Tag
from tagging.store.change_entries import touched_entry
from tagging.store.tag_ports import Feature, TagValues
from tagging.store.value_ports import BlockChange

ENTRY_PERSONS = 16_384
ENTRY_CODES = 32_768
"""Persons, and codes old and new, of one packed entry at most: keeps it well below a megabyte."""
EXPORT_TEXTS = 10_000


class ContractTagEntries:
    """TagEntries whose payloads are huaxiang.tagging.v1.Change."""

    def values(self, tenant: str, person_id: int, values: Mapping[str, Value | None]) -> Entry:
        said = change_pb2.PersonValues(person_id=person_id)
        for column in sorted(values):
            value = values[column]
            said.values.add(column=column, value=None if value is None else value_message(value))
        return _entry(ChangeKind.VALUES, tenant, change_pb2.Change(values=said))

    def blocks(self, tenant: str, change: BlockChange) -> list[Entry]:
        texts = dict(change.texts)
        entries = []
        for old, new in _portions(change.old, change.new):
            told: dict[int, str] = {}
            if texts:
                used = {*old.codes.tolist(), *new.codes.tolist()}
                told = {code: texts.pop(code) for code in sorted(used & texts.keys())}
            message = packed(change.column, change.block, new, told)
            message.old_counts = old.counts.astype("<u2").tobytes()
            message.old_codes = old.codes.astype("<i8").tobytes()
            message.as_of.CopyFrom(timestamp_of(change.as_of))
            entries.append(_entry(ChangeKind.VALUES, tenant, change_pb2.Change(block=message)))
        if not entries and not change.column.startswith(FEATURE_PREFIX):
            entries.append(touched_entry(tenant, blocks=[change.block]))
        return entries

    def stood(self, tenant: str, column: str, blocks: Collection[int]) -> list[Entry]:
        if column.startswith(FEATURE_PREFIX) or not blocks:
            return []
        return [touched_entry(tenant, blocks=sorted(blocks))]

    def tag(self, tenant: str, tag: Tag, *, deleted: bool = False) -> Entry:
        said = change_pb2.TagChange(tag=tag_message(tag), deleted=deleted)
        return _entry(ChangeKind.TAG, tenant, change_pb2.Change(tag=said))

    def feature(self, tenant: str, feature: Feature) -> Entry:
        return _entry(ChangeKind.FEATURE, tenant, change_pb2.Change(feature=feature_message(feature)))


def tag_message(tag: Tag) -> tag_pb2.Tag:
    return tag_pb2.Tag(
        definition=to_message(tag.definition),
        version=tag.version,
        etag=tag.etag,
        update_time=timestamp_of(tag.update_time),
        coverage=tag.coverage,
        state=tag_pb2.TAG_STATE_DEPRECATED if tag.deprecated else tag_pb2.TAG_STATE_ACTIVE,
        replacement_tag_id=tag.replacement,
    )


def feature_message(feature: Feature) -> change_pb2.FeatureStatus:
    return change_pb2.FeatureStatus(
        form=feature.form,
        column=feature.column,
        base=BASES[feature.base],
        state=int(feature.state),  # type: ignore[arg-type]  # the numbers are the contract's
        done_count=feature.done_count,
        total_count=feature.total_count,
        failure=feature.failure,
    )


def packed(column: str, block: int, coded: Coded, texts: Mapping[int, str]) -> change_pb2.ValueBlock:
    """The persons of one block with their codes; `texts` are told beside them."""
    return change_pb2.ValueBlock(
        column=column,
        block=block,
        offsets=(coded.persons & (BLOCK_PERSONS - 1)).astype("<u2").tobytes(),
        counts=coded.counts.astype("<u2").tobytes(),
        codes=coded.codes.astype("<i8").tobytes(),
        dictionary=[change_pb2.DictionaryEntry(code=code, text=text) for code, text in texts.items()],
    )


def exported_blocks(
    connection: Connection, tenant: str, column: str, values: TagValues
) -> Iterator[change_pb2.ValueBlock]:
    """A column's whole state as bounded messages, in order of block; the dictionary comes first."""
    texts = list(values.texts(connection, tenant, column).items())
    blocks = values.blocks(connection, tenant, column)
    for start in range(0, len(texts), EXPORT_TEXTS):
        first = blocks[0] if blocks else 0
        yield packed(column, first, Coded.empty(), dict(texts[start : start + EXPORT_TEXTS]))
    for block in blocks:
        coded, as_of = values.read_block(connection, tenant, column, block)
        for _, portion in _portions(coded, coded):
            message = packed(column, block, portion, {})
            if as_of is not None:
                message.as_of.CopyFrom(timestamp_of(as_of))
            yield message


def _portions(old: Coded, new: Coded) -> Iterator[tuple[Coded, Coded]]:
    """The same persons of both, in order, in bounded portions."""
    start = 0
    sizes = np.cumsum(old.counts.astype(np.int64) + new.counts)
    while start < len(new.persons):
        done = int(sizes[start - 1]) if start else 0
        fitting = int(np.searchsorted(sizes, done + ENTRY_CODES, side="right"))
        end = min(start + ENTRY_PERSONS, max(fitting, start + 1))
        chosen = np.zeros(len(new.persons), np.bool_)
        chosen[start:end] = True
        yield old.take(chosen), new.take(chosen)
        start = end


def _entry(kind: ChangeKind, tenant: str, change: change_pb2.Change) -> Entry:
    return Entry(kind, tenant, change.SerializeToString())
