"""IndexStore on both dialects: what is loaded is what was in memory."""

import resource
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyroaring import BitMap
from rules.schema import TagType
from rules.values import Kind, ValueType
from segments.domain.changes import Change, PersonState
from segments.domain.packing import unpack
from segments.domain.touched import Touched
from segments.engine import sets
from segments.engine.live import tags
from segments.errors import ColumnDamaged
from segments.index import answering, readiness
from segments.index.column_files import LazyColumnFiles
from segments.index.damages import Damages
from segments.index.mapped import OpenFiles
from segments.index.settling import ColumnFolder
from segments.index.tenant import TenantIndex
from segments.store.sql_index import SqlIndexStore
from segments.store.sql_manifests import SqlColumnManifests
from segments_changes import (
    CATALOGUE,
    TENANT,
    block_change,
    day_change,
    feature_change,
    histories,
    interleavings,
    person_change,
    person_values,
    tag_change,
    through,
)
from segments_contents import contents
from servicekit.database import Database
from servicekit.driver_sql import execute
from servicekit.revision import LANES, Lane, Revision
from servicekit.upstream import advance

TAGS = ("points", "nickname", "interests", "is_vip", "birthday", "last_seen", "lucky_numbers")
TYPES = {name: CATALOGUE.tags[name].type for name in TAGS}
FORMS = {"COUNT(order_paid)": Kind.NUMBER, "LAST(order_paid)": Kind.DATETIME}
FEW = (1, 2, 65_536)
START = (
    day_change(),
    *(tag_change(CATALOGUE.tags[name]) for name in TAGS),
    *(feature_change(form, kind) for form, kind in FORMS.items()),
)
EPOCH = "00000001aaaaaaaa"
NOWHERE = Path("nowhere")


def files_in(folder: Path, damages: Damages) -> LazyColumnFiles:
    return LazyColumnFiles(folder, 1 << 20, damages)


class Stored:
    """An index and the store beside it."""

    def __init__(self, database: Database, folder: Path = NOWHERE) -> None:
        self.database, self.store = database, SqlIndexStore()
        self.damages = Damages()
        self.files = files_in(folder, self.damages)
        self.folder = folder
        self.index = TenantIndex(TENANT)
        self.cursors = dict.fromkeys(LANES, 0)
        for lane in LANES:
            self.tell(lane, START, 0)

    def tell(self, lane: Lane, changes: Sequence[Change], reached: int) -> None:
        index, touched = self.index.copy(), Touched()
        index.apply(changes, lane, self.cursors, touched)
        self.cursors[lane] = reached

        def write(connection: Any) -> None:
            advance(connection, "tagging", lane, Revision("tagging", EPOCH).at(lane, reached), ())
            self.store.save(connection, TENANT, touched, index)

        self.database.write_now(write)
        self.index = index

    def loaded(self) -> TenantIndex:
        files = None if self.folder is NOWHERE else files_in(self.folder, self.damages)
        return self.database.read_now(self.store.load, TenantIndex, files)[TENANT]

    def settle(self, column: str, pinned: TenantIndex) -> None:
        """Writes what a column was, and lets what it is by now rest on the file."""
        if pinned.type_of(column) is None or (settled := self.files.settle(pinned, column)) is None:
            return
        index = self.index.copy()
        moved = index.rest(settled)
        if moved is not None:
            name = SqlColumnManifests().name
            before = self.database.write_now(name, TENANT, settled.named, moved)
            self.files.remove([before] if before else [])
            self.index = index

    def fold(self) -> None:
        while self.database.write_now(self.store.fold, beyond=0):
            pass

    def count(self, table: str) -> int:
        return int(
            self.database.read_now(
                lambda connection: execute(connection, f"SELECT count(*) FROM {table}").scalar_one()
            )
        )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of columns."""
    made = tmp_path / "columns"
    made.mkdir()
    return made


@st.composite
def told(draw: Any) -> tuple[list[Any], list[Any], list[str]]:
    history = draw(histories(TYPES, FORMS, persons=FEW, most=20))
    batches = draw(interleavings(history))
    columns = [*TAGS, *(f"feature:{form}" for form in FORMS)]
    meanwhile = st.sampled_from(["", "fold", *columns])
    return history, batches, draw(st.lists(meanwhile, min_size=len(batches), max_size=len(batches)))


def tables(database: Database) -> None:
    def clear(connection: Any) -> None:
        for table in (
            "tag",
            "feature",
            "tenant_day",
            "person",
            "column_text",
            "column_block",
            "column_file",
            "value_delta",
            "upstream",
        ):
            execute(connection, f"DELETE FROM {table}")

    database.write_now(clear)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(told())
def test_a_restart_finds_what_was_in_memory(
    database: Database, threads: object, tmp_path_factory: Any, told: tuple[list[Any], list[Any], list[str]]
) -> None:
    history, batches, meanwhile = told
    tables(database)
    stored = Stored(database, tmp_path_factory.mktemp("columns"))
    applied: dict[Lane, list[Change]] = {lane: [] for lane in LANES}
    for (lane, changes), what in zip(batches, meanwhile, strict=True):
        applied[lane] += changes
        pinned = stored.index
        stored.tell(lane, changes, through(lane, applied[lane], history))
        if what == "fold":
            stored.fold()
        elif what:
            stored.settle(what, pinned)
        assert contents(stored.loaded()) == contents(stored.index)
    restarted = stored.loaded()
    slower = min(stored.cursors.values())
    again = [(lane, change) for lane, change in history if slower < change.position <= stored.cursors[lane]]
    for lane in LANES:
        mine = [change for of, change in again if of is lane]
        restarted.apply(mine, lane, dict.fromkeys(LANES, slower), Touched())
    assert contents(restarted) == contents(stored.index), "what comes again after a restart changes nothing"


def test_a_replaced_index_is_the_only_one(database: Database) -> None:
    stored = Stored(database)
    stored.tell(Lane.LIVE, [person_values(1, 1, points=7, nickname="a")], 1)
    other = TenantIndex(TENANT)
    tag = tag_change(CATALOGUE.tags["points"])
    other.apply([tag, person_values(0, 70_000, points=9)], Lane.BULK, dict.fromkeys(LANES, 0), Touched())
    database.write_now(stored.store.replace, [other])
    (loaded,) = database.read_now(stored.store.load, TenantIndex).values()
    assert contents(loaded)["points"] == {70_000: (9,)}


def test_the_day_comes_back_with_its_periods(database: Database) -> None:
    stored = Stored(database)
    assert stored.loaded().day == day_change()
    earlier = "UPDATE tenant_day SET periods = '[\"sale\"]'"
    database.write_now(lambda connection: execute(connection, earlier))
    day = stored.loaded().day
    assert day is not None
    assert day.periods == {"sale": None}, "as releases before have stored it"


def test_folding_leaves_what_a_lane_may_still_overtake(database: Database) -> None:
    stored = Stored(database)
    stored.tell(Lane.LIVE, [person_values(3, 1, points=3)], 3)
    stored.tell(Lane.LIVE, [person_values(9, 2, points=9)], 9)
    assert not database.write_now(stored.store.fold, beyond=0), "bulk has passed nothing"
    stored.tell(Lane.BULK, [], 5)
    stored.fold()
    assert (stored.count("value_delta"), stored.count("column_block")) == (1, 1)
    assert contents(stored.loaded())["points"] == {1: (3,), 2: (9,)}
    stored.tell(Lane.BULK, [block_change(6, "points", {2: 6})], 6)
    restarted = stored.loaded()
    restarted.apply([block_change(6, "points", {2: 6})], Lane.BULK, {Lane.LIVE: 5, Lane.BULK: 5}, Touched())
    assert contents(restarted)["points"] == {1: (3,), 2: (9,)}


def test_a_column_of_another_type_leaves_nothing_behind(database: Database) -> None:
    stored = Stored(database)
    stored.tell(Lane.LIVE, [person_values(1, 1, points=7)], 1)
    stored.tell(Lane.BULK, [block_change(2, "points", {2: 8})], 2)
    text = TagType("points", ValueType(Kind.TEXT))
    stored.tell(Lane.LIVE, [tag_change(text, 3), person_values(4, 3, points="many")], 4)
    assert contents(stored.loaded())["points"] == {3: ("many",)}
    stored.tell(Lane.LIVE, [tag_change(text, 5, deleted=True)], 5)
    assert "points" not in contents(stored.loaded())
    assert stored.count("value_delta") == 0


def test_rows_that_a_file_holds_go_when_it_is_named(
    database: Database, threads: object, folder: Path
) -> None:
    stored = Stored(database, folder)
    stored.tell(Lane.BULK, [block_change(1, "points", {1: 1, 2: 2})], 1)
    stored.tell(Lane.LIVE, [person_values(2, 65_536, points=3), person_values(5, 2, points=5)], 5)
    stored.tell(Lane.BULK, [], 3)
    stored.settle("points", stored.index)
    assert (stored.count("column_block"), stored.count("value_delta")) == (0, 1), (
        "bulk may yet bring a fourth"
    )
    assert contents(stored.loaded())["points"] == {1: (1,), 2: (5,), 65_536: (3,)}
    pinned = stored.index
    stored.tell(Lane.LIVE, [person_values(6, 1, points=6), person_values(7, 65_536, points=None)], 7)
    stored.tell(Lane.BULK, [], 7)
    stored.settle("points", pinned)
    assert stored.count("value_delta") == 3, "both blocks moved while the file was written"
    stored.settle("points", stored.index)
    assert (stored.count("value_delta"), len(list(folder.iterdir()))) == (0, 1)
    assert contents(stored.loaded())["points"] == {1: (6,), 2: (5,)}
    stored.tell(Lane.LIVE, [tag_change(CATALOGUE.tags["points"], 8, deleted=True)], 8)
    assert stored.count("column_file") == 0


def test_a_damaged_file_is_named_and_other_columns_answer(
    database: Database, threads: object, folder: Path
) -> None:
    stored = Stored(database, folder)
    stored.tell(Lane.LIVE, [person_values(1, 1, points=7, nickname="a")], 1)
    stored.tell(Lane.BULK, [], 1)
    stored.settle("points", stored.index)
    (path,) = folder.iterdir()
    content = np.fromfile(path, np.uint8)
    content[np.flatnonzero(content)[-1]] ^= 4
    content.tofile(path)
    loaded = stored.loaded()
    assert path.name in loaded.damage_of(["nickname", "points"])
    assert loaded.damage_of(["nickname"]) == ""
    with pytest.raises(ColumnDamaged, match=path.name):
        loaded.block("points", 0)
    assert stored.damages.all() == {(TENANT, "points"): path.name}
    assert loaded.block("nickname", 0).texts == {0: "a"}
    changed = loaded.copy()
    changed.apply([person_values(2, 1, points=8)], Lane.LIVE, dict.fromkeys(LANES, 0), Touched())
    assert path.name in changed.damage_of(["points"]), "a part of its values is none of them"


def test_a_full_disk_leaves_the_column_as_it_is(database: Database, threads: object, folder: Path) -> None:
    stored = Stored(database, folder)
    stored.tell(Lane.LIVE, [person_values(1, 1, points=7)], 1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            stored.settle("points", stored.index)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(folder.iterdir())
    stored.settle("points", stored.index)
    assert contents(stored.loaded())["points"] == contents(stored.index)["points"] == {1: (7,)}


def test_no_more_is_mapped_than_the_budget_says(database: Database, threads: object, folder: Path) -> None:
    stored = Stored(database, folder)
    stored.tell(Lane.LIVE, [person_values(1, 1, points=7, nickname="a", is_vip=True)], 1)
    stored.tell(Lane.BULK, [], 1)
    for column in ("points", "nickname", "is_vip"):
        stored.settle(column, stored.index)
    every = OpenFiles(1 << 30, 99)
    files = ColumnFolder(folder, every, stored.damages)
    index = database.read_now(stored.store.load, TenantIndex, files)[TENANT]
    assert contents(index) == contents(stored.index)
    open_files = OpenFiles(every.bytes - 1, 99)
    files = ColumnFolder(folder, open_files, stored.damages)
    index = database.read_now(stored.store.load, TenantIndex, files)[TENANT]
    assert open_files.bytes == 0, "nothing is mapped before somebody asks"
    reading, expected = index.held("points").tag, contents(stored.index)
    assert contents(index) == expected
    assert 0 < open_files.bytes <= open_files.most_bytes
    assert index.held("points").tag is not reading, "it was let go of"
    files.remove([each.name for each in folder.iterdir()])
    assert contents(index) == expected, "who reads a version goes on when its file is replaced"


def test_whoever_became_unknown_after_the_file_stays_so(
    database: Database, threads: object, folder: Path
) -> None:
    stored = Stored(database, folder)
    stored.tell(Lane.LIVE, [person_values(1, 1, points=7), person_values(1, 2, points=8)], 1)
    stored.tell(Lane.BULK, [], 1)
    stored.settle("points", stored.index)
    stored.tell(Lane.BULK, [block_change(2, "points", {1: None})], 2)
    assert contents(stored.loaded())["points"] == contents(stored.index)["points"] == {2: (8,)}


def test_a_text_that_nobody_has_any_more_is_in_no_new_file(
    database: Database, threads: object, folder: Path
) -> None:
    stored = Stored(database, folder)
    stored.tell(
        Lane.LIVE, [person_values(1, 1, nickname="forgotten"), person_values(1, 2, nickname="kept")], 1
    )
    stored.tell(Lane.BULK, [], 1)
    stored.settle("nickname", stored.index)
    stored.tell(Lane.LIVE, [person_values(2, 1, nickname=None), person_values(2, 3, nickname="new")], 2)
    pinned = stored.index
    stored.tell(
        Lane.LIVE, [person_values(3, 65_536, nickname="later"), person_values(3, 3, nickname="kept")], 3
    )
    stored.settle("nickname", pinned)
    (path,) = folder.iterdir()
    assert b"forgotten" not in path.read_bytes()
    expected = {2: ("kept",), 3: ("kept",), 65_536: ("later",)}
    assert contents(stored.index)["nickname"] == contents(stored.loaded())["nickname"] == expected
    assert stored.index.held("nickname").any_of(["kept"]) == BitMap([2, 3])


REDIRECTED, ERASED = PersonState.REDIRECTED, PersonState.ERASED
LOSS = "loss"


@pytest.mark.parametrize(
    "then",
    [
        [person_change(1, 2, ERASED), LOSS],
        [LOSS, person_change(1, 2, ERASED)],
        [LOSS, "restart", person_change(1, 2, ERASED)],
        [person_change(1, 2, REDIRECTED, 3), LOSS, person_change(3, 2, ERASED)],
        [person_change(3, 2, ERASED), LOSS, person_change(1, 2, REDIRECTED, 3)],
        [person_change(1, 2, REDIRECTED, 3), person_change(3, 2, ERASED), LOSS],
    ],
    ids=["before", "after", "after a restart", "as another", "merged later", "as another before"],
)
def test_who_is_erased_is_in_no_stored_block(database: Database, then: list[Any]) -> None:
    """Whether the loss of the value is told before or after, also of somebody who was merged into the erased."""
    stored = Stored(database)
    people = [person_change(each) for each in (1, 2, 3)]
    told = [*people, block_change(1, "nickname", {1: "female", 2: "male"})]
    stored.tell(Lane.BULK, [*told, block_change(1, "interests", {1: ("female",), 2: ("male",)})], 1)
    for position, each in enumerate(then, 2):
        if each == "restart":
            stored.index = stored.loaded()
        else:
            lost = person_values(position, 1, nickname=None, interests=None)
            stored.tell(Lane.LIVE, [lost if each is LOSS else each], position)

    def texts(connection: Any) -> list[set[str]]:
        packs = execute(connection, "SELECT pack FROM column_block")
        return [set(unpack(bytes(each)).texts.values()) for (each,) in packs]

    assert database.read_now(texts) == [{"male"}, {"male"}]
    assert contents(stored.loaded()) == contents(stored.index)
    assert not any(stored.index.held(each).bereft for each in ("nickname", "interests"))


def test_a_column_with_too_many_values_for_its_file_is_stored_without_it(
    database: Database, threads: object, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = Stored(database, folder)
    stored.tell(
        Lane.LIVE, [person_values(1, 1, interests=("a",)), person_values(1, 65_536, interests=("b",))], 1
    )
    stored.tell(Lane.BULK, [], 1)
    stored.settle("interests", stored.index)
    for module in (tags, sets):
        monkeypatch.setattr(module, "VALUES_MOST", 2)
    stored.tell(Lane.LIVE, [person_values(2, 2, interests=("c",))], 2)
    stored.tell(Lane.BULK, [], 2)
    assert (stored.count("column_file"), stored.count("column_block")) == (0, 2)
    stored.fold()
    assert stored.count("value_delta") == 0
    expected = {1: ("a",), 2: ("c",), 65_536: ("b",)}
    assert contents(stored.loaded())["interests"] == contents(stored.index)["interests"] == expected


def test_a_column_that_was_refused_is_tried_again_ever_more_seldom(
    database: Database, threads: object, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = Stored(database, folder)
    monkeypatch.setattr(answering, "BY_BLOCKS_FROM", 0)
    monkeypatch.setattr(readiness, "engine_is_ready", lambda: True)
    monkeypatch.setattr(sets, "VALUES_MOST", 2)

    def is_due() -> bool:
        return "interests" in stored.files.due(stored.index)

    tried = []
    for each in range(1, 12):
        stored.tell(Lane.LIVE, [person_values(each, 1, interests=("a", "b", f"{each}"))], each)
        if is_due():
            tried.append(each)
            assert stored.files.settle(stored.index, "interests") is None
            assert not is_due(), "nothing has changed since"
    assert tried == [1, 3, 7]
    monkeypatch.setattr(sets, "VALUES_MOST", 4_096)
    assert stored.files.settle(stored.index, "interests") is not None
    assert is_due()
