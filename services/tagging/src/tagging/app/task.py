"""A computation of everybody under way."""

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """A computation under way: whoever is touched since it began is recorded, and `as_of` is not before that, so
    nothing falls between. `run_id` names the run whose cuts are frozen; "" freezes none and uses the latest."""

    tenant: str
    computation_id: str
    as_of: dt.datetime
    run_id: str = ""
