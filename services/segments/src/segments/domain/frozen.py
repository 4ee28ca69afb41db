"""Members that do not follow a rule."""

import datetime as dt
from dataclasses import dataclass

from pyroaring import BitMap


@dataclass(frozen=True, slots=True)
class Frozen:
    """Person ids as they were computed or uploaded at a moment; who they are today is looked up."""

    members: BitMap
    time: dt.datetime
