"""Blocks come back from files as they were, whole or of some persons, those too that an earlier release wrote."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from tagging.domain.columns import Coded
from tagging.store.block_format import StoredBlock, write_block
from tagging.store.blocks import Block

BASE = 3 << 16
NOBODY = np.empty(0, np.int64)
SHAPES = {
    "all in a row": {each: [each] for each in range(200)},
    "the highest": {65_535: [-(2**63)]},
    "with gaps": {each: [each * 7] for each in range(0, 500, 3)},
    "whole numbers": {each: [each * 10_000] for each in range(5, 90)},
    "late fractions": {each: [each * 10_000 + (each == 80)] for each in range(5, 90)},
    "several": {each: list(range(each % 4 + 1)) for each in range(7, 60)},
}


def block(rows: dict[int, list[int]]) -> Block:
    coded = Coded.of({BASE + offset: codes for offset, codes in rows.items()})
    streamed = coded.persons[::5]
    return Block(coded, streamed, streamed + 2**50)


def written(content: Block) -> bytes:
    file = io.BytesIO()
    write_block(file, 3, content)
    return file.getvalue()


def written_before(content: Block) -> bytes:
    file = io.BytesIO()
    coded = content.coded
    for offsets in (coded.persons, coded.counts, coded.codes, content.streamed, content.streamed_as_of):
        of_persons = offsets is coded.persons or offsets is content.streamed
        np.save(file, (offsets - BASE).astype(np.uint16) if of_persons else offsets)
    return file.getvalue()


def same(one: Block, other: Block) -> bool:
    return one.coded.rows() == other.coded.rows() and one.moments.rows() == other.moments.rows()


@pytest.mark.parametrize("rows", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("write", [written, written_before])
def test_a_block_comes_back(rows: dict[int, list[int]], write: Callable[[Block], bytes]) -> None:
    content = block(rows)
    stored = StoredBlock(3, write(content))
    assert same(stored.whole(), content)
    for persons in (
        content.coded.persons[1::4],
        BASE + np.arange(0, 65_536, 13),
        BASE + np.arange(3),
        NOBODY,
    ):
        assert same(stored.of_persons(persons), content.of_persons(persons))


def test_what_is_dense_takes_a_byte_a_person() -> None:
    counts = block({each: [each % 100 * 10_000] for each in range(65_536)})
    assert len(written(Block(counts.coded, NOBODY, NOBODY))) < 66_500


def test_anything_else_is_refused() -> None:
    with pytest.raises(ValueError, match="not what"):
        StoredBlock(3, b"something else")
