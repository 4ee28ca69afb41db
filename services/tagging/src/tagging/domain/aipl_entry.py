"""Since when persons are in the AIPL stage that they are in: a function of their events and the moment.

A stage changes only at an event and at a midnight at which an event leaves its window; all these turning points of all
persons are decided at once, by the same code as the present stage.
"""

import numpy as np
import numpy.typing as npt
from rules.evaluate.tables.local_time import DAY_US
from rules.values import SCALE
from rules.windows import CalendarSettings

from .columns import Ints
from .kinds.aipl import AiplKind
from .local_days import LocalDays
from .stage_entry import Counted, in_order, last_entries


def aipl_entry_times(
    kind: AiplKind,
    persons: Ints,
    times: Ints,
    types: npt.NDArray[np.object_],
    as_of: Ints,
    calendar: CalendarSettings,
) -> list[int | None]:
    """For each person, at their moment of `as_of`; None for who is in no stage. Microseconds since 1970 UTC.

    Events in any order: `persons` are places in the list of persons, `times` microseconds, `types` their names. Later
    events than as_of do not exist.
    """
    found: list[int | None] = [None] * len(as_of)
    happened = times <= as_of[persons]
    persons, times, types = persons[happened], times[happened], types[happened]
    windows = (
        ((kind.purchase_event,), kind.purchase_days),
        (kind.interest_events, kind.interest_days),
        (kind.aware_events, kind.aware_days),
    )
    kept = [np.isin(types, names) for names, _ in windows]
    if not any(each.any() for each in kept):
        return found
    past = (max(days for _, days in windows) + 2) * DAY_US
    days = LocalDays(calendar, int(times.min()) - past, int(as_of.max()))
    on = days.days(times)
    leaving = [days.midnights(on[mask] + size) for mask, (_, size) in zip(kept, windows, strict=True)]
    points, moments = in_order(
        np.concatenate([*(persons[mask] for mask in kept)] * 2),
        np.concatenate([*(times[mask] for mask in kept), *leaving]),
        as_of,
    )
    today = days.days(moments)
    counts = []
    for mask, (_, size) in zip(kept, windows, strict=True):
        counted = Counted(persons[mask], times[mask])
        before = counted.count(points, days.midnights(today - (size - 1)), "left")
        counts.append((counted.count(points, moments, "right") - before) * SCALE)
    course = kind.stages(*counts)
    for person, entry in last_entries(points, moments, course):
        found[person] = entry
    ends = np.flatnonzero(np.append(points[1:] != points[:-1], True))
    for person, stage in zip(points[ends].tolist(), course[ends].tolist(), strict=True):
        if not stage:
            found[person] = None
    return found
