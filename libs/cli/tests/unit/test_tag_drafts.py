"""A draft tells in time what the reviewers will ask for."""

from cli.calls.governance import hinders_submit
from huaxiang.tagging.v1 import tag_life_pb2
from tagging.catalogue.files import parse_definitions
from tagging.catalogue.messages import to_message


def test_what_submit_would_refuse_is_told_with_the_draft() -> None:
    (defined,) = parse_definitions(
        "[{tag_id: regular, name: {zh: 常客, en: Regular}, description: {zh: 常来, en: Comes often}, "
        "calculation: {zh: 单数}, owner: ann, type: number, statistic: COUNT(order_paid)}]",
        "here",
    )
    definition = to_message(defined)
    life = tag_life_pb2.TagLife(draft=tag_life_pb2.TagDraft(definition=definition))
    (told,) = hinders_submit(life)
    assert told.startswith("submit will refuse it: calculation.en is empty")
    assert hinders_submit(tag_life_pb2.TagLife()) == []
