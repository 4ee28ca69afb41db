"""Logs: JSON on stderr, allow-listed fields only."""

import json

import pytest
import structlog
from servicekit.database import Database
from servicekit.driver_sql import execute
from servicekit.errors import QueueFull
from servicekit.logging import configure, describe_exception, logger
from sqlalchemy.exc import IntegrityError


@pytest.fixture(autouse=True)
def _restore():
    yield
    structlog.reset_defaults()


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_fields_that_are_not_listed_are_dropped_and_named(capsys):
    configure("identity")
    logger().info("linked", count=3, phone="13800138000", openid="o-1")
    (line,) = lines(capsys)
    assert line["event"] == "linked"
    assert line["service"] == "identity"
    assert (line["count"], line["level"]) == (3, "info")
    assert line["dropped"] == ["openid", "phone"]
    assert "13800138000" not in json.dumps(line)


def test_a_service_may_list_more_fields(capsys):
    configure("activation", extra_fields=frozenset({"template"}))
    logger().info("sent", template="t-1")
    assert lines(capsys)[0]["template"] == "t-1"


@pytest.mark.parametrize("given", [True, "error"])
def test_an_exception_is_written_with_its_frames_and_without_data(capsys, given):
    configure("identity")
    try:
        try:
            int("phone 13800138000")
        except ValueError as cause:
            raise KeyError("13800138000") from cause
    except KeyError as error:
        logger().error("failed", exc_info=True if given is True else error)
    (line,) = lines(capsys)
    assert line["exception"].splitlines()[-1] == "KeyError"
    assert "ValueError" in line["exception"]
    assert "test_logging.py" in line["exception"]
    assert "13800138000" not in json.dumps(line)


def test_messages_that_quote_no_data_are_written(capsys):
    configure("identity")
    group = ExceptionGroup("several", [RuntimeError("worker broke"), QueueFull("writes", 3)])
    logger().error("failed", exc_info=group)
    (line,) = lines(capsys)
    assert "RuntimeError: worker broke" in line["exception"]
    assert "QueueFull: the queue of writes is full (3)" in line["exception"]


def test_an_sql_error_shows_no_value(capsys, sqlite_url):
    configure("identity")
    database = Database.open(sqlite_url)
    database.write_now(lambda c: execute(c, "CREATE TABLE phones (number TEXT PRIMARY KEY)"))

    def insert(connection):
        execute(connection, "INSERT INTO phones (number) VALUES (?)", ("13800138000",))

    database.write_now(insert)
    with pytest.raises(IntegrityError) as refused:
        database.write_now(insert)
    assert "13800138000" not in str(refused.value), "the engine hides parameters"
    logger().error("failed", exc_info=refused.value)
    assert "IntegrityError" in lines(capsys)[0]["exception"]
    database.close_now()


def test_causes_in_a_circle_are_told_once() -> None:
    first, second = ValueError("first"), KeyError("second")
    first.__cause__, second.__cause__ = second, first
    assert [line.split(":")[0] for line in describe_exception(first)] == ["KeyError", "ValueError"]
