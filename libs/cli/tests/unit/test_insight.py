"""Audiences as they are written on a command line, and how insight is shown."""

import pytest
from cli.calls.insight import Wanted, audience, moment, question
from cli.commands.insight import _describe, _quality, label, share, show_basis
from cli.exits import Refusal
from cli.main import app
from huaxiang.segments.v1 import insight_pb2, insight_service_pb2, lookalike_service_pb2, segment_pb2
from huaxiang.type.v1 import value_pb2
from typer.testing import CliRunner


def number(scaled: int) -> value_pb2.Value:
    return value_pb2.Value(number_value=scaled)


def test_audiences_are_named_by_what_they_are():
    assert audience("women").segment_id == "women"
    assert audience("segment:women").segment_id == "women"
    assert audience("snapshot:a1").snapshot_id == "a1"
    assert audience("rule:name = 'a:b'").rule.rule == "name = 'a:b'"
    assert list(audience("persons:1, 2").persons.person_ids) == [1, 2]
    assert audience("population:all").population == segment_pb2.POPULATION_ALL
    for wrong in ("persons:1,x", "persons:", f"persons:1,{'9' * 30}", "population:some", "cohort:1"):
        with pytest.raises(Refusal):
            audience(wrong)


def test_tags_may_have_a_level():
    assert (question("city").tag_id, question("city").level) == ("city", 0)
    assert (question("city:2").tag_id, question("city:2").level) == ("city", 2)
    for wrong in ("city:top", "city:0", "city:99999999999", f"city:{'9' * 5_000}"):
        with pytest.raises(Refusal):
            question(wrong)


def test_a_moment_needs_its_zone():
    assert moment("2026-03-01T00:00:00+08:00").utcoffset() is not None
    for wrong in ("2026-03-01", "2026-03-01+08:00", "2026-03-01T00:00", "2026-03-01 00:00", "yesterday"):
        with pytest.raises(Refusal) as told:
            moment(wrong)
        _, _, advice = str(told.value).partition("; write ")
        assert moment(advice.split(",", 1)[0]).tzinfo is not None


def test_an_unknown_model_is_refused_with_those_there_are():
    with pytest.raises(Refusal, match="log-odds, logistic"):
        Wanted("women", ["city"], "forest", "", [], 0).message()


def test_cells_are_told_by_path_or_by_ends():
    text = [value_pb2.Value(text_value=each) for each in ("广东", "深圳")]
    assert label(insight_pb2.ValueCell(path=text)) == "广东 / 深圳"
    assert label(insight_pb2.ValueCell(from_value=number(0), before_value=number(10_000))) == "0 to below 1"
    assert label(insight_pb2.ValueCell(from_value=number(25_000))) == "2.5 and more"
    assert label(insight_pb2.ValueCell(before_value=number(0))) == "below 0"
    assert share(insight_pb2.CellCount(persons=1, share=0.256)) == "25.6 %"
    assert share(insight_pb2.CellCount(withheld=True)) == "withheld"


def test_a_description_shows_what_is_greyed_and_withheld(capsys):
    days = [value_pb2.Value(date_value=each) for each in (0, 365)]
    _describe(
        insight_service_pb2.TagDescription(
            tag_id="birthday",
            known=insight_pb2.KnownCount(known=60, unknown=5),
            summary=insight_pb2.NumberSummary(mean=31, quantiles=[insight_pb2.Quantile(share=0.5, value=59)]),
            values=[
                insight_service_pb2.DescribedValue(
                    cell=insight_pb2.ValueCell(from_value=days[0], before_value=days[1]),
                    audience=insight_pb2.CellCount(persons=60, share=1),
                    base=insight_pb2.CellCount(persons=90, share=0.5),
                    tgi=200,
                    verdict=insight_pb2.PREFERENCE_VERDICT_CHANCE,
                ),
                insight_service_pb2.DescribedValue(
                    cell=insight_pb2.ValueCell(from_value=days[1]),
                    audience=insight_pb2.CellCount(withheld=True),
                    base=insight_pb2.CellCount(withheld=True),
                ),
            ],
        )
    )
    shown = capsys.readouterr().out
    assert "known of 60, unknown of 5" in shown
    assert "1970-01-01 to below 1971-01-01" in shown
    assert "chance" in shown
    assert "withheld" in shown
    assert "mean 1970-02-01, 50 % up to 1970-03-01" in shown


def test_quality_comes_with_its_warnings(capsys):
    evaluation = lookalike_service_pb2.LookalikeEvaluation(
        auc=0.5512, lift_by_decile=[2.5, *[0.8] * 9], warnings=["hardly better than guessing"]
    )
    _quality(lookalike_service_pb2.EvaluateLookalikeResponse(evaluation=evaluation))
    shown = capsys.readouterr().out
    assert "AUC 0.551" in shown
    assert "2.50" in shown
    assert "note: hardly better than guessing" in shown


def test_a_quality_without_numbers_says_that_they_are_withheld(capsys):
    _quality(lookalike_service_pb2.EvaluateLookalikeResponse())
    assert "seed withheld, among withheld: AUC 0.000 over persons held out" in capsys.readouterr().out


def test_what_an_answer_rests_on_is_told(capsys):
    show_basis(insight_pb2.InsightBasis(withheld_below=10, sensitive_purposes=["health"]))
    shown = capsys.readouterr().out
    assert "fewer than 10 people are withheld" in shown
    assert "needs consent for health" in shown


def test_the_commands_are_there():
    told = CliRunner().invoke(app, ["segments", "--help"]).output
    assert all(f" {each} " in told for each in ("insight", "compare", "overlap", "transitions", "lookalike"))
