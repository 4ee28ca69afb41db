"""GetTenantSettings and UpdateTenantSettings."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from servicekit.changelog import Entry
from servicekit.errors import EtagStale
from servicekit.revision import Lane, Revision

from identity.app.encoding import ChangeKind, Encoding
from identity.app.resolve_identifiers import read_revision
from identity.domain.calendar import CalendarPeriod, CalendarYear, Holiday
from identity.domain.settings import TenantSettings
from identity.store.ports import Stores
from identity.store.rows import StoredSettings


@dataclass(frozen=True)
class SettingsAnswer:
    """The settings in force."""

    settings: TenantSettings
    etag: str
    revision: Revision


class GetTenantSettings:
    """Reads; the defaults when none were stored."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, stores: Stores, tenant: str) -> SettingsAnswer:
        settings = settings_of(stores, tenant)
        return SettingsAnswer(settings, etag_of(settings), read_revision(stores, self._service))


class UpdateTenantSettings:
    """Replaces; equal settings change nothing and publish nothing."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding

    def __call__(self, stores: Stores, tenant: str, settings: TenantSettings, etag: str) -> SettingsAnswer:
        """Raises EtagStale when `etag` is given and not the stored one."""
        stores.tenants.lock(tenant, stores.changes.head().epoch)
        current = settings_of(stores, tenant)
        if etag not in ("", etag_of(current)):
            raise EtagStale("tenant settings", etag_of(current))
        entries: list[Entry] = []
        if settings != current:
            stores.settings.put(tenant, StoredSettings(_text(settings), etag_of(settings)))
            entries = [Entry(ChangeKind.SETTINGS, tenant, self._encoding.settings(settings))]
        return SettingsAnswer(settings, etag_of(settings), stores.changes.append(Lane.LIVE, entries))


def settings_of(stores: Stores, tenant: str) -> TenantSettings:
    """The settings in force for a tenant."""
    stored = stores.settings.get(tenant)
    if stored is None:
        return TenantSettings()
    fields = json.loads(stored.settings)
    calendar = tuple(CalendarPeriod(**period) for period in fields.pop("calendar"))
    sensitive = tuple(fields.pop("sensitive_purposes", ()))
    years = tuple(map(_year, fields.pop("years", ())))
    return TenantSettings(calendar=calendar, sensitive_purposes=sensitive, years=years, **fields)


def _year(said: dict[str, Any]) -> CalendarYear:
    holidays = tuple(Holiday(**each) for each in said["holidays"])
    return CalendarYear(said["year"], holidays, tuple(said["worked_days"]))


def etag_of(settings: TenantSettings) -> str:
    """A digest of the settings: equal settings have equal etags."""
    return hashlib.sha256(_text(settings).encode()).hexdigest()[:16]


def _text(settings: TenantSettings) -> str:
    return json.dumps(asdict(settings), sort_keys=True, ensure_ascii=False)
