"""Moments as microseconds since 1970, as the store keeps them."""

import datetime as dt
from typing import overload

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


@overload
def microseconds(moment: dt.datetime) -> int: ...
@overload
def microseconds(moment: None) -> None: ...
def microseconds(moment: dt.datetime | None) -> int | None:
    """None stays None."""
    return None if moment is None else (moment - EPOCH) // _MICROSECOND


@overload
def moment(stored: int) -> dt.datetime: ...
@overload
def moment(stored: None) -> None: ...
def moment(stored: int | None) -> dt.datetime | None:
    """None stays None."""
    return None if stored is None else EPOCH + stored * _MICROSECOND
