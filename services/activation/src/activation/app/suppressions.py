"""AddSuppressions, RemoveSuppressions and ListSuppressions; and what replies and receipts add."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from activation.domain.suppression import Scope, Suppression
from activation.store.policy_ports import SuppressionList
from activation.store.ports import KeyMaker
from servicekit.changelog import Changelog, Entry
from servicekit.clock import Clock
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection

SUPPRESSION_KIND = "suppression"


@dataclass(frozen=True, slots=True)
class StatedAddress:
    """An address in clear; it is never stored."""

    channel: str
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StatedSuppression:
    """What a caller wants left in peace."""

    scope: Scope
    name: str
    every_class: bool
    reason: str


class Suppressions:
    """The use cases of SuppressionService, each in one transaction."""

    def __init__(self, entries: SuppressionList, changelog: Changelog, keys: KeyMaker, clock: Clock) -> None:
        self._entries = entries
        self._changelog = changelog
        self._keys = keys
        self._clock = clock

    def add(
        self,
        connection: Connection,
        tenant: str,
        subject: str,
        addresses: Sequence[StatedAddress],
        stated: StatedSuppression,
    ) -> Revision:
        """Adds an entry for each address."""
        now = self._clock.now()
        entries = [
            Suppression(each, stated.scope, stated.name, stated.every_class, stated.reason, now, subject)
            for each in self._hashes(tenant, addresses)
        ]
        self._entries.add(connection, tenant, entries)
        return self._changed(connection, tenant)

    def remove(
        self,
        connection: Connection,
        tenant: str,
        addresses: Sequence[StatedAddress],
        scope: Scope,
        name: str,
    ) -> tuple[int, Revision]:
        """Takes the entry of each address away; how many there were."""
        removed = self._entries.remove(connection, tenant, self._hashes(tenant, addresses), scope, name)
        return removed, self._changed(connection, tenant)

    def of(self, connection: Connection, tenant: str, address: StatedAddress) -> list[Suppression]:
        """Every entry of an address, in order of scope and name."""
        found = self._entries.of(connection, tenant, self._hashes(tenant, [address]))
        return sorted(found, key=lambda each: (each.scope, each.name))

    def page(
        self, connection: Connection, tenant: str, after: tuple[str, str, str], limit: int
    ) -> list[Suppression]:
        """In order of (dest_hash, scope, name)."""
        return self._entries.page(connection, tenant, after, limit)

    # -------------------------------------------------------------------------------------------- parts

    def _hashes(self, tenant: str, addresses: Sequence[StatedAddress]) -> Collection[str]:
        return sorted({self._keys.address_hash(tenant, each.channel, each.address) for each in addresses})

    def _changed(self, connection: Connection, tenant: str) -> Revision:
        return self._changelog.append(connection, Lane.LIVE, [Entry(SUPPRESSION_KIND, tenant, b"")])
