"""Funnels, retention and paths as they are asked for. Events are named by their type with a WHERE."""

import datetime as dt
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

MAX_STEPS = 10
MAX_WITHIN = dt.timedelta(days=1_098)
MAX_COHORTS = 60
MAX_PERIODS = 60
MAX_TYPES = 30
MAX_DEPTH = 10
MAX_TOP = 20
MAX_GROUPS = 50
"""Values of a tag that answers are broken down by; the others, and those unknown, are a group each beside."""


@dataclass(frozen=True, slots=True)
class Funnel:
    """First steps lie from `start` on before `end`; None is open."""

    steps: tuple[str, ...]
    within: dt.timedelta
    strict: bool
    start: dt.datetime | None
    end: dt.datetime | None


class Calendar(Enum):
    """What cohorts and periods are."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Retention:
    """`start_day`: one of the first cohort, as days since 1970-01-01."""

    first: str
    returning: str
    period: Calendar
    start_day: int
    cohorts: int
    periods: int


@dataclass(frozen=True, slots=True)
class Paths:
    """Starts lie from `begin` on before `end`; None is open."""

    start: str
    steps: tuple[str, ...]
    backwards: bool
    depth: int
    top: int
    within: dt.timedelta
    collapse: bool
    begin: dt.datetime | None
    end: dt.datetime | None


@dataclass(frozen=True, slots=True)
class FunnelCell:
    """Those who reach a step; `stopped`: and no later one."""

    funnel: Funnel
    step: int
    stopped: bool


@dataclass(frozen=True, slots=True)
class RetentionCell:
    """Those of a cohort who come back in a period, or `away`: who do not; None: the whole cohort."""

    retention: Retention
    cohort: int
    period: int | None
    away: bool


@dataclass(frozen=True, slots=True)
class PathCell:
    """Those whose walk begins with these types; `ended`: and has no step more."""

    paths: Paths
    event_types: tuple[str, ...]
    ended: bool


BehaviourCell: TypeAlias = FunnelCell | RetentionCell | PathCell
