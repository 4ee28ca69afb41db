"""The contract of StagedValues, on every store: what is staged and put in force is what is published at once."""

import datetime as dt
import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
from rules.values import Kind
from tagging.domain.columns import BLOCK_PERSONS, Shape, Vector, microseconds, texts_of
from tagging.domain.weighted import WeightedTexts
from tagging.store import sql_value_blocks, staged_blocks
from tagging.store.block_files import BlockFiles
from tagging.store.sql_staged_values import SqlStagedValues
from tagging.store.sql_values import SqlTagValues

START = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
NUMBER, TEXT, WEIGHTED = Shape(Kind.NUMBER), Shape(Kind.TEXT), Shape(Kind.TEXT, True, True)
PEOPLE = [*range(1, 30), *range(BLOCK_PERSONS + 1, BLOCK_PERSONS + 6)]
CITIES = ["上海", "北京", "广州", "深圳"]


def ids(*persons):
    return np.array(sorted(set(itertools.chain(*persons))), np.int64)


class Columns:
    """Two columns of one shape that get the same values: one is published block by block, one staged."""

    def __init__(self, database, folder, shape=NUMBER):
        self.database, self.folder, self.shape = database, folder, shape
        self.names = (f"id{number}" for number in itertools.count())
        self.moments = (START + dt.timedelta(hours=hours) for hours in itertools.count())
        self.machine_ms = 0
        self.streamed = {}  # since when each has what the stream gave
        self.open()
        for column in ("published", "staged"):
            self.write(self.values.declare, column, shape)

    def open(self):
        self.files = BlockFiles(self.folder, lambda: next(self.names), synced=False)
        self.values = SqlTagValues(self.files, lambda: self.machine_ms)
        self.staged = SqlStagedValues(self.files, lambda: self.machine_ms)

    def write(self, method, *args):
        """A method of a store, or a function, that takes a connection and the tenant."""
        return self.database.write_now(method, "t1", *args)

    def read(self, method, *args):
        return self.database.read_now(method, "t1", *args)

    def stream(self, rows):
        moment = next(self.moments)
        for column in ("published", "staged"):
            self.write(self.values.put, {column: rows}, moment)
        self.streamed |= dict.fromkeys(rows, moment)

    def vector(self, rows):
        persons = ids(rows)
        return persons, Vector.of([rows[each] for each in persons.tolist()], self.shape)

    def publish(self, rows, as_of, keep=(), among=None):
        """By block what changed."""
        persons, vector = self.vector(rows)
        keep, among = ids(keep), None if among is None else ids(among)
        blocks = {0, 1} if among is None else {*(among >> 16).tolist()}
        changes = []
        for block in sorted(blocks):
            here = persons >> 16 == block
            mine = None if among is None else among[among >> 16 == block]
            part = Vector(vector.known[here], vector.data[here])
            changes.append(
                self.write(self.values.publish, "published", block, persons[here], part, keep, as_of, mine)
            )
        rest = sorted({0, 1} - blocks)
        self.write(sql_value_blocks.stand, "published", rest, microseconds(as_of))
        return changes

    def stage(self, rows, as_of, among=None):
        persons, vector = self.vector(rows)
        codes = self.write(self.staged.codes, "staged", texts_of(vector, self.shape))
        among = None if among is None else ids(among)
        return self.read(self.staged.stage, "staged", persons, vector, codes, as_of, among)

    def put_in_force(self, staged, keep=()):
        """What of it is known before is told again where it may not hold."""
        ahead = {}
        if self.shape is NUMBER:
            ahead = {each.block: each for each in self.read(self.ahead, staged)}

        def put(connection):
            changes = self.staged.put_in_force(connection, "t1", staged, ids(keep), ahead)
            return None if changes is None else ahead | {each.block: each for each in changes}

        found = self.database.write_now(put)
        return None if found is None else [found[each] for each in sorted(found)]

    def ahead(self, connection, tenant, staged):
        return list(self.staged.changes(connection, tenant, staged))

    def held(self, column):
        return {each: one.value for each, one in self.found(column).items()}, self.read(
            self.values.known_count, column
        )

    def since(self):
        """Since when, and whether from a computation, each has the value that was staged."""
        return {each: (one.as_of, one.from_run) for each, one in self.found("staged").items()}

    def found(self, column):
        found = self.read(self.values.get, [column], [*PEOPLE, 40])[column]
        return {each: one for each, one in found.items() if one.value is not None}

    def told(self, column, changes):
        """By block, person -> (old, new), in words."""
        texts = self.read(self.values.texts, column)
        words = {None: None} if self.shape.base is not Kind.TEXT else texts

        def said(coded):
            return {
                person: tuple(sorted(str(words.get(code, code)) for code in codes))
                for person, codes in coded.rows().items()
            }

        return [(each.block, said(each.old), said(each.new), sorted(each.texts.values())) for each in changes]

    def both(self, rows, keep=(), among=None, between=lambda: None):
        """Publishes and puts in force the same; `between`: after staging, beside."""
        as_of = next(self.moments)
        staged = self.stage(rows, as_of, among)
        between()
        changes = self.publish(rows, as_of, keep, among)
        put = self.put_in_force(staged, keep)
        assert self.told("staged", put) == self.told("published", changes)
        assert self.held("staged") == self.held("published")
        changed = {person for each in changes for person in each.new.persons.tolist()}
        self.streamed = {each: moment for each, moment in self.streamed.items() if each not in changed}
        assert self.since() == {
            each: (self.streamed.get(each, as_of), each not in self.streamed) for each in self.since()
        }
        return staged


@pytest.fixture
def columns(database, tmp_path):
    return Columns(database, tmp_path / "values")


VALUES = {
    NUMBER: lambda draw: draw.choice([0, 10_000, 2**40, -(2**63), 50_000]),
    TEXT: lambda draw: draw.choice(CITIES),
    WEIGHTED: lambda draw: WeightedTexts.of({each: draw.randrange(1, 4) * 1_000 for each in CITIES[:2]}),
}


@pytest.mark.parametrize("shape", [NUMBER, TEXT, WEIGHTED])
def test_staged_is_published(database, tmp_path, shape):
    """Whatever the stream gives before and meanwhile, whoever is looked at, touched, gone, folded."""
    draw = random.Random(5)
    columns = Columns(database, tmp_path / "values", shape)

    def some(most):
        return draw.sample(PEOPLE, draw.randrange(most))

    def drawn(persons):
        return {each: VALUES[shape](draw) if draw.random() < 0.8 else None for each in persons}

    columns.both(drawn(PEOPLE))
    for turn in range(14):
        columns.stream(drawn(some(5)))
        touched = some(4)
        among = None if turn % 5 == 4 else some(12 if turn % 3 else 4)
        living = [each for each in (PEOPLE if among is None else among) if draw.random() < 0.9]

        def meanwhile(touched=touched, turn=turn):
            columns.stream(drawn(touched))
            if turn % 2:
                columns.write(columns.values.fold, 1)

        columns.both(drawn(living), touched, among, meanwhile)
        if turn % 4 == 3:
            columns.open()
            assert columns.held("staged") == columns.held("published")
    assert columns.database.read_now(columns.values.sweep) == 0, "what is named no more is retired"
    columns.values.remove(columns.database.write_now(columns.values.retire, 1))
    columns.open()
    assert columns.held("staged") == columns.held("published"), "and nothing else"


def test_few_lie_over_the_file_of_many(columns):
    columns.both(dict.fromkeys(PEOPLE, 10_000))
    files = columns.files.names()
    staged = columns.both({1: 20_000}, among=[1, BLOCK_PERSONS + 1])
    assert [each.file for each in staged.blocks] == [None, None]
    over = {each for each in columns.files.names() - files if each.endswith(".overlays")}
    assert len(over) == 1, "what changes of all blocks of a column is in one file"
    columns.machine_ms = 5
    assert not over & {*columns.database.write_now(columns.values.retire, 5)}
    for number in range(7):
        columns.both({2: number * 10_000}, among=[2])
    assert columns.write(columns.values.fold, 10**6) == 1, "what lies high is folded"
    assert columns.held("staged") == columns.held("published")
    assert not over & {*columns.database.write_now(columns.values.retire, 6)}, "another block has it"
    columns.stream({BLOCK_PERSONS + 2: 70_000})
    columns.write(columns.values.fold, 1)
    assert over <= {*columns.database.write_now(columns.values.retire, 6)}


def test_a_file_that_no_block_names_for_a_while_stays(columns):
    """What is staged is named a stretch of blocks at a time, and the background folds the first before the last."""
    columns.both(dict.fromkeys(PEOPLE, 10_000))
    staged = columns.stage({1: 20_000, BLOCK_PERSONS + 1: 20_000}, START, [1, BLOCK_PERSONS + 1])
    columns.put_in_force(replace(staged, blocks=staged.blocks[:1], standing=(), written=""))
    columns.stream({1: 30_000})
    columns.write(columns.values.fold, 1)
    columns.put_in_force(replace(staged, blocks=staged.blocks[1:]))
    columns.values.remove(columns.database.write_now(columns.values.retire, 1))
    columns.open()
    values, _ = columns.held("staged")
    assert (values[1], values[BLOCK_PERSONS + 1]) == (30_000, 20_000)


def test_what_would_lie_too_high_is_written_whole(columns, monkeypatch):
    monkeypatch.setattr(staged_blocks, "MOST_FILES", 2)
    columns.both(dict.fromkeys(PEOPLE, 10_000))
    made = [columns.both({1: number * 10_000}, among=[1]).blocks[0].file is None for number in range(5)]
    assert made == [True, True, False, True, True]


def test_what_is_never_put_in_force_changes_nothing(columns):
    """As when the process dies between files and commit, or before the files are all there."""
    columns.both(dict.fromkeys(PEOPLE, 10_000))
    before, files = columns.held("staged"), columns.files.names()
    columns.stage({1: 20_000}, START, among=[1])
    whole = columns.stage(dict.fromkeys(PEOPLE, 30_000), START)

    def die(connection):
        columns.staged.put_in_force(connection, "t1", whole, ids([1]))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        columns.database.write_now(die)
    columns.open()
    assert columns.held("staged") == before
    assert columns.database.read_now(columns.values.sweep) > 0
    assert columns.files.names() == files
    assert columns.held("staged") == before


def test_what_is_discarded_leaves_no_file(columns):
    columns.both(dict.fromkeys(PEOPLE, 10_000))
    files = columns.files.names()
    columns.staged.discard(columns.stage({1: 20_000}, START, among=[1]))
    columns.staged.discard(columns.stage(dict.fromkeys(PEOPLE, 30_000), START))
    assert columns.files.names() == files


def test_what_cannot_be_written_leaves_no_file(columns, monkeypatch):
    """Neither when a file breaks off, nor when the disk does not confirm it."""
    columns.both(dict.fromkeys(PEOPLE, 10_000))
    files = columns.files.names()
    for broken in ("block_format.np.save", "block_files._sync"):

        def fails(*of, broken=broken):
            raise OSError(broken)

        with monkeypatch.context() as full:
            full.setattr(f"tagging.store.{broken}", fails)
            full.setattr(columns.files, "_synced", True)
            with pytest.raises(OSError, match=broken.rpartition(".")[2]):
                columns.stage(dict.fromkeys(PEOPLE, 30_000), START)
        assert columns.files.names() == files


def test_a_column_that_was_dropped_meanwhile_is_left_alone(columns):
    columns.both(dict.fromkeys(PEOPLE, 10_000))
    staged = columns.stage({1: 20_000}, START, among=[1])
    columns.write(columns.values.drop, "staged")
    columns.write(columns.values.declare, "staged", NUMBER)
    assert columns.put_in_force(staged) is None
    assert columns.held("staged") == ({}, 0)


def test_files_hold_nothing_of_whose_values_are_gone(columns):
    """Neither whole blocks nor overlays, be it that other blocks have the file that theirs is in."""
    columns.both(dict.fromkeys(PEOPLE, 10_000))
    columns.both({1: 2**40 + 7, BLOCK_PERSONS + 1: 20_000}, among=[1, BLOCK_PERSONS + 1])
    columns.stream({1: None, 2: 30_000})
    before = columns.held("staged")
    assert _naming(columns, 2**40 + 7)
    folded = list(iter(lambda: columns.write(columns.values.fold_gone, [1], 1), 0))
    assert folded == [1] * len(folded)
    columns.values.remove(columns.database.write_now(columns.values.retire, 1))
    assert not _naming(columns, 2**40 + 7)
    columns.open()
    assert columns.held("staged") == before


def _naming(columns, code):
    """The files that hold a code that no narrower integer does."""
    content = {each: (columns.folder / each).read_bytes() for each in columns.files.names()}
    return [each for each, said in content.items() if code.to_bytes(8, "little") in said]
