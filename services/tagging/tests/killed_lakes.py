"""What is killed while it writes the lake, at a chosen step: each a process of its own, forked from one that has
imported what they need and started nothing."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from servicekit.database import Database
from tagging.app.compact_lake import CompactLake
from tagging.app.retire_files import RetireFiles
from tagging.domain.tenants import TenantSettings
from tagging.store import lake_files, lake_objects, lake_rewriting
from tagging.store.dictionary_file import standard_dictionary
from tagging.store.lake_columns import LakeColumns
from tagging.store.sql_manifest import SqlManifest
from tagging.store.sql_tenants import SqlTenants

FLUSHING = ("before rename", "before manifest")
COMPACTING = (
    "while sorting",
    "before sync",
    "before rename",
    "before manifest",
    "in the transaction",
    "before removal",
    "in removal",
)
_IMPORTED = [
    "duckdb",
    "psycopg",
    "servicekit.database",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
    "tagging.app.compact_lake",
    "tagging.app.retire_files",
    "tagging.store.dictionary_file",
    "tagging.store.lake_rewriting",
    "tagging.store.sql_manifest",
    "tagging.store.sql_tenants",
]
_FORKED = multiprocessing.get_context("forkserver")


def started(work: Callable[..., None], *arguments: Any) -> tuple[BaseProcess, Connection]:
    """The process, and where it says that it is ready. Call `join` and look at its `exitcode`."""
    _FORKED.set_forkserver_preload(_IMPORTED)
    heard, told = _FORKED.Pipe(duplex=False)
    process = _FORKED.Process(target=work, args=(told, *arguments), daemon=True)
    process.start()
    told.close()
    return process, heard


def flush(told: Connection, url: str, root: Path, point: str) -> None:
    """Dies before it renames, or before the manifest says what it wrote."""
    told.send("ready")
    if point == "before rename":
        lake_objects.sync = _die
    folder = lake_files.LakeFolder(root, LakeColumns(standard_dictionary()))
    database = Database.open(url)
    events, _ = database.read_now(SqlManifest().recent, "t1", 0, 100)
    folder.write("t1", [folder.collect(events, TenantSettings())], 0)
    _die()


def compact(told: Connection, url: str, root: Path, point: str) -> None:
    """Dies at one of COMPACTING, or goes on to its end."""
    local = lake_objects.LocalLakeObjects
    match point:
        case "while sorting":
            lake_rewriting._schema = _die
        case "before sync":
            lake_objects.sync = _die
        case "before rename":
            lake_objects.sync = _after(lake_objects.sync)
        case "before manifest":
            local.keep = _after(local.keep)
        case "in the transaction":
            SqlManifest._name = staticmethod(_after(SqlManifest._name))
        case "before removal":
            local.remove = _die
        case "in removal":
            local.remove = _after(local.remove)
    database = Database.open(url)
    folder = lake_files.LakeFolder(root, LakeColumns(standard_dictionary()))
    asyncio.run(_compacted(told, database, lake_rewriting.LakeMerging(folder)))


async def _compacted(told: Connection, database: Database, rewriting: lake_rewriting.LakeMerging) -> None:
    retire = RetireFiles(rewriting, readers_s=0.0)
    use_case = CompactLake(database, SqlManifest(), SqlTenants(), rewriting, retire, asyncio.Lock())
    told.send("ready")
    await use_case.compact("t1")
    await retire.remove_due()


def _die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _after(method: Callable[..., None]) -> Callable[..., None]:
    def wrapped(*arguments: Any) -> None:
        method(*arguments)
        _die()

    return wrapped
