"""Columns computed for one question: kept while nothing they rest on has moved, and no longer."""

import datetime as dt

import pytest
from servicekit.errors import RightMissing
from servicekit.progress import Progress
from servicekit.revision import Lane, Revision
from tagging.app.apply_changes import ApplyChanges
from tagging.app.features import EvaluateFeature
from tagging.app.restart_features import RestartFeatures
from tagging.domain.definition import Grade
from tagging.domain.facts import Fact
from tagging.domain.reference_rows import RowVersion

SEARCHES = "COUNT(search)"
TEAS = "COUNT(view_item WHERE item_id.brand = 'tea')"


@pytest.fixture
def evaluate(world):
    return EvaluateFeature(
        world.database,
        world.everybody,
        world.columns,
        world.changelog,
        world.facts,
        world.references,
        world.clock,
    )


@pytest.fixture
def tell(world):
    """Stores facts as the consumer does, with its cursor."""
    position = 0
    follow = RestartFeatures(world.tags, world.columns)
    apply_changes = ApplyChanges(world.facts, world.changelog, world.clock.now, world.recompute, follow)
    world.database.write_now(world.facts.progress.finish, progress(0))

    def tell(*facts, lane=Lane.LIVE):
        nonlocal position
        position += 1
        said = [Fact("t1", position, each) for each in facts]
        world.database.write_now(apply_changes, said, lane, progress(position).through)

    return tell


def progress(position):
    return Progress(Revision("identity", "0" * 16, position, position))


def counts(evaluate, form):
    coded = evaluate("t1", form, None, Grade).coded
    return dict(zip(coded.persons.tolist(), coded.codes.tolist(), strict=True))


@pytest.mark.parametrize("lane", [Lane.LIVE, Lane.BULK])
def test_an_event_that_no_tag_asks_for_is_counted(world, tell, evaluate, lane):
    tell(world.person(1, 1))
    assert counts(evaluate, SEARCHES) == {1: 0}
    before = world.position
    tell(world.event(1, "search", world.ago(minutes=1), keyword="x"), lane=lane)
    assert world.changes(after=before) == []  # nothing follows from it, so nothing is told
    assert counts(evaluate, SEARCHES) == {1: 10_000}


def test_a_row_that_a_form_joins_is_read(world, tell, evaluate):
    tell(world.person(1, 1), world.event(1, "view_item", world.ago(minutes=1), item_id="i1"))
    assert counts(evaluate, TEAS) == {1: 0}
    world.put_rows("items", RowVersion("i1", {"brand": "tea"}))
    assert counts(evaluate, TEAS) == {1: 10_000}


def test_a_column_is_kept_while_nothing_moves(world, tell, evaluate, monkeypatch):
    tell(world.person(1, 1))
    assert counts(evaluate, SEARCHES) == {1: 0}
    monkeypatch.setattr(evaluate, "_compute", None)
    assert counts(evaluate, SEARCHES) == {1: 0}


def test_the_present_is_not_before_the_facts_that_are_read(world, tell, evaluate):
    """While a call waits for facts or for its turn, more come: they belong to the column that is kept."""
    tell(world.person(1, 1))

    def told_while_it_waited(*args):
        world.clock.advance(dt.timedelta(seconds=1))
        tell(world.event(1, "search", world.clock.now(), keyword="x"))
        world.database.read_now = read_now
        return read_now(*args)

    read_now, world.database.read_now = world.database.read_now, told_while_it_waited
    found = evaluate("t1", SEARCHES, None, Grade)
    assert found.as_of == world.clock.now()
    assert found.coded.codes.tolist() == [10_000]
    assert counts(evaluate, SEARCHES) == {1: 10_000}


def test_a_form_over_events_that_may_not_be_read_is_refused(world, tell, evaluate):
    tell(world.person(1, 1), world.event(1, "risk_rated", world.ago(days=1), risk_level="c5"))
    with pytest.raises(RightMissing, match="read_sensitive"):
        evaluate("t1", "COUNT(risk_rated)", None, {Grade.PUBLIC, Grade.INTERNAL})
    assert counts(evaluate, "COUNT(risk_rated)") == {1: 10_000}
