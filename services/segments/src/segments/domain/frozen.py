"""Members that do not follow a rule."""

import datetime as dt
from dataclasses import dataclass

from pyroaring import BitMap


@dataclass(frozen=True, slots=True)
class Frozen:
    """Person ids as they were computed or uploaded at a moment; who they are today is looked up. `stale`: they stand
    only until their rule can be computed."""

    members: BitMap
    time: dt.datetime
    stale: bool = False
