"""Of whom columns are computed at midnight: of everybody, or of those alone of whom they may have changed."""

import datetime as dt
from collections.abc import Collection, Hashable, Iterable, Mapping

import numpy as np
from tagging.app.division import MOST, Concerned
from tagging.app.snapshot import Snapshot
from tagging.domain.columns import Ints, union
from tagging.domain.recipe import Recipe
from tagging.domain.turning import Span, turned_spans, turning_windows


def turned_persons(
    snapshot: Snapshot,
    recipes: Iterable[Recipe],
    standing: Collection[str],
    concerned: Concerned,
    as_of: dt.datetime,
) -> dict[str, Ints | None]:
    """By column, given in the order of what they rest on, of whom it may be wrong after midnight (ascending, living or
    not); None is everybody, also when they are many. `standing`: columns that were right of all but the concerned."""
    listed = list(recipes)
    moved = _moved(snapshot, [each for each in listed if each.column in standing and each.daily], as_of)
    nobody = np.empty(0, np.int64)
    found: dict[str, Ints | None] = {}
    alike: dict[Hashable, Ints] = {}
    for recipe in listed:
        inputs = [found[tag] for tag in recipe.tags & found.keys()]
        own = moved.get(recipe.column) if recipe.daily else nobody
        if recipe.column not in standing or own is None or any(each is None for each in inputs):
            found[recipe.column] = None
            continue
        like = concerned.kinds(recipe), id(own)
        if like not in alike:
            alike[like] = union(concerned.in_columns([recipe]), own)
        persons = alike[like]
        for each in inputs:
            persons = persons if each is None else union(persons, each)
        found[recipe.column] = persons if len(persons) <= MOST * len(snapshot.persons) else None
    return found


def together(whom: Mapping[str, Ints | None], most: float) -> tuple[frozenset[str], Ints]:
    """The columns that are computed at once of some persons alone, and these: of whom any of them turned, at most so
    many. `whom`: as `turned_persons` gave it; what a column rests on is among them when it is."""
    few = [(column, persons) for column, persons in whom.items() if persons is not None]
    few.sort(key=lambda each: len(each[1]))  # what a column rests on has no more of them, and stands before
    columns: list[str] = []
    among = np.zeros(max((int(each[-1]) for _, each in few if len(each)), default=0) + 1, np.bool_)
    count = 0
    for column, persons in few:
        new = persons[~among[persons]]
        count += len(new)
        if count > most:
            break
        among[new] = True
        columns.append(column)
    return frozenset(columns), np.flatnonzero(among)


def _moved(snapshot: Snapshot, recipes: Iterable[Recipe], as_of: dt.datetime) -> dict[str, Ints]:
    """By column, who has events where its windows turned; without columns that turn by more than windows."""
    calendar, day = snapshot.tenant.settings.calendar, snapshot.tenant.day
    by_types: dict[frozenset[str], dict[str, frozenset[Span]]] = {}
    for recipe in recipes:
        windows = turning_windows(recipe)
        spans = None if windows is None else turned_spans(windows, day, as_of, calendar)
        if spans is not None:
            by_types.setdefault(recipe.events, {})[recipe.column] = spans
    found: dict[str, Ints] = {}
    for types, by_column in by_types.items():
        distinct = list(dict.fromkeys(by_column.values()))
        persons = dict(zip(distinct, snapshot.persons_within(types, distinct), strict=True))
        found |= {column: persons[spans] for column, spans in by_column.items()}
    return found
