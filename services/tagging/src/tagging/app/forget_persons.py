"""Removes what is kept of persons whom identity erased. Their keys are masked the moment identity's change is applied:
an erased person is not living, so nothing that reads persons finds their events. Here the rows go at once and the
lake's files when it is time to write them anew.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from servicekit.database import Database
from servicekit.revision import Revision
from sqlalchemy import Connection
from tagging.app.flush_lake import FlushLake
from tagging.app.forget_values import ForgetValues
from tagging.app.retire_files import RetireFiles
from tagging.domain.lake import ErasureProof, LakeFile, RewrittenFile
from tagging.store.lake_ports import ErasureProofs
from tagging.store.ports import FactStores, Forgetting, Manifest


@dataclass(frozen=True, slots=True)
class ErasedPerson:
    """An erasure that identity tells of; `told_at` is where its changes say so."""

    tenant: str
    erasure_id: int
    key_ids: tuple[int, ...]
    told_at: Revision


class ForgetPersons:
    """Idempotent: what dies in between is done again."""

    def __init__(
        self,
        database: Database,
        facts: FactStores,
        manifest: Manifest,
        forgetting: Forgetting,
        flush_lake: FlushLake,
        retire: RetireFiles,
        rewriting_lock: asyncio.Lock,
        proofs: ErasureProofs,
        now: Callable[[], dt.datetime],
        *,
        values: ForgetValues | None = None,
    ) -> None:
        """`values`: what is kept of a tenant's erased persons beside their events."""
        self._database = database
        self._facts = facts
        self._manifest = manifest
        self._forgetting = forgetting
        self._flush_lake = flush_lake
        self._retire = retire
        self._lock = rewriting_lock
        self._proofs = proofs
        self._now = now
        self._values = values

    async def masked(self, erased: Sequence[ErasedPerson]) -> list[ErasedPerson]:
        """Those whom this service has masked already, having come as far as identity told of them."""
        cursor = await self._database.read(self._facts.progress.cursor)
        return [each for each in erased if cursor is not None and _covers(cursor, each.told_at)]

    async def complete(self, erased: Sequence[ErasedPerson]) -> list[ErasedPerson]:
        """Those of whom nothing more can come: both lanes are past what identity told; events of the erased that were
        on their way in the bulk lane are here."""
        cursor = await self._database.read(self._facts.progress.cursor)
        return [each for each in erased if cursor is not None and _covers(cursor, each.told_at, bulk=True)]

    async def forget_rows(self, erased: Sequence[ErasedPerson]) -> int:
        """Removes the rows of events; returns how many."""
        removed = 0
        for tenant, key_ids in _by_tenant(erased).items():
            removed += await self._database.write(self._rows, tenant, key_ids)
        return removed

    async def forget_files(self, erased: Sequence[ErasedPerson]) -> int:
        """Writes the lake's files anew without the events; returns how many held some. After `forget_rows`: a flush
        that read rows before it names its files first."""
        count = 0
        for tenant, key_ids in _by_tenant(erased).items():
            erasure_ids = tuple(sorted({each.erasure_id for each in erased if each.tenant == tenant}))
            await self._flush_lake.flush(tenant)
            held = await self._rewrite(tenant, key_ids, erasure_ids)
            await self._folded(tenant)
            count += len(held)
        return count

    async def _folded(self, tenant: str) -> None:
        if self._values is not None:
            erased = await self._database.read(self._facts.key_map.erased, tenant)
            while await self._database.write(self._values.fold, tenant, erased):
                pass

    async def _rewrite(
        self, tenant: str, key_ids: Collection[int], erasure_ids: tuple[int, ...]
    ) -> list[str]:
        """The files that held events of the keys; they are gone. What was done is written down as it
        takes effect."""
        fresh: dict[str, LakeFile] = {}
        rewritten: list[RewrittenFile] = []
        async with self._lock:
            files = await self._database.read(self._manifest.files, tenant)
            for file in files:
                written = await asyncio.to_thread(
                    self._forgetting.rewritten, file, key_ids, f"e{erasure_ids[-1]}"
                )
                if written is not None:
                    fresh[file.path] = written
                    left = written.path if written.event_count else ""
                    rewritten.append(RewrittenFile(file.path, left, file.event_count - written.event_count))
            # Also when no file held any: columns may stand that were built of files which expired since. Under the lock
            # nothing builds them of the old files again.
            clean = {file.path for file in files} - fresh.keys()
            await asyncio.to_thread(self._forgetting.columns, tenant, clean)
            proof = ErasureProof(0, self._now(), erasure_ids, tuple(rewritten), len(files))
            if not await self._database.write(self._replace, tenant, fresh, proof):
                raise RuntimeError(
                    f"files of {tenant} were replaced by somebody else while they were rewritten"
                )
        standing = {file.path for file in fresh.values() if file.event_count}
        unnamed = {*fresh, *(file.path for file in fresh.values())} - standing
        self._retire.retire(unnamed)
        await self._retire.gone(unnamed)
        return sorted(fresh)

    def _replace(
        self, connection: Connection, tenant: str, fresh: Mapping[str, LakeFile], proof: ErasureProof
    ) -> bool:
        self._facts.tenants.lock(connection, tenant)
        named = [file for file in fresh.values() if file.event_count]
        if not self._manifest.replace(connection, tenant, list(fresh), named):
            return False
        self._proofs.add(connection, tenant, proof)
        return True

    def _rows(self, connection: Connection, tenant: str, key_ids: Collection[int]) -> int:
        self._facts.tenants.lock(connection, tenant)
        if self._values is not None:
            self._values(connection, tenant)
        return self._forgetting.rows(connection, tenant, key_ids)


def _by_tenant(erased: Sequence[ErasedPerson]) -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for each in erased:
        found.setdefault(each.tenant, set()).update(each.key_ids)
    return {tenant: frozenset(key_ids) for tenant, key_ids in found.items()}


def _covers(cursor: Revision, told_at: Revision, *, bulk: bool = False) -> bool:
    """A cursor of a later epoch began with an export, which tells of every erased person. Lanes share their
    positions."""
    if cursor.epoch != told_at.epoch:
        return cursor.epoch > told_at.epoch
    return (min(cursor.live, cursor.bulk) if bulk else cursor.live) >= told_at.live
