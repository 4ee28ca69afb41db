"""Measurements as JSON, both ways."""

import datetime as dt
import json
from typing import Any

from tagging.domain.columns import microseconds, moment_of
from tagging.domain.quality.distribution import BinnedCounts, Distribution, NamedCounts
from tagging.domain.quality.measurement import (
    Agreement,
    Cost,
    Drift,
    Freshness,
    Measurement,
    Use,
    Validity,
)
from tagging.domain.quality.score import Part, Score, ScorePart


def to_json(measured: Measurement, score: Score) -> str:
    """Without tag, version, moment and points, which are columns."""
    document = {
        "run": measured.run_id,
        "population": measured.population,
        "known": measured.known_count,
        "previous_known": measured.previous_known,
        "distribution": _distribution(measured.distribution),
        "freshness": [
            _us(measured.freshness.as_of),
            measured.freshness.promised_hours,
            _us(measured.freshness.in_force),
        ],
        "drift": [
            measured.drift.previous,
            _us(measured.drift.previous_time),
            measured.drift.month,
            _us(measured.drift.month_time),
        ],
        "volatility": measured.volatility,
        "validity": _validity(measured.validity),
        "agreement": _agreement(measured.agreement),
        "use": _use(measured.use),
        "cost": [
            measured.cost.last_ms,
            measured.cost.last_rows,
            measured.cost.month_ms,
            measured.cost.month_rows,
        ],
        "unseen_events": measured.unseen_events,
        "seen_events": measured.seen_events,
        "warnings": measured.warnings,
        "measured_ms": measured.measured_ms,
        "parts": [[each.part.value, each.value] for each in score.parts],
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def from_json(
    tag_id: str, version: int, time: dt.datetime, points: int, text: str
) -> tuple[Measurement, Score]:
    said = json.loads(text)
    as_of_us, promised_hours, in_force_us = said["freshness"]
    previous, previous_us, month, month_us = said["drift"]
    measured = Measurement(
        tag_id=tag_id,
        version=version,
        time=time,
        population=said["population"],
        known_count=said["known"],
        distribution=_distribution_of(said["distribution"]),
        freshness=Freshness(_moment(as_of_us), promised_hours, _moment(in_force_us)),
        drift=Drift(previous, _moment(previous_us), month, _moment(month_us)),
        previous_known=said["previous_known"],
        volatility=said["volatility"],
        validity=None if said["validity"] is None else Validity(*said["validity"]),
        agreement=None if said["agreement"] is None else Agreement(*said["agreement"]),
        use=_use_of(said["use"]),
        cost=Cost(*said["cost"]),
        run_id=said["run"],
        unseen_events=tuple(said["unseen_events"]),
        seen_events=said["seen_events"],
        warnings=tuple(said["warnings"]),
        measured_ms=said["measured_ms"],
    )
    return measured, Score(points, tuple(ScorePart(Part(name), value) for name, value in said["parts"]))


def _distribution(found: Distribution) -> dict[str, Any]:
    match found:
        case BinnedCounts(edges, counts):
            return {"edges": edges, "counts": counts}
        case NamedCounts(counts, other, distinct):
            return {"named": counts, "other": other, "distinct": distinct}


def _distribution_of(said: dict[str, Any]) -> Distribution:
    if "edges" in said:
        return BinnedCounts(tuple(said["edges"]), tuple(said["counts"]))
    counts = tuple((value, count) for value, count in said["named"])
    return NamedCounts(counts, said["other"], said["distinct"])


def _validity(found: Validity | None) -> list[Any] | None:
    return None if found is None else [found.checked_count, found.broken_count, dict(found.broken)]


def _agreement(found: Agreement | None) -> list[int] | None:
    return None if found is None else [found.checked_count, found.contradicted_count]


def _use(use: Use) -> dict[str, Any]:
    return {
        "reads": use.reads,
        "last_read": use.last_read.isoformat() if use.last_read else None,
        "early": use.is_early,
        "users": [use.tags, use.segments, use.campaigns],
    }


def _use_of(said: dict[str, Any]) -> Use:
    last = said["last_read"]
    return Use(said["reads"], dt.date.fromisoformat(last) if last else None, said["early"], *said["users"])


def _us(moment: dt.datetime | None) -> int | None:
    return None if moment is None else microseconds(moment)


def _moment(us: int | None) -> dt.datetime | None:
    return None if us is None else moment_of(us)
