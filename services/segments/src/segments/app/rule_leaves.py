"""The conditions that a rule combines, and whether they hold for one person."""

from collections.abc import Iterator, Mapping
from functools import lru_cache

from rules import tree
from rules.errors import NumberOverflow, UnsupportedNode
from rules.evaluate.person import Person, is_true
from rules.evaluate.selection import condition_within
from rules.evaluate.setting import Setting
from rules.printer import print_condition
from rules.walk import children


@lru_cache(maxsize=4_096)
def leaves_of(rule: tree.Rule) -> Mapping[str, tree.Condition]:
    """By text, in the rule's order."""
    found = [each for each in _leaves(condition_within(rule)) if isinstance(each, tree.Condition)]
    return {print_condition(each): each for each in found}


def truth_of(leaf: tree.Condition, person: Person, setting: Setting) -> bool | None:
    """Of one person of whom all is known that the condition looks at; None when it cannot be told."""
    try:
        return is_true(leaf, person, setting)
    except (UnsupportedNode, NumberOverflow):
        return None


def flipped(
    before: Mapping[str, bool | None], after: Mapping[str, bool | None]
) -> Iterator[tuple[str, bool]]:
    """(text, whether it holds by now) of those that are known on both sides, and differ."""
    for text, now in after.items():
        was = before.get(text)
        if was is not None and now is not None and was != now:
            yield text, now


def _leaves(node: tree.Node) -> Iterator[tree.Node]:
    if isinstance(node, tree.And | tree.Or | tree.Not):
        for child in children(node):
            yield from _leaves(child)
    else:
        yield node
