"""The contract of StandingColumns, on every store."""

import datetime as dt

import pytest
from rules.values import Kind
from tagging.domain.columns import Shape
from tagging.domain.standing import Standing
from tagging.store.block_files import BlockFiles
from tagging.store.sql_standing import SqlStandingColumns
from tagging.store.sql_values import SqlTagValues

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
ORDERS, BIG = Standing("a", NOW), Standing("b", NOW, frozenset({"orders", "spent"}))


@pytest.fixture
def standing(database):
    def call(name, *args, tenant="t1"):
        return database.write_now(getattr(SqlStandingColumns(), name), tenant, *args)

    return call


def test_a_claimed_column_stands_when_it_is_released(standing):
    standing("claim", "c1", {"orders": ORDERS, "big": BIG})
    assert standing("all") == {}
    standing("release", "c1", ["orders"])
    assert standing("all") == {"orders": ORDERS}
    standing("release", "c1", ["orders", "big"])
    assert standing("all") == {"orders": ORDERS, "big": BIG}
    assert standing("all", tenant="t2") == {}
    standing("claim", "c2", {"orders": Standing("z", NOW)})
    assert standing("all") == {"big": BIG}


def test_what_fell_or_is_claimed_by_another_does_not_stand_when_it_is_released(standing):
    standing("claim", "c1", {"orders": ORDERS, "big": BIG})
    standing("fall", ["orders", "unheard_of"])
    standing("claim", "c2", {"big": BIG})
    standing("release", "c1", ["orders", "big"])
    assert standing("all") == {}
    standing("release", "c2", ["big"])
    assert standing("all") == {"big": BIG}


def test_a_column_falls_with_its_values_and_with_those_of_what_it_rests_on(standing, database, tmp_path):
    values = SqlTagValues(BlockFiles(tmp_path, lambda: "id"), lambda: 0)
    database.write_now(values.declare, "t1", "orders", Shape(Kind.NUMBER))
    standing("claim", "c1", {"orders": ORDERS, "big": BIG, "order": Standing("c", NOW, frozenset({"big"}))})
    standing("release", "c1", ["orders", "big", "order"])
    database.write_now(values.declare, "t1", "orders", Shape(Kind.NUMBER))
    assert standing("all").keys() == {"orders", "big", "order"}
    database.write_now(values.declare, "t1", "orders", Shape(Kind.TEXT))
    assert standing("all").keys() == {"order"}
