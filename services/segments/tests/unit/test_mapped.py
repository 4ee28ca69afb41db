"""Columns over files: what is mapped is counted once, and only while somebody may read it."""

import resource
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest
from rules.evaluate.meaning import Value
from rules.values import Kind, ValueType
from segments.domain.changes import Change
from segments.domain.touched import Touched
from segments.engine.live.files import write
from segments.engine.live.rooms import Hold
from segments.engine.live.versions import footprint
from segments.index import descriptors
from segments.index.columns import ScalarColumn
from segments.index.contained import ContainedColumn, contained, threads
from segments.index.damages import Damages
from segments.index.mapped import MappedColumn, OpenFiles
from segments.index.settling import ColumnFolder
from segments.index.tenant import TenantIndex
from segments_changes import CATALOGUE, TENANT, block_change, person_values, tag_change, values_of
from servicekit.revision import LANES, Lane

TEXTS = [each for each in values_of(CATALOGUE.tags["nickname"].type) if each]
BOOL = ValueType(Kind.BOOL)
PERSONS = 60_000
"""So many that most containers are bitmaps, which take as much room whoever is in them."""


class Columns:
    """A folder of columns, and a tenant's index over it."""

    def __init__(self, folder: Path) -> None:
        self.open_files = OpenFiles(1 << 30, most_files=1)
        self.files = ColumnFolder(folder, self.open_files, Damages())
        self.index = TenantIndex(TENANT)
        self._last = 0
        named = {each: TEXTS[each % len(TEXTS)] for each in range(PERSONS)}
        tags = [tag_change(CATALOGUE.tags[name]) for name in ("nickname", "is_vip")]
        self._apply([*tags, block_change(0, "nickname", named)])
        self.tell(is_vip=dict.fromkeys(range(9), True))

    def tell(self, **columns: Mapping[int, Value]) -> None:
        self._last += 1
        told = (
            person_values(self._last, person, **{column: value})
            for column, values in columns.items()
            for person, value in values.items()
        )
        self._apply(told)

    def _apply(self, changes: Iterable[Change]) -> None:
        index = self.index.copy()
        index.apply(changes, Lane.LIVE, dict.fromkeys(LANES, 0), Touched())
        self.index = index

    def held(self, column: str) -> ContainedColumn:
        held = self.index.held(column)
        assert isinstance(held, ContainedColumn)
        return held

    def settle(self, column: str) -> None:
        settled, index = self.files.settle(self.index, column), self.index.copy()
        assert settled is not None
        assert index.rest(settled) == []
        self.index = index


@pytest.fixture
def columns(threads: object, tmp_path: Path) -> Columns:
    return Columns(tmp_path)


def test_places_behind_a_file_are_written_over_as_those_in_memory(columns: Columns) -> None:
    columns.settle("nickname")
    random, written = np.random.default_rng(3), []
    for _ in range(30):
        persons = random.choice(PERSONS, 200, replace=False).tolist()
        columns.tell(nickname={each: TEXTS[random.integers(len(TEXTS))] for each in persons})
        hold = columns.held("nickname").tag.column.hold
        assert isinstance(hold, Hold)
        written.append(hold.room.written)
    assert written[9] == written[-1]
    assert not columns.held("nickname").is_crowded


def test_what_is_kept_is_not_counted_when_its_reader_comes_late(columns: Columns, tmp_path: Path) -> None:
    plain = ScalarColumn(Kind.BOOL)
    plain.put({1: True})
    named = write(tmp_path, "a.column", "is_vip", contained(BOOL, plain), threads())
    column = MappedColumn(tmp_path, TENANT, named, columns.open_files, Damages())
    tag = column.tag
    assert columns.open_files.bytes > 0
    column.keep()
    columns.open_files.used(column)
    assert columns.open_files.bytes == 0
    column.close()
    assert column.tag is tag


def test_files_count_without_their_holes_and_no_more_are_open_than_may_be(columns: Columns) -> None:
    for each in ("is_vip", "nickname"):
        columns.settle(each)
    small = columns.held("is_vip").tag
    assert 0 < columns.open_files.bytes < 8_192
    large = columns.held("nickname").tag
    assert columns.open_files.bytes == footprint(large.column)
    assert columns.held("is_vip").tag is not small


def test_as_many_files_may_be_open_as_the_system_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    monkeypatch.setattr(descriptors, "ASKED_FOR", limits[0])
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[0] - 100, limits[1]))
    try:
        descriptors.ask_for_more()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == limits
        assert descriptors.most_mapped() == limits[0] // 2
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
