import pytest
from tagging.domain.dependencies import TagCycle, closure, dependents, levels

USES = {"a": [], "b": ["a", "elsewhere"], "c": ["a", "b"], "d": []}


def test_levels_put_what_is_used_first():
    assert levels(USES) == [["a", "d"], ["b"], ["c"]]


def test_a_circle_is_told_as_a_path():
    with pytest.raises(TagCycle) as refused:
        levels({"a": ["b"], "b": ["c"], "c": ["b"]})
    assert refused.value.path == ("b", "c", "b")


def test_a_tag_that_uses_itself_is_a_circle():
    with pytest.raises(TagCycle) as refused:
        levels({"a": ["a"]})
    assert refused.value.path == ("a", "a")


def test_long_chains_need_no_recursion():
    chain = {f"t{index}": [f"t{index + 1}"] for index in range(5_000)} | {"t5000": []}
    assert len(levels(chain)) == 5_001


def test_closure_and_dependents():
    assert closure(["c"], USES) == {"a", "b", "c"}
    assert dependents(["a"], USES) == {"a", "b", "c"}
    assert dependents(["d"], USES) == {"d"}
