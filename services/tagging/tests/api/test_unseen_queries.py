"""Queries of tags are looked at while nobody holds the store, whichever way a definition comes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from huaxiang.tagging.v1 import draft_service_pb2
from sqlalchemy import Connection
from tag_desk import Office, definition, refused
from tagging.store import query_child, query_process

ORDERS = "{tag_id: orders, name: x, type: number, statistic: COUNT(order_paid)}"
CHANNEL = "{tag_id: orders, name: x, type: text, statistic: LAST(order_paid.channel)}"
ASKED = """{tag_id: asked, name: x, type: number, update: run,
    sql: {query: "SELECT person_id, value + 1 AS value FROM tags.orders"}}"""


@pytest.fixture
def looks(office: Office, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of each look at a query, how many transactions held the store."""
    writing, found = 0, []
    submit = office.store.database._submit_write

    def noted(work: Callable[[Connection], Any]) -> Any:
        def counted(connection: Connection) -> Any:
            nonlocal writing
            writing += 1
            try:
                return work(connection)
            finally:
                writing -= 1

        return submit(counted)

    def look(job: bytes, *_: object) -> bytes:
        found.append(writing)
        return query_child.answered(json.loads(job))

    monkeypatch.setattr(office.store.database, "_submit_write", noted)
    monkeypatch.setattr(query_process, "_talked", look)
    return found


async def test_a_query_is_looked_at_once_and_while_nobody_holds_the_store(
    office: Office, looks: list[int]
) -> None:
    """Of files, of drafts, and of what rests on a tag whose draft comes into force."""
    desk = office.admin
    await desk.apply(ORDERS)
    await desk.apply(ASKED, validate_only=True)
    await desk.apply(ASKED)
    assert looks == [0]
    code, _, told = await refused(desk.apply(CHANNEL))
    assert (code, told["tag_id"]) == ("INVALID_ARGUMENT", "asked")
    assert looks == [0, 0]
    await desk.put(ASKED.replace("+ 1", "+ 2"))
    assert looks == [0, 0, 0]


async def test_what_rests_on_a_tag_is_looked_at_when_its_draft_comes_into_force(
    office: Office, looks: list[int]
) -> None:
    await office.admin.apply(ORDERS, ASKED)
    message = definition(CHANNEL)
    message.name.en = "x"
    for text in (message.description, message.calculation):
        text.zh, text.en = "x", "x"
    await office.analyst.drafts.PutDraft(draft_service_pb2.PutDraftRequest(definition=message))
    await office.analyst.take("SubmitDraft", "orders")
    await office.reviewer.approve("orders")
    assert looks == [0]
    code, _, told = await refused(office.analyst.take("ActivateDraft", "orders"))
    assert (code, told["tag_id"]) == ("INVALID_ARGUMENT", "asked")
    assert looks == [0, 0]
