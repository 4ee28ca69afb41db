import pytest
from cli.enum_names import name_of, number_of
from cli.exits import Exit, Refusal
from huaxiang.tagging.v1 import tag_pb2


def test_a_value_has_the_name_people_use_and_the_way_back_takes_their_spellings() -> None:
    assert name_of(tag_pb2.TagState, tag_pb2.TAG_STATE_IN_REVIEW) == "in_review"
    for said in ("in_review", "in-review", "In Review"):
        assert number_of(tag_pb2.TagState, said) == tag_pb2.TAG_STATE_IN_REVIEW


@pytest.mark.parametrize("said", ["", "unspecified", "reviewed"])
def test_a_name_that_is_none_is_refused_with_those_there_are(said: str) -> None:
    with pytest.raises(Refusal, match=f"'{said}' is none of draft, in_review, ") as refused:
        number_of(tag_pb2.TagState, said)
    assert refused.value.code is Exit.USAGE


def test_a_value_of_a_newer_release_is_told_by_its_number() -> None:
    assert name_of(tag_pb2.TagState, 99) == "99"
