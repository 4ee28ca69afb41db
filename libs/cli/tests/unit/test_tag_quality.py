"""What is shown of the quality of a tag."""

from cli.commands.tag_quality import _lines, _row, _say
from huaxiang.tagging.v1 import quality_service_pb2, tag_quality_pb2
from huaxiang.type.v1 import value_pb2

QUALITY = tag_quality_pb2.TagQuality(
    tag_id="city",
    version=2,
    score=81,
    parts=[
        tag_quality_pb2.QualityPart(kind=tag_quality_pb2.QUALITY_PART_KIND_VALIDITY, weight=25, value=9_600)
    ],
    known_count=28,
    population=30,
    coverage=9_333,
    null_share=667,
    value_count=28,
    distribution=tag_quality_pb2.ValueDistribution(
        values=[tag_quality_pb2.ValueCount(value=value_pb2.Value(text_value="上海"), count=21)], other_count=7
    ),
    freshness=tag_quality_pb2.QualityFreshness(promised_hours=26),
    drift=tag_quality_pb2.QualityDrift(previous=405),
    validity=tag_quality_pb2.QualityValidity(checked_count=28, broken_count=3, broken={"allowed": 3}),
    unseen_event_types=["share"],
)


def test_a_row_says_what_matters_most():
    assert _row(QUALITY)[2:] == [81, 28, "93.3 %", "late", "0.04 since before", 3, 0]


def test_what_was_measured_is_told_in_sentences():
    told = "\n".join(_lines(QUALITY))
    assert "people: 28 of 30 (93.3 %), without a value 6.7 %" in told
    assert "fresh as of: never computed, promised 26 h" in told
    assert "invalid: 3 of 28 values (allowed 3)" in told
    assert "never seen: share" in told
    assert "changes" not in told


def test_values_are_shown_with_their_shares_or_as_withheld(capsys):
    _say(quality_service_pb2.GetTagQualityResponse(quality=QUALITY))
    shown = capsys.readouterr().out
    assert "city, version 2: 81 of 100" in shown
    assert [line.split()[:3] for line in shown.splitlines() if "上海" in line] == [["上海", "21", "75.0"]]
    assert "(others)" in shown
    withheld = tag_quality_pb2.TagQuality(tag_id="city", distribution_withheld=True)
    _say(quality_service_pb2.GetTagQualityResponse(quality=withheld))
    assert "values: withheld" in capsys.readouterr().out
    _say(quality_service_pb2.GetTagQualityResponse())
    assert "nothing was measured yet" in capsys.readouterr().out


def test_bins_are_shown_by_where_they_begin_and_end(capsys):
    bins = [
        tag_quality_pb2.BinCount(to=10_000, count=1),
        tag_quality_pb2.BinCount(**{"from": 10_000}, count=3),
    ]
    spread = tag_quality_pb2.ValueDistribution(bins=bins)
    found = tag_quality_pb2.TagQuality(tag_id="orders", value_count=4, distribution=spread)
    _say(quality_service_pb2.GetTagQualityResponse(quality=found))
    shown = capsys.readouterr().out
    assert "..< 1 " in shown
    assert "1 ..<" in shown
    assert "75.0 %" in shown
