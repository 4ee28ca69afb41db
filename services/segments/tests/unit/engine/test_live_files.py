"""Columns come out of files as they went in; damage is found, or changes nothing."""

import resource
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.check import Population
from rules.testing import retailer

SIZE = 1 << 16
TAGS = (
    "gender",
    "is_vip",
    "city",
    "interests",
    "lucky_numbers",
    "points",
    "birthday",
    "last_seen",
    "nickname",
)


@pytest.fixture(scope="module")
def people(threads):
    from engine_people import People

    return People(retailer(), threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("columns")


@pytest.fixture(scope="module")
def written(people, threads, folder):
    from segments.engine.live.files import write

    return {each: write(folder, f"{each}.column", each, people.tag(each), threads) for each in TAGS}


def answers(tag, people):
    """How many persons have each of its values, or less than each of some numbers."""
    from segments.engine.algebra import InRange, InSet
    from segments.engine.answers import counts
    from segments.engine.numbers import NumberColumn
    from segments.engine.program import program_of

    column = tag.column
    if isinstance(column, NumberColumn):
        ends = [0, 1, *np.quantile(column.frames[:, 0], [0.1, 0.9]).astype(np.int64).tolist()]
        sets = [InSet(column.knowns, 0), *(InRange(column, -(2**63), each) for each in ends)]
    else:
        sets = [InSet(column, each) for each in range(column.values + 1)]
    return counts(program_of(sets, people.universe(Population.ALL)), people.threads)


@pytest.mark.parametrize("tag", TAGS)
def test_a_column_comes_out_of_its_file_as_it_went_in(people, folder, written, tag):
    from segments.engine.live.files import opened, verify

    found, expected = opened(folder, written[tag]), people.tag(tag)
    verify(folder, written[tag])
    assert (found.kind, found.dictionary) == (expected.kind, expected.dictionary)
    assert answers(found, people) == answers(expected, people)


def test_a_column_of_a_file_changes_and_the_file_does_not(people, threads, folder, written):
    from engine_changes import changes_of, column_of, having_of
    from segments.engine.live.files import opened, verify, write
    from segments.engine.live.versions import changed

    random = np.random.default_rng(2)
    having = np.zeros((11, 2 * SIZE), np.bool_)
    having[random.integers(0, 11, 2 * SIZE), np.arange(2 * SIZE)] = True
    named = write(folder, "changing", "changing", column_of(having, threads, single=True), threads)
    bytes_before = (folder / "changing").read_bytes()
    column = first = opened(folder, named)
    for _ in range(3):
        after = having.copy()
        after[:, random.integers(0, 2 * SIZE, 2_000)] = False
        column = changed(column, changes_of(having, after, np.zeros(0, np.int64)), threads)
        having = after
    assert np.array_equal(having_of(column, 2, threads)[:-1], having)
    assert having_of(first, 2, threads)[-1].all()
    verify(folder, named)
    assert (folder / "changing").read_bytes() == bytes_before
    again = opened(folder, write(folder, "changed", "changing", column, threads))
    assert np.array_equal(having_of(again, 2, threads)[:-1], having)


@given(
    tag=st.sampled_from(["city", "points"]), place=st.floats(0, 1), bit=st.integers(0, 7), start=st.booleans()
)
def test_a_flipped_bit_is_found_or_changes_no_answer(people, folder, written, tag, place, bit, start):
    from segments.engine.live.files import opened

    named = written[tag]
    path = folder / named.file
    at = int(place * (min(60_000, named.bytes) if start else named.bytes - 1))
    with path.open("r+b") as file:
        flip(file, at, bit)
        try:
            damage = damage_of(folder, named)
            if damage is None:
                assert answers(opened(folder, named), people) == answers(people.tag(tag), people)
            else:
                assert (damage.column, damage.file) == (tag, named.file)
        finally:
            flip(file, at, bit)


def damage_of(folder, named):
    from segments.domain.manifests import FileDamaged
    from segments.engine.live.files import verify

    try:
        verify(folder, named)
    except FileDamaged as damage:
        return damage
    return None


def flip(file, at, bit):
    file.seek(at)
    (byte,) = file.read(1)
    file.seek(at)
    file.write(bytes([byte ^ (1 << bit)]))
    file.flush()


def test_what_is_not_the_named_file_is_refused_when_it_is_opened(folder, written):
    from dataclasses import replace

    from segments.domain.manifests import FileDamaged
    from segments.engine.live.files import opened

    named = written["city"]
    path, content = folder / "other", (folder / named.file).read_bytes()
    other = replace(named, file="other")
    with pytest.raises(FileDamaged, match="no such file"):
        opened(folder, other)
    tables = content.find(b"\0" * 64)
    for damaged in (
        b"",
        content[:-1],
        content[:9],
        b"X" + content[1:],
        bytes(len(content)),
        content[:tables] + b"x",
    ):
        path.write_bytes(damaged)
        with pytest.raises(FileDamaged, match=r"other of the column city .*build the column again"):
            opened(folder, other)
    path.write_bytes((folder / written["gender"].file).read_bytes())
    with pytest.raises(FileDamaged):
        opened(folder, replace(other, bytes=written["gender"].bytes))


def test_nothing_is_left_of_a_file_for_which_the_disk_has_no_room(people, threads, tmp_path: Path):
    from segments.engine.live.files import write

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write(tmp_path, "large", "points", people.tag("points"), threads)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


def test_files_that_nobody_names_go_and_named_ones_stay(people, threads, tmp_path: Path):
    from segments.domain.manifests import Manifest
    from segments.engine.live.files import opened, remove, unnamed, write

    first, second, other = (
        write(tmp_path, file, tag, people.tag(tag), threads)
        for file, tag in (("1", "gender"), ("2", "gender"), ("3", "is_vip"))
    )
    manifest = Manifest().with_files([first, other]).with_files([second])
    (tmp_path / "4").write_bytes(b"half of a fi")
    mapped = opened(tmp_path, first)
    assert unnamed(tmp_path, manifest.names) == ["1", "4"]
    remove(tmp_path, unnamed(tmp_path, manifest.names))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["2", "3"]
    assert answers(mapped, people) == answers(opened(tmp_path, second), people)
    with pytest.raises(FileExistsError):
        write(tmp_path, "2", "gender", people.tag("gender"), threads)
