"""Keeps erasures apart from the store, and brings a store that was put back from an older backup up to them before it
serves anybody.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace

from servicekit.clock import Clock

from identity.app.erase_keys import EraseKeys
from identity.store.ports import Stores, Vault
from identity.store.privacy_ports import Journal
from identity.store.privacy_rows import ErasureRow, JournalledErasure

PAGE = 1_000


class JournalErasures:
    """Erasures in two places: the store, and the journal beside it."""

    def __init__(self, journal: Journal | None, erase_keys: EraseKeys, vault: Vault, clock: Clock) -> None:
        self._journal = journal
        self._erase_keys = erase_keys
        self._vault = vault
        self._clock = clock
        self._written: set[tuple[str, int]] = set()

    async def write(self, tenant: str, row: ErasureRow, tombstones: Sequence[bytes]) -> None:
        """After the erasure's commit and before its answer; once, whatever failed or was asked again in between. Raises
        OSError: then it is asked for again, or written at the next start."""
        if self._journal is None or (tenant, row.erasure_id) in self._written:
            return
        erasure = JournalledErasure(tenant, row, tuple(tombstones))
        await asyncio.to_thread(self._journal.append, [erasure])
        self._written.add((tenant, row.erasure_id))

    def compare(self, stores: Stores) -> Sequence[JournalledErasure]:
        """At start-up, before anything is served: erases again what the journal knows and the store does not, and
        answers what the store knows and the journal does not, to be written there after the commit. Raises
        JournalDamaged."""
        if self._journal is None:
            return ()
        journalled = self._journal.read()
        for erasure in journalled:
            stored = stores.erasures.get(erasure.tenant, erasure.row.erasure_id)
            if stored is None:
                self._erase_again(stores, erasure)
        self._written = known = {(erasure.tenant, erasure.row.erasure_id) for erasure in journalled}
        missing: list[JournalledErasure] = []
        for tenant in stores.tenants.all():
            after = 0
            while page := stores.erasures.page(tenant, after, PAGE):
                after = page[-1].erasure_id
                missing += [
                    JournalledErasure(tenant, row, tuple(stores.erasures.tombstones(tenant, row.erasure_id)))
                    for row in page
                    if (tenant, row.erasure_id) not in known
                ]
        return missing

    def complete(self, missing: Sequence[JournalledErasure]) -> None:
        """Writes what `compare` answered."""
        if self._journal is not None:
            self._journal.append(missing)
            self._written |= {(erasure.tenant, erasure.row.erasure_id) for erasure in missing}

    def _erase_again(self, stores: Stores, erasure: JournalledErasure) -> None:
        """The keys that a backup has of the erased are some of those that were erased: ids never change."""
        tenant, marks = erasure.tenant, set(erasure.tombstones)
        rows = {
            key_id: row
            for key_id, row in stores.keys.rows(tenant, erasure.row.key_ids).items()
            if self._vault.tombstone(tenant, row.hash) in marks
        }
        born = set(stores.persons.rows(tenant, erasure.row.person_ids))
        _keep_ids(stores, erasure, born)
        holders = {row.person_id for row in rows.values()} - set(erasure.row.person_ids)
        person_ids = [*(each for each in erasure.row.person_ids if each in born), *sorted(holders)]
        now_us = int(self._clock.now().timestamp() * 1_000_000)
        self._erase_keys(stores, tenant, rows, person_ids, erasure.row.key_ids, now_us)
        stores.erasures.add(tenant, erasure.row, erasure.tombstones)


def _keep_ids(stores: Stores, erasure: JournalledErasure, born: Collection[int]) -> None:
    """Ids that the erased had and this store has not given to anybody yet are never given: they are masked
    everywhere."""
    tenant, row = erasure.tenant, erasure.row
    counters = stores.tenants.lock(tenant, stores.changes.head().epoch)
    blocks = counters.blocks
    unborn = max(set(row.person_ids) - set(born), default=0)
    if unborn:
        blocks = blocks.abandoned().above(unborn)
    next_key_id = max(counters.next_key_id, max(row.key_ids, default=0) + 1)
    stores.tenants.save(tenant, replace(counters, next_key_id=next_key_id, blocks=blocks))
