"""How a property path is read: from the event, a line, a joined table, or several of these."""

import pytest
from rules.schema import Openness, Scope, UnknownPath, ValueList, resolve, sequence_property
from rules.testing import retailer
from rules.values import BOOL, DATETIME, NUMBER, TEXT

CATALOGUE = retailer()
ORDER = CATALOGUE.events["order_paid"]


@pytest.mark.parametrize(
    ("path", "lines", "type_", "walked", "of_line", "table"),
    [
        ("amount", "", NUMBER, "", False, ""),
        ("time", "", DATETIME, "", False, ""),
        ("is_workday", "", BOOL, "", False, ""),
        ("items.quantity", "", NUMBER, "items", False, ""),
        ("items.item_id.brand", "", TEXT, "items", False, "items"),
        ("store_id.area", "", NUMBER, "", False, "stores"),
        ("amount", "items", NUMBER, "", True, ""),
        ("item_id.on_sale", "items", BOOL, "", True, "items"),
        ("discount", "items", NUMBER, "", False, ""),
    ],
)
def test_paths(path: str, lines: str, type_: object, walked: str, of_line: bool, table: str) -> None:
    found = resolve(CATALOGUE, Scope(ORDER, lines), tuple(path.split(".")))
    assert (found.type, found.list, found.of_line, found.table) == (type_, walked, of_line, table)


@pytest.mark.parametrize(
    ("path", "missing", "candidate"),
    [
        ("amont", "amont", "amount"),
        ("items.amont", "amont", "amount"),
        ("store_id.town", "town", "city"),
        ("amount.x", "x", None),
        ("items.item_id.brand.x", "brand", None),
    ],
)
def test_a_path_that_leads_nowhere_names_its_missing_part(
    path: str, missing: str, candidate: str | None
) -> None:
    with pytest.raises(UnknownPath) as caught:
        resolve(CATALOGUE, Scope(ORDER), tuple(path.split(".")))
    assert caught.value.name == missing
    assert candidate is None or candidate in caught.value.candidates


def test_a_sequence_reads_a_property_of_the_event_or_else_of_its_lines() -> None:
    view = CATALOGUE.events["view_item"]
    assert sequence_property(CATALOGUE, view, ("item_id",)).list == ""
    assert sequence_property(CATALOGUE, ORDER, ("item_id",)).list == "items"
    with pytest.raises(UnknownPath):
        sequence_property(CATALOGUE, ORDER, ("price",))


def test_below_a_value_of_a_tree_are_its_children_and_theirs() -> None:
    tree = ValueList(frozenset("abcd"), parents={"b": "a", "c": "b"})
    assert tree.below("a") == {"a", "b", "c"}
    assert tree.below("d") == {"d"}
    assert tree.line_of("c") == ("c", "b", "a")


def test_below_a_value_are_those_too_that_only_the_tree_names() -> None:
    tree = ValueList(frozenset("a"), Openness.OPEN, parents={"b": "a", "c": "b", "d": "root"})
    assert tree.below("a") == {"a", "b", "c"}
    assert tree.below("b") == {"b", "c"}
    assert tree.below("root") == {"root", "d"}


def test_a_cycle_of_parents_ends_the_walk() -> None:
    assert ValueList(frozenset("ab"), parents={"a": "b", "b": "a"}).line_of("a") == ("a", "b")
