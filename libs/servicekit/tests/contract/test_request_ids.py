"""Idempotent creates on both dialects."""

import asyncio
import threading

import pytest
import toy_proto as pb
from servicekit.errors import InvalidField, ResourceExists
from servicekit.request_ids import digest_source, forget, once
from toy import ToyStore


@pytest.fixture
def database(database_url):
    store = ToyStore.open(database_url)
    yield store.database
    store.database.close_now()


def create(connection, calls, name="a", request_id="r1", tenant="t1"):
    request = pb.PutItemRequest(name=name, value=1, request_id=request_id)

    def work():
        calls.append(name)
        return f"created {name} {len(calls)}".encode()

    return once(
        connection,
        tenant=tenant,
        rpc="PutItem",
        request_id=request_id,
        request=digest_source(request),
        work=work,
    )


def test_a_repeat_gets_the_first_answer(database):
    calls = []
    answers = {database.write_now(create, calls) for _ in range(3)}
    assert answers == {b"created a 1"}
    assert calls == ["a"]


def test_the_same_id_with_other_content_is_refused(database):
    calls = []
    database.write_now(create, calls)
    with pytest.raises(ResourceExists, match="r1"):
        database.write_now(create, calls, name="b")
    assert calls == ["a"]
    database.write_now(create, calls, name="b", tenant="t2")
    assert calls == ["a", "b"], "ids belong to their tenant"


def test_a_failed_work_is_not_remembered(database):
    def fail(connection):
        create(connection, [])
        raise KeyError("no")

    with pytest.raises(KeyError):
        database.write_now(fail)
    calls = []
    assert database.write_now(create, calls) == b"created a 1"


def test_without_an_id_nothing_is_remembered(database):
    calls = []
    for _ in range(2):
        database.write_now(create, calls, request_id="")
    assert len(calls) == 2
    with pytest.raises(InvalidField):
        database.write_now(create, calls, request_id="x" * 129)


def test_old_ids_are_forgotten(database):
    calls = []
    database.write_now(create, calls)
    assert database.write_now(forget, before_machine_time_ms=1) == 0
    assert database.write_now(forget, before_machine_time_ms=2**60) == 1
    database.write_now(create, calls)
    assert len(calls) == 2


async def test_of_two_at_the_same_time_one_works(database):
    calls, lock = [], threading.Lock()

    def slow(connection):
        with lock:
            pass
        return create(connection, calls)

    answers = await asyncio.gather(*(database.write(slow) for _ in range(6)))
    assert set(answers) == {b"created a 1"}
    assert calls == ["a"]
