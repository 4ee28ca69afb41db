"""Funnels, retention and paths as they are written on a command line, and how they are shown."""

import pytest
from cli.calls.behaviour import Walks, breakdown, day, funnel_of, retention_of, within
from cli.commands import behaviour
from cli.exits import Refusal
from cli.main import app
from huaxiang.segments.v1 import behaviour_pb2, insight_pb2
from huaxiang.segments.v1 import behaviour_service_pb2 as pb
from huaxiang.type.v1 import value_pb2
from typer.testing import CliRunner


def test_lengths_and_days_are_written_for_people():
    assert [within(each).seconds for each in ("90m", "24h", "7d")] == [5_400, 86_400, 604_800]
    assert day("2026-03-01") == 20_513
    for wrong in ("7", "d", "7w", "-1d", "1.5h"):
        with pytest.raises(Refusal):
            within(wrong)
    with pytest.raises(Refusal):
        day("1 March")


def test_questions_become_messages():
    funnel = funnel_of(["a", "b WHERE x > 1"], "1d", True, "2026-03-01T00:00:00+08:00", "")
    assert (list(funnel.steps), funnel.strict) == (["a", "b WHERE x > 1"], True)
    assert funnel.HasField("start_time")
    assert not funnel.HasField("end_time")
    retention = retention_of("a", "", "month", "2026-03-01", 3, 4)
    assert (retention.period, retention.cohort_count, retention.period_count) == (
        behaviour_pb2.RETENTION_PERIOD_MONTH, 3, 4,
    )  # fmt: skip
    with pytest.raises(Refusal, match="day, week, month"):
        retention_of("a", "", "year", "2026-03-01", 3, 4)
    walks = Walks("a", ["b"], "1h", 2, 3, True, True).message()
    assert (walks.backwards, walks.collapse_repeats, walks.depth, walks.top) == (True, True, 2, 3)
    by = breakdown("city:1")
    assert by is not None
    assert (by.tag_id, by.level) == ("city", 1)
    assert breakdown("") is None


@pytest.fixture
def answered(monkeypatch):
    """Answers every call with this."""

    def answer(found):
        monkeypatch.setattr(behaviour, "ask", lambda *_: found)

    return answer


def test_a_funnel_shows_shares_and_what_is_withheld(answered):
    city = insight_pb2.ValueCell(path=[value_pb2.Value(text_value="深圳")])
    answered(
        pb.GetFunnelResponse(
            groups=[
                pb.GroupFunnel(
                    group=pb.AudienceGroup(kind=pb.GROUP_KIND_ALL, persons=1_200),
                    steps=[
                        pb.StepCount(persons=1_000, of_first=1, of_previous=0.8333),
                        pb.StepCount(persons=250, of_first=0.25, of_previous=0.25),
                    ],
                ),
                pb.GroupFunnel(
                    group=pb.AudienceGroup(kind=pb.GROUP_KIND_VALUE, cell=city),
                    steps=[pb.StepCount(withheld=True)] * 2,
                ),
            ]
        )
    )
    said = CliRunner().invoke(app, ["segments", "funnel", "view_item", "order_paid"]).output
    for text in ("everybody: 1,200", "1,000", "83.3", "25.0", "深圳: withheld"):
        assert text in said


def test_retention_marks_what_is_not_over(answered):
    periods = [
        pb.RetentionCount(persons=40, share=0.4),
        pb.RetentionCount(withheld=True),
        pb.RetentionCount(persons=7, share=0.07, partial=True),
    ]
    cohort = pb.RetentionCohort(start_day=day("2026-03-02"), persons=100, periods=periods)
    group = pb.AudienceGroup(kind=pb.GROUP_KIND_UNKNOWN, persons=100)
    answered(pb.GetRetentionResponse(groups=[pb.GroupRetention(group=group, cohorts=[cohort])]))
    command = ["segments", "retention", "member_joined", "--from", "2026-03-02", "--periods", "4"]
    said = CliRunner().invoke(app, command).output
    for text in ("(unknown): 100", "2026-03-02", "40.0", "withheld", "7.0*"):
        assert text in said


def test_paths_are_set_in_by_step(answered):
    nodes = [
        pb.PathNode(kind=pb.PATH_NODE_KIND_STEP, event_types=["add_to_cart"], persons=60, share=0.6),
        pb.PathNode(
            kind=pb.PATH_NODE_KIND_STEP, event_types=["add_to_cart", "order_paid"], persons=45, share=0.75
        ),
        pb.PathNode(kind=pb.PATH_NODE_KIND_ENDED, event_types=["add_to_cart"], withheld=True),
        pb.PathNode(kind=pb.PATH_NODE_KIND_OTHERS, persons=40, share=0.4),
    ]
    answered(pb.GetPathsResponse(started=100, nodes=nodes))
    said = CliRunner().invoke(app, ["segments", "paths", "view_item", "--step", "order_paid"]).output
    for text in ("after view_item: 100 people", "  order_paid", "  (nothing more)", "(others)", "75.0"):
        assert text in said
