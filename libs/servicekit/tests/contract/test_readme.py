"""The README's page is true: it is run as it stands."""

import asyncio
import re
from pathlib import Path

import pytest
from huaxiang.type.v1 import revision_pb2
from servicekit import calls
from servicekit.principal import Principal, key_entry, write_key_file

README = Path(__file__).parents[2] / "README.md"
PREAMBLE = """
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
import sqlalchemy as sa
from sqlalchemy import Connection
from huaxiang.type.v1 import revision_pb2
from servicekit.calls import current_principal
from servicekit.changelog import Changelog, Entry
from servicekit.config import integer, path, read, setting, text
from servicekit.database import Database
from servicekit.errors import InvalidInput, ResourceNotFound
from servicekit.freshness import Freshness
from servicekit.kit_tables import kit_tables
from servicekit.principal import KeyFileAuthenticator
from servicekit.progress import Progress
from servicekit.retention import keep_trimmed
from servicekit.revision import Lane, Revision
from servicekit.server import Service, ServiceApp
from servicekit.watch import Watches
"""


async def test_the_page_runs(database_url, tmp_path):
    (page,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    names = {"__name__": "readme"}
    exec(compile(PREAMBLE + page, str(README), "exec"), names)
    database = names["Database"].open(database_url)
    database.write_now(names["metadata"].create_all)
    write_key_file(tmp_path / "keys.yaml", [key_entry("k", tenant="t1", subject="s", roles=["admin"])])
    app = await names["build"]({"NOTES_URL": database_url, "NOTES_KEYS": str(tmp_path / "keys.yaml")})
    assert app.name == "notes"
    changelog = names["Changelog"]("notes")
    calls._principal.set(Principal("t1", "s", frozenset({"admin"})))
    notes = names["Notes"](database, changelog)
    with pytest.raises(names["ResourceNotFound"]):
        await notes.get(None)
    with pytest.raises(names["NoteTooLong"]):
        await notes.set("x" * 101)
    start = database.read_now(changelog.head).progress("notes").through
    revision = await notes.set("hello")
    fresh = revision_pb2.Consistency(at_least_as_fresh=revision.to_proto())
    assert await notes.get(fresh) == "hello"
    watching = notes.watch(start)
    async with asyncio.timeout(10):
        payloads, progress = await anext(watching)
    assert (payloads, progress.through.live) == ([b"hello"], 1)
    await watching.aclose()
    for close in app.on_stop:
        await close()
    await database.close()
