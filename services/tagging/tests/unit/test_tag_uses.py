"""Who rests on a tag, what breaks whom, places in the tree, and names."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.values import Kind
from tagging.domain.definition import Layer, Option, StatisticKind, TagDefinition, TagValueType, Wording
from tagging.domain.governance import categories, naming
from tagging.domain.governance.categories import Category, CategoryUnknown, PathInvalid
from tagging.domain.governance.lineage import Direction, Edge, NodeKind, Place, lineage
from tagging.domain.governance.naming import NamingInvalid, NamingRule, NamingRules
from tagging.domain.governance.uses import TagUse, UserKind, is_breaking, lost_values, users

NAMES = st.sampled_from("abcdef")


def tag(tag_id="x", base=Kind.TEXT, values=(), closed=False, **said):
    value_type = TagValueType(base, closed=closed, options=tuple(Option(each) for each in values))
    return TagDefinition(tag_id, Wording("x"), value_type, StatisticKind("1"), **said)


def test_users_are_followed_through_tags_segments_and_campaigns():
    rests_on = {"b": ["a"], "c": ["b"], "d": ["z"]}
    uses = [
        TagUse(UserKind.SEGMENT, "direct", ("a",)),
        TagUse(UserKind.SEGMENT, "through_tag", ("c",)),
        TagUse(UserKind.SEGMENT, "through_segment", (), ("through_tag",)),
        TagUse(UserKind.SEGMENT, "other", ("d",)),
        TagUse(UserKind.CAMPAIGN, "spring", (), ("through_segment",)),
        TagUse(UserKind.CAMPAIGN, "autumn", ("d",), ("other",)),
    ]
    found = users("a", rests_on, uses)
    assert found.tag_ids == ("b", "c")
    assert found.segments == ("direct", "through_segment", "through_tag")
    assert found.campaigns == ("spring",)
    assert not users("nobody", rests_on, uses)


@given(st.dictionaries(NAMES, st.lists(NAMES, max_size=3)), NAMES)
def test_tags_that_rest_on_one_are_those_from_which_a_path_leads_to_it(rests_on, start):
    found = set(users(start, rests_on, []).tag_ids)
    expected = set()
    for name in rests_on:
        waiting, seen = list(rests_on[name]), set()
        while waiting:
            here = waiting.pop()
            if here not in seen:
                seen.add(here)
                waiting += rests_on.get(here, [])
        if start in seen and name != start:
            expected.add(name)
    assert found == expected


def test_a_change_breaks_rules_when_the_type_changes_or_values_go():
    open_list, closed = tag(values=["a", "b"]), tag(values=["a", "b"], closed=True)
    assert not is_breaking(closed, tag(values=["a", "b", "c"], closed=True))
    assert is_breaking(closed, tag(values=["a"], closed=True))
    assert lost_values(closed, tag(values=["a"], closed=True)) == ("b",)
    assert is_breaking(open_list, closed)
    assert not is_breaking(closed, open_list)
    assert is_breaking(open_list, tag(base=Kind.NUMBER))
    assert not is_breaking(open_list, dataclasses.replace(open_list, name=Wording("y")))


TREE = {path: Category(path) for path in ("a", "a/b", "a/b/c", "d", "d/b")}


def test_a_category_moves_with_all_below_it():
    assert categories.moved(TREE, "a/b", "d/e") == {"a/b": "d/e", "a/b/c": "d/e/c"}
    assert categories.moved(TREE, "a/b", "a/b") == {"a/b": "a/b", "a/b/c": "a/b/c"}
    with pytest.raises(CategoryUnknown):
        categories.moved(TREE, "x", "y")
    with pytest.raises(CategoryUnknown, match="'z'"):
        categories.moved(TREE, "a", "z/a")
    with pytest.raises(PathInvalid, match="below"):
        categories.moved(TREE, "a", "a/b/a")
    with pytest.raises(FileExistsError):
        categories.moved(TREE, "a/b", "d/b")


@pytest.mark.parametrize("path", ["", "a//b", "a/b/c/d/e/f", " a", "a/" + "x" * 65])
def test_a_path_within_limits(path):
    with pytest.raises(PathInvalid):
        categories.check_path(path)


def test_places_are_counted_and_made_from_the_top():
    here, total = categories.counts(["a", "a/b", "a/b", "d"])
    assert (here, total) == ({"a": 1, "a/b": 2, "d": 1}, {"a": 3, "a/b": 2, "d": 1})
    assert categories.missing(["a/b/c", "e/f"], ["a"]) == ["a/b", "a/b/c", "e", "e/f"]


RULES = NamingRules(
    (
        NamingRule(
            "(?:txn|pay)_[a-z_]+", Layer.DERIVED, "money", "txn_count", Wording("", "money tags say so")
        ),
        NamingRule("[a-z_]+"),
    ),
    ("tmp",),
)


@pytest.mark.parametrize(
    ("tag_id", "layer", "category", "refused"),
    [
        ("txn_count", Layer.DERIVED, "money/in", ""),
        ("count", Layer.DERIVED, "money/in", "does not match (?:txn|pay)_[a-z_]+ (money tags say so)"),
        ("xtxn_count", Layer.DERIVED, "money", "does not match"),
        ("count", Layer.BASIC, "money", ""),
        ("count", Layer.DERIVED, "moneyless", ""),
        ("count_1", Layer.BASIC, "", "does not match [a-z_]+"),
        ("count_tmp", Layer.BASIC, "", "'tmp' is a reserved word"),
        ("tmpfile", Layer.BASIC, "", ""),
    ],
)
def test_names_follow_the_rules_of_their_place(tag_id, layer, category, refused):
    found = naming.breach(RULES, tag_id, tag(tag_id, layer=layer, category=category))
    assert (found is None) is (not refused)
    if found:
        assert refused in found.problem


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        (NamingRules((NamingRule(""),)), "rules[0].pattern"),
        (NamingRules((NamingRule("a"), NamingRule("(?=x)"))), "rules[1].pattern"),
        (NamingRules((NamingRule("a+", example="b"),)), "rules[0].example"),
        (NamingRules((NamingRule("a"),) * 101), "rules"),
        (NamingRules((), ("",)), "reserved_words[0]"),
        (NamingRules((), ("x" * 65,)), "reserved_words[0]"),
    ],
)
def test_rules_that_are_wrong_themselves(rules, field):
    with pytest.raises(NamingInvalid) as refused:
        naming.check(rules)
    assert refused.value.field == field


def test_naming_rules_come_back_from_their_document():
    assert naming.from_document(naming.to_document(RULES)) == RULES
    assert RULES.etag != NamingRules().etag


@given(st.lists(st.tuples(NAMES, NAMES), max_size=15), st.integers(1, 4), st.sampled_from(Direction))
def test_lineage_tells_the_shortest_way_and_cuts_at_the_depth(pairs, depth, direction):
    edges = [Edge(Place(NodeKind.TAG, one), Place(NodeKind.TAG, two)) for one, two in pairs]
    found = lineage("a", edges, direction, depth)
    assert (found.nodes[0].place.name, found.nodes[0].distance) == ("a", 0)
    assert len({each.place for each in found.nodes}) == len(found.nodes)
    assert all(abs(each.distance) <= depth for each in found.nodes)
    if direction is not Direction.BOTH:
        upstream = direction is Direction.UPSTREAM
        distances = {"a": 0}
        for step in range(1, len(pairs) + 1):
            for one, two in pairs:
                near, far = (two, one) if upstream else (one, two)
                if distances.get(near) == step - 1:
                    distances.setdefault(far, step)
        near_ones = {name: step for name, step in distances.items() if step <= depth}
        assert {each.place.name: abs(each.distance) for each in found.nodes} == near_ones
        assert found.cut is (len(near_ones) < len(distances))
    told = {each.place for each in found.nodes}
    assert all({each.source, each.target} <= told for each in found.edges)
