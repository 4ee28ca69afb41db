"""Grouped aggregates: one number per value of a property. Not part of rules: only tags ask them."""

from dataclasses import dataclass

from .expressions import Aggregate, Property
from .node import Node


@dataclass(frozen=True, slots=True)
class Grouped(Node):
    """`COUNT(view_item WHERE hour >= 18 BY category DECAY 30 DAYS) IN LAST 90 DAYS`.

    aggregate       COUNT, DAYS or SUM; its WHERE and window hold for every group
    by              a text, number or bool of the event or line; events without it are in no group. When this or the
                    aggregate's property goes through a list of records, rows are the lines of that list, and WHERE
                    and `by` read a line's fields first
    half_life_days  an event of so many whole days ago (by the tenant's days) counts half; None counts all alike
    """

    aggregate: Aggregate
    by: Property
    half_life_days: int | None = None
