"""Phone makers, behind those who push to them: they show little of an app's marketing."""

from datetime import UTC, datetime, timedelta, timezone

from sandbox.provider import Desk

MARKETING_PER_DAY = 2
"""Of one app on one device; what comes beyond is accepted and not shown."""
NOT_SHOWN = "MAKER_LIMIT"
"""The outcome of what is not shown."""
IMPORTANCES = ("LOW", "NORMAL")
CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
_DAY_S = 86_400.0


class PhoneMakers:
    """Counts marketing by app, device and day in China; every device is of a maker that does."""

    def __init__(self, scope: str, desk: Desk, per_day: int) -> None:
        self._scope = scope
        self._desk = desk
        self._per_day = per_day

    def show(self, app: str, device: str) -> bool:
        """Count one more; whether it is shown."""
        desk = self._desk
        today = datetime.fromtimestamp(desk.clock.now(), UTC).astimezone(CHINA).date()
        name = f"{app} {device} {today}"
        shown = int(desk.memory.get(self._scope, name) or 0)
        if shown >= self._per_day:
            return False
        desk.memory.put(self._scope, name, str(shown + 1), for_s=_DAY_S)
        return True
