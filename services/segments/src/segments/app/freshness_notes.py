"""What an answer rests on, in words."""

import datetime as dt
from dataclasses import dataclass

from segments.app.board import Board
from segments.app.rule_reading import ReadRule


@dataclass(frozen=True, slots=True)
class Freshness:
    """`as_of`: the moment that windows and dates were read at."""

    as_of: dt.datetime
    population_count: int
    warnings: tuple[str, ...]
    evaluate_us: int


def freshness_of(board: Board, tenant: str, rule: ReadRule | None, evaluate_us: int = 0) -> Freshness:
    """Of an answer about a rule, in the version of the index that is being read."""
    index = board.tenant(tenant).index
    if rule is None:
        return Freshness(index.as_of(board.now()), 0, (), evaluate_us)
    by_runs = sorted(tag_id for tag_id in rule.tags if tag_id in index.tags and index.tags[tag_id].run_only)
    warnings = [*rule.warnings]
    if by_runs:
        warnings.append(f"computed by runs only: {', '.join(by_runs)}")
    if index.day is not None and index.as_of(board.now()) < board.now():
        warnings.append(f"day windows still stand at {index.day.day}")
    return Freshness(
        index.as_of(board.now()), len(index.population(rule.population)), tuple(warnings), evaluate_us
    )
