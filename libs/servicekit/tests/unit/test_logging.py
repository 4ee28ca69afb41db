"""Logs: JSON on stderr, allow-listed fields only."""

import json

import pytest
import structlog
from servicekit.logging import configure, logger


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


def test_an_exception_is_written_with_its_trace(capsys):
    configure("identity")
    try:
        raise KeyError("x")
    except KeyError:
        logger().error("failed", exc_info=True)
    assert "KeyError" in lines(capsys)[0]["exception"]
