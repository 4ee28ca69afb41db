"""What it means that a column stands: everybody's values are those of one and the same recipe, kept by the stream."""

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rules.schema import PropertyType
from rules.tree import During, Property
from rules.walk import walk
from rules.windows import CalendarSettings

from .dictionary import Dictionary
from .recipe import Recipe

MEANING = 1
"""Raise it with a release that computes other values from the same definitions: columns are then computed anew."""


@dataclass(frozen=True, slots=True)
class Standing:
    """`digest`: of the recipe that everybody was computed by; `as_of`: the moment that was published last; `rests_on`:
    the tags that it reads: when one of them loses its values, this column falls."""

    digest: str
    as_of: dt.datetime
    rests_on: frozenset[str] = frozenset()


def digest(recipe: Recipe, versions: Mapping[str, int], dictionary: Dictionary, *, profiles: bool) -> str:
    """Of what a column's values are a function of beside facts: the same in every process. The version of a tag, by its
    name, stands for its rules, the name of a feature's column for its form; `profiles`: whether it leaves out who
    objects."""
    version = versions.get(recipe.column, 0)
    said = [
        str(MEANING),
        recipe.column,
        str(version),
        str(profiles),
        str(recipe.daily),
        str(recipe.everybody),
    ]
    said += [recipe.shape.base.value, str(recipe.shape.multi_valued), str(recipe.shape.weighted)]
    said += [f"tag {name} {versions.get(name, 0)}" for name in sorted(recipe.tags)]
    for name in sorted(recipe.events):
        event = dictionary.events.get(name)
        said.append(f"event {name}")
        if event is not None:
            said += [f"less {each}" for each in event.reversed_by]
            said += _typed(event.properties)
    for name in sorted(recipe.tables):
        table = dictionary.tables.get(name)
        said.append(f"table {name}")
        said += _typed(table.columns) if table is not None else []
    said += _of_calendar(recipe, dictionary.calendar)
    return hashlib.blake2b("\n".join(said).encode(), digest_size=16).hexdigest()


def _of_calendar(recipe: Recipe, calendar: CalendarSettings) -> list[str]:
    """What a column reads of the calendar; a release, too, may ship other days."""
    nodes = [node for question in recipe.questions.values() for node in walk(question)]
    found = []
    for name in sorted({each.name for each in nodes if isinstance(each, During)}):
        period = calendar.periods.find(name)
        if period is not None:
            found.append(f"period {name} {calendar.moment(period.start)} {calendar.moment(period.end)}")
    if any(isinstance(each, Property) and each.path[-1] == "is_workday" for each in nodes):
        days = calendar.workdays
        found += [f"settled {each}" for each in sorted(days.years)]
        found += [f"off {each}" for each in sorted(days.holidays)]
        found += [f"worked {each}" for each in sorted(days.worked)]
    return found


def _typed(properties: Iterable[PropertyType]) -> list[str]:
    found = []
    for each in sorted(properties, key=lambda each: each.name):
        found.append(f"{each.name} {each.type} {each.refers_to}")
        found += [f".{line}" for line in _typed(each.fields)]
    return found
