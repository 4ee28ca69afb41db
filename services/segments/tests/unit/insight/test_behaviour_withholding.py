"""What is told of behaviour never determines a number of few persons, by sums and differences."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from segments.domain.insight.behaviour.answers import told_cohorts, told_nodes, told_steps

FEWEST = 10
COUNTS = st.one_of(st.just(0), st.integers(1, 9), st.integers(10, 60))


@st.composite
def funnels(draw):
    """By group, how many have each step for their last; the groups part the audience."""
    steps = draw(st.integers(1, 4))
    groups = draw(st.lists(st.lists(COUNTS, min_size=steps + 1, max_size=steps + 1), min_size=1, max_size=4))
    return [[sum(each) for each in zip(*groups, strict=True)], *groups]


def reached(stopped):
    return [sum(stopped[step:]) for step in range(1, len(stopped))]


def determined(equations, unknown):
    """Whether a sum of the unknown follows from the equations."""
    if not len(equations):
        return False
    rank = np.linalg.matrix_rank(equations)
    return np.linalg.matrix_rank(np.vstack([equations, unknown])) == rank


@given(funnels().filter(lambda each: sum(each[0]) >= FEWEST))
def test_steps_of_groups_give_no_few_away(stopped):
    persons = [sum(each) for each in stopped]
    told = told_steps(persons, [reached(each) for each in stopped], FEWEST)
    groups, width = len(stopped) - 1, len(stopped[0])

    def sum_of(group, steps):
        row = np.zeros((groups, width))
        row[slice(None) if group == 0 else group - 1, steps] = 1
        return row.ravel()

    equations = []
    for group, each in enumerate(told):
        if each.persons is not None:
            assert each.persons == persons[group]
            equations.append(sum_of(group, slice(0, None)))
        for step, count in enumerate(each.steps, start=1):
            if count.persons is not None:
                assert count.persons == sum(stopped[group][step:])
                equations.append(sum_of(group, slice(step, None)))
    for group, line in enumerate(stopped):
        for step, count in enumerate(line):
            if 0 < count < FEWEST:
                assert not determined(equations, sum_of(group, slice(step, step + 1))), (group, step)


@given(funnels())
def test_the_audience_alone_gives_no_few_away(stopped):
    line = stopped[0]
    (told,) = told_steps([sum(line)], [reached(line)], FEWEST)
    shown = [sum(line), *(each.persons for each in told.steps), 0]
    for here, there in itertools.combinations(shown, 2):
        if here is not None and there is not None and (here, there) != (sum(line), 0):
            assert not 0 < here - there < FEWEST or sum(line) < FEWEST


def test_everything_is_told_to_those_who_may_see_it():
    stopped = [[3, 4, 5], [1, 2, 3], [2, 2, 2]]
    told = told_steps([12, 6, 6], [reached(each) for each in stopped], 0)
    assert [[step.persons for step in each.steps] for each in told] == [[9, 5], [5, 3], [4, 2]]
    assert told[0].steps[1].of_previous == 5 / 9
    assert told[0].steps[0].of_previous == 9 / 12


@st.composite
def matrices(draw):
    """Of one cohort and period: by group its size and who come back."""
    sizes = draw(st.lists(COUNTS, min_size=1, max_size=5))
    back = [draw(st.one_of(st.integers(0, each), st.just(each))) for each in sizes]
    return [sum(sizes), *sizes], [sum(back), *back]


@given(matrices())
def test_who_comes_back_gives_no_few_away(found):
    sizes, back = found
    told = told_cohorts(sizes, [[each] for each in sizes], [[[each]] for each in back], [1], FEWEST)
    cells = [each.cohorts[0] for each in told]
    counts = [each.periods[0] for each in cells]
    for size, gone, cell, count in zip(sizes, back, cells, counts, strict=True):
        assert cell.persons in (None, size)
        assert count.persons in (None, gone)
        if count.persons is not None:
            assert not 0 < gone < FEWEST
            assert not 0 < size - gone < FEWEST
        if count.share is not None:
            assert count.persons is not None
    if counts[0].persons is not None:
        rest = [place for place in range(1, len(sizes)) if counts[place].persons is None]
        together, whole = sum(back[each] for each in rest), sum(sizes[each] for each in rest)
        assert not 0 < together < FEWEST
        assert not 0 < whole - together < FEWEST
        assert len(rest) != 1
    known = [place for place in range(1, len(sizes)) if cells[place].persons is None and sizes[place]]
    if cells[0].persons is not None and known:
        assert len(known) > 1
        assert sum(sizes[each] for each in known) >= FEWEST


def test_groups_that_overlap_are_looked_at_by_themselves():
    told = told_steps([100, 60, 4], [[80], [45], [4]], FEWEST)
    assert [(each.persons, each.steps[0].persons) for each in told] == [(100, 80), (60, 45), (None, None)]


def test_groups_that_do_not_overlap_give_no_few_away_whatever_their_tag():
    told = told_steps([1000, 996, 4], [[500], [497], [3]], FEWEST)
    assert [each.persons for each in told] == [1000, None, None]
    assert [each.steps[0].persons for each in told] == [500, None, None]
    one, other, rest = told_cohorts(
        [1000, 600, 500], [[500], [496], [4]], [[[300]], [[298]], [[2]]], [1], FEWEST
    )
    assert [each.cohorts[0].persons for each in (one, other, rest)] == [500, None, None], "of those who began"
    assert (one.cohorts[0].periods[0].persons, other.cohorts[0].periods[0].persons) == (300, None)


def test_a_tree_tells_nodes_of_many():
    nodes = [(("a",), 50), (("a", "b"), 44), (("a", "(ended)"), 6), (("b",), 30), (("(ended)",), 20)]
    started, told = told_nodes(200, 100, nodes, FEWEST)
    assert started == 100
    assert [each.persons for each in told] == [50, None, None, 30, 20]
    assert told[0].share == 0.5
    hidden, _ = told_nodes(105, 100, nodes, FEWEST)
    assert hidden is None, "else how many do not start would follow"
    assert told_nodes(105, 100, nodes, 0)[1][2].persons == 6
