"""Names for keys: several keys, or a stretch of numbers, as one value of a tag."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from rules.evaluate.meaning import Scalar
from rules.tree import Grouped
from rules.values import Kind, normal_text
from tagging.domain.columns import Ints
from tagging.domain.definition_limits import MAX_KEYS, MAX_NAMES
from tagging.domain.groups import Groups, exact, text_of

from .kind import Compiler, Scaled


@dataclass(frozen=True, slots=True)
class NamedKeys:
    """`value` stands for the texts in `keys`, and for the numbers from `from_number` up to below `to_number`.

    A stretch that ends at or before its start goes over the end: from 22 to 6 is the night.
    """

    value: str
    keys: tuple[str, ...] = ()
    from_number: Scaled | None = None
    to_number: Scaled | None = None

    def holds(self, key: Scalar) -> bool:
        if text_of(key) in self.keys:
            return True
        if not isinstance(key, int) or isinstance(key, bool):
            return False
        if self.from_number is None or self.to_number is None:
            return False
        if self.from_number < self.to_number:
            return self.from_number <= key < self.to_number
        return key >= self.from_number or key < self.to_number


def names_fault(field: str, names: Sequence[NamedKeys]) -> str:
    """What is wrong with the names of a definition, "" for nothing."""
    if len(names) > MAX_NAMES:
        return f"{field}: has {len(names)} names, the limit is {MAX_NAMES}"
    seen: dict[str, str] = {}
    for index, each in enumerate(names):
        where = f"{field}[{index}]"
        if not each.value or each.value != normal_text(each.value):
            return f"{where}.value: '{each.value}' is not in normal form: NFKC, trimmed, not empty"
        if len(each.keys) > MAX_KEYS:
            return f"{where}.keys: has {len(each.keys)} keys, the limit is {MAX_KEYS}"
        if (each.from_number is None) != (each.to_number is None):
            return f"{where}: from_number and to_number stand together"
        if not each.keys and each.from_number is None:
            return f"{where}: says no keys and no stretch of numbers"
        for key in each.keys:
            if key != normal_text(key) or not key:
                return f"{where}.keys: '{key}' is not in normal form: NFKC, trimmed, not empty"
            if key in seen:
                return f"{where}.keys: '{key}' is in '{seen[key]}' already"
            seen[key] = each.value
    return ""


def named(groups: Groups, names: Sequence[NamedKeys]) -> Groups:
    """The groups by name, numbers and events added up; keys that have no name are left out. The first name that holds
    a key has it. Without names: the keys' texts.

    An event that stands in several keys of one name counts in each of them.
    """
    texts = [_name(key, names) for key in groups.names]
    distinct = tuple(sorted({each for each in texts if each is not None}))
    places = {text: place for place, text in enumerate(distinct)}
    by_key = np.array([-1 if each is None else places[each] for each in texts], np.int64)
    if np.array_equal(by_key, np.arange(len(distinct))):  # every key is a name of its own
        return replace(groups, names=distinct, numbers=exact(groups.numbers, len(groups.keys) or 1))
    places_of_groups: Ints = by_key[groups.keys] if len(groups.keys) else groups.keys
    kept = groups.take(places_of_groups >= 0)
    keys = places_of_groups[places_of_groups >= 0]
    order = np.argsort(kept.persons * max(len(distinct), 1) + keys, kind="stable")
    persons, keys = kept.persons[order], keys[order]
    numbers, events = exact(kept.numbers[order], len(order) or 1), kept.events[order]
    if not len(keys):
        return Groups(kept.counts, distinct, keys, numbers, events)
    new = np.append(True, (persons[1:] != persons[:-1]) | (keys[1:] != keys[:-1]))
    starts = np.flatnonzero(new)
    counts = np.bincount(persons[starts], minlength=len(groups.counts)).astype(np.int64)
    return Groups(
        counts, distinct, keys[starts], np.add.reduceat(numbers, starts), np.add.reduceat(events, starts)
    )


def _name(key: Scalar, names: Sequence[NamedKeys]) -> str | None:
    if not names:
        return normal_text(text_of(key)) or None
    return next((each.value for each in names if each.holds(key)), None)


def question_of(
    compiler: Compiler, field: str, measure: str, names_field: str = "", names: Sequence[NamedKeys] = ()
) -> Grouped:
    """The measure as a question. Stretches of numbers stand for keys that are numbers alone."""
    checked = compiler.grouped(field, measure)
    for index, each in enumerate(names):
        if each.from_number is not None and checked.key.kind is not Kind.NUMBER:
            problem = f"the keys of the measure are no numbers but {checked.key}"
            raise compiler.refused(f"{names_field}[{index}].from_number", problem)
    return checked.grouped
