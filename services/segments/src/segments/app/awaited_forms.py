"""Features that runs wait for, beside those that standing segments need."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from segments.app.tenant_segments import TenantSegments


class AwaitedForms:
    """Kept in memory: runs end with their process."""

    def __init__(self) -> None:
        self._awaited: dict[str, Counter[str]] = {}

    def needed(self, tenant: str, segments: TenantSegments) -> list[str]:
        """All that tagging is to be asked for, in order."""
        return sorted({*segments.forms(), *self._awaited.get(tenant, ())})

    @contextmanager
    def awaiting(self, tenant: str, forms: Iterable[str]) -> Iterator[None]:
        """Inside, these are needed whether a segment needs them or not."""
        mine = Counter(set(forms))
        self._awaited[tenant] = self._awaited.get(tenant, Counter()) + mine
        try:
            yield
        finally:
            self._awaited[tenant] -= mine
