"""SQL tags: what they compute, and every way in which one is refused, in words without data."""

import datetime as dt
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rules.schema import Catalogue
from rules.values import Kind
from tagging.api.parse_tags import MAX_DEFINITIONS
from tagging.app.governance.lives import Request
from tagging.catalogue.files import parse_definitions
from tagging.domain.columns import Shape
from tagging.domain.governance.people import Actor
from tagging.domain.kinds.sql import SqlKind
from tagging.domain.moment import Moment
from tagging.domain.run_failures import ColumnFailed, FailureReason
from tagging.errors import DefinitionRefused
from tagging.store import query_child, query_process
from tagging.store.query_ports import LakeQuery, Verdict
from tagging.store.query_process import CHILD
from tagging.store.tag_ports import RunState

SECRET = "隐藏的值"
NUMBER, TEXT, TEXTS = "number", "text", "{base: text, multi_valued: true}"


def tag(query: str, type_: str = NUMBER, **limits: Any) -> str:
    told = "".join(f", {name}: {value}" for name, value in limits.items())
    return f"{{tag_id: asked, name: x, type: {type_}, update: run, sql: {{query: {query!r}{told}}}}}"


FOR_EVER = (
    "SELECT person_id, (SELECT count(*) FROM range(100000) a, range(100000) b, range(100000) c "
    "WHERE a.range + b.range < 0 - c.range) AS value FROM persons"
)


@pytest.fixture
def in_this_process(monkeypatch: Any) -> None:
    """What the process of a query does, without starting one for each of many."""
    monkeypatch.setattr(query_process, "_talked", lambda job, *_: query_child.answered(json.loads(job)))


@pytest.fixture
def shop(world: Any) -> Any:
    return opened(world)


def opened(world: Any) -> Any:
    """Three persons, two of whom bought."""
    world.store(world.person(1, 1), world.person(2, 2), world.person(3, 3))
    world.store(
        world.event(
            1,
            "order_paid",
            world.ago(days=2),
            amount=100_005,
            channel="app",
            order_id="a",
            items=({"item_id": "i1", "amount": 60_000, "quantity": 20_000},),
        ),
        world.event(1, "order_paid", world.ago(days=1), amount=30_000, channel="pos", order_id="b"),
        world.event(2, "order_paid", world.ago(days=9), amount=70_000, channel=SECRET, order_id="c"),
    )
    world.define("{tag_id: orders, name: x, type: number, statistic: COUNT(order_paid)}")
    return world


def computed(world: Any, query: str, type_: str = NUMBER) -> dict[int, Any]:
    world.define(tag(query, type_))
    run = world.run("asked")
    assert (run.state, run.failures) == (RunState.SUCCEEDED, {})
    return world.values("asked")["asked"]  # type: ignore[no-any-return]


def test_numbers_are_exact_decimals(shop: Any) -> None:
    sums = "SELECT person_id, sum(amount) AS value FROM events.order_paid GROUP BY ALL"
    assert computed(shop, sums) == {1: 130_005, 2: 70_000}
    counts = "SELECT person_id, count(*) AS value FROM events.order_paid GROUP BY person_id;  -- all"
    assert computed(shop, counts) == {1: 20_000, 2: 10_000}
    lines = (
        "SELECT person_id, sum(line.amount * line.quantity)::DECIMAL(18, 4) AS value "
        "FROM (SELECT person_id, unnest(items) AS line FROM events.order_paid) GROUP BY person_id"
    )
    assert computed(shop, lines) == {1: 120_000}


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize(
    ("query", "type_", "wanted"),
    [
        ("SELECT person_id, value > 1 AS value FROM tags.orders", "bool", {1: True, 2: False, 3: False}),
        (
            "SELECT person_id, max(channel) AS value FROM events.order_paid GROUP BY 1",
            TEXT,
            {1: "pos", 2: SECRET},
        ),
        (
            "SELECT person_id, list(DISTINCT upper(channel)) AS value FROM events.order_paid GROUP BY 1",
            TEXTS,
            {1: ("APP", "POS"), 2: (SECRET,)},
        ),
        ("SELECT person_id, (SELECT day FROM moment) AS value FROM persons", "date", dt.date(2026, 3, 10)),
        ("SELECT person_id, as_of AS value FROM persons, moment", "datetime", "now"),
        ("SELECT person_id, NULL::INTEGER AS value FROM persons", NUMBER, {}),
        (
            "WITH best AS (SELECT person_id, amount FROM events.order_paid) "
            "SELECT person_id, max(amount) AS value FROM best WHERE person_id IN (SELECT * FROM range(2)) GROUP BY 1",
            NUMBER,
            {1: 100_005},
        ),
    ],
)
def test_every_type(shop: Any, query: str, type_: str, wanted: Any) -> None:
    if not isinstance(wanted, dict):
        wanted = dict.fromkeys((1, 2, 3), shop.clock.now() if wanted == "now" else wanted)
    assert computed(shop, query, type_) == wanted


def test_it_reads_what_the_run_computed_before_it(shop: Any) -> None:
    shop.define("{tag_id: late, name: x, type: number, update: run, statistic: COUNT(order_paid)}")
    assert computed(shop, "SELECT person_id, value + 1 AS value FROM tags.late") == {
        1: 30_000,
        2: 20_000,
        3: 10_000,
    }


REFUSED = [
    ("INSERT INTO persons VALUES (1)", FailureReason.SQL_FORBIDDEN),
    ("CREATE TABLE x AS SELECT 1", FailureReason.SQL_FORBIDDEN),
    ("COPY persons TO 'x.csv'", FailureReason.SQL_FORBIDDEN),
    ("COPY (SELECT 1) TO '/tmp/x.csv'", FailureReason.SQL_FORBIDDEN),
    ("ATTACH 'x.db'", FailureReason.SQL_FORBIDDEN),
    ("INSTALL httpfs", FailureReason.SQL_FORBIDDEN),
    ("LOAD httpfs", FailureReason.SQL_FORBIDDEN),
    ("PRAGMA version", FailureReason.SQL_FORBIDDEN),
    ("SET memory_limit = '1TB'", FailureReason.SQL_FORBIDDEN),
    ("SELECT 1; SELECT 2", FailureReason.SQL_MALFORMED),
    ("SELECT FROM WHERE", FailureReason.SQL_MALFORMED),
    ("SELECT person_id, 1 AS value FROM 'inputs.duckdb'", FailureReason.SQL_FORBIDDEN),
    ("SELECT person_id, 1 AS value FROM '/etc/passwd'", FailureReason.SQL_FORBIDDEN),
    ("SELECT person_id, 1 AS value FROM 'https://example.org/x.parquet'", FailureReason.SQL_FORBIDDEN),
    ("SELECT 1 AS person_id, content AS value FROM read_text('/etc/passwd')", FailureReason.SQL_FORBIDDEN),
    ("SELECT * FROM read_parquet('*')", FailureReason.SQL_FORBIDDEN),
    ("SELECT * FROM glob('*')", FailureReason.SQL_FORBIDDEN),
    ("SELECT * FROM duckdb_settings()", FailureReason.SQL_FORBIDDEN),
    ("SELECT * FROM query('SELECT 1')", FailureReason.SQL_FORBIDDEN),
    ("SELECT person_id, current_setting('memory_limit') AS value FROM persons", FailureReason.SQL_FORBIDDEN),
    ("SELECT person_id, random() AS value FROM persons", FailureReason.SQL_FORBIDDEN),
    ("SELECT person_id, now() AS value FROM persons", FailureReason.SQL_FORBIDDEN),
    ("SELECT person_id, current_date AS value FROM persons", FailureReason.SQL_FORBIDDEN),
    ("SELECT person_id, 1 AS value FROM persons USING SAMPLE 1", FailureReason.SQL_FORBIDDEN),
    ("SELECT * FROM (DESCRIBE persons)", FailureReason.SQL_FORBIDDEN),
    ("SELECT * FROM information_schema.tables", FailureReason.SQL_INPUT_UNKNOWN),
    ("SELECT * FROM staff", FailureReason.SQL_INPUT_UNKNOWN),
    ("SELECT persn_id, 1 AS value FROM persons", FailureReason.SQL_INPUT_UNKNOWN),
    ("SELECT person_id, no_such(1) AS value FROM persons", FailureReason.SQL_INPUT_UNKNOWN),
    ("SELECT person_id FROM persons", FailureReason.SQL_RESULT_MALFORMED),
    ("SELECT person_id, 1 AS value, 2 AS more FROM persons", FailureReason.SQL_RESULT_MALFORMED),
    ("SELECT person_id, 'x' AS value FROM persons", FailureReason.SQL_RESULT_MALFORMED),
    ("SELECT person_id, 1.5::DOUBLE AS value FROM persons", FailureReason.SQL_RESULT_MALFORMED),
    ("SELECT person_id, 0.00001 AS value FROM persons", FailureReason.SQL_RESULT_MALFORMED),
    ("SELECT person_id, [1] AS value FROM persons", FailureReason.SQL_RESULT_MALFORMED),
    ("SELECT 'x' AS person_id, 1 AS value", FailureReason.SQL_RESULT_MALFORMED),
    ("SELECT person_id, amount AS value FROM events.order_paid", FailureReason.SQL_PERSON_REPEATED),
    ("SELECT 99 AS person_id, 1 AS value", FailureReason.SQL_PERSON_UNKNOWN),
    ("SELECT NULL::BIGINT AS person_id, 1 AS value", FailureReason.SQL_PERSON_UNKNOWN),
    (
        "SELECT person_id, channel::INTEGER AS value FROM events.order_paid WHERE channel <> 'app'",
        FailureReason.SQL_FAILED,
    ),
    ("SELECT person_id, 9223372036854775807::HUGEINT * 10 AS value FROM persons", FailureReason.SQL_FAILED),
]


BY_NAME = {"persn_id", "no_such"}
"""What refusals of the queries above name."""


@pytest.mark.usefixtures("in_this_process")
def test_what_is_refused(small_world: Any) -> None:
    """Through the runner itself, which sees no store: what a definition refuses at once is refused again."""
    shop = opened(small_world())
    queries = shop.everybody._queries
    with shop.everybody.snapshot(shop.tenant) as snapshot:
        snapshot._relate()
        moment = Moment(shop.clock.now(), snapshot.tenant.settings.calendar)
        named: set[str] = set()
        for query, reason in REFUSED:
            asked = LakeQuery(query, SqlKind(query).inputs(), 60, 512, Shape(Kind.NUMBER))
            with pytest.raises(ColumnFailed) as refused:
                queries.run(
                    snapshot._duck, asked, snapshot.plan.schema, moment, snapshot.persons, lambda: False
                )
            told = refused.value.failure
            assert told.reason is reason, (query, told)
            assert SECRET not in told.detail
            named |= {each for each in BY_NAME if f"look at '{each}'" in told.detail}
    assert named == BY_NAME
    assert not list((shop.folder / "queries").iterdir())


def test_a_refusal_stands_in_the_run_and_stops_no_other(shop: Any) -> None:
    shop.define(tag("SELECT person_id, amount AS value FROM events.order_paid"))
    run = shop.run()
    assert run.state is RunState.FAILED
    assert run.failures.keys() == {"asked"}
    assert run.failures["asked"].reason is FailureReason.SQL_PERSON_REPEATED
    assert run.coverage == {"orders": 3}


def test_one_that_runs_for_ever_is_killed(shop: Any) -> None:
    shop.define(tag(FOR_EVER, timeout_seconds=1))
    started = time.monotonic()
    run = shop.run("asked")
    assert run.failures["asked"].reason is FailureReason.SQL_TIMED_OUT
    assert time.monotonic() - started < 30
    assert not _children()


def test_one_that_wants_too_much_memory_fails(shop: Any) -> None:
    hungry = (
        "SELECT 1 AS person_id, len(list(x)) AS value FROM "
        "(SELECT repeat('x', 1000) || range AS x FROM range(100000000))"
    )
    shop.define(tag(hungry, memory_megabytes=64, timeout_seconds=60))
    run = shop.run("asked")
    assert run.failures["asked"].reason is FailureReason.SQL_MEMORY_EXCEEDED


def test_a_cancelled_run_ends_its_query(shop: Any, monkeypatch: Any) -> None:
    shop.define(tag(FOR_EVER, timeout_seconds=60))
    run = shop.database.write_now(shop.run_requests.create, shop.tenant, "q", ["asked"])
    shop.database.write_now(shop.tags.runs.ask_to_stop, shop.tenant, run.run_id)
    started = time.monotonic()
    ended = shop.execute_runs.execute(shop.tenant, run)
    assert ended.state is RunState.CANCELLED
    assert time.monotonic() - started < 30


def _children() -> list[str]:
    """Processes of queries that this one started."""
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                said = (place / "cmdline").read_text().split("\0")
                parent = (place / "stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
            if CHILD[-1] in said and int(parent) == os.getpid():
                found.append(place.name)
    return found


UNSOUND = [
    ("SELECT person_id, FROM persons WHERE", NUMBER, "line 1, column"),
    ("SELECT 1 AS person_id, content AS value FROM read_text('/etc/passwd')", TEXT, "read_text"),
    ("SELECT person_id, random() AS value FROM persons", NUMBER, "chance"),
    ("SELECT person_id, 1 AS value FROM persons; DROP TABLE persons", NUMBER, "no SELECT"),
    ("SELECT person_id, 1 AS value FROM staff", NUMBER, "no table staff"),
    ("SELECT key AS person_id, 1 AS value FROM reference.shops", NUMBER, "no reference table 'shops'"),
    ("SELECT person_id, amonut AS value FROM events.order_paid", NUMBER, "amonut"),
    ("SELECT person_id FROM persons", NUMBER, "exactly person_id and value"),
    ("SELECT person_id, value FROM tags.orders", TEXT, "the tag needs VARCHAR"),
]


@pytest.fixture
def small_shop(small_world: Any) -> Any:
    return opened(small_world())


@pytest.mark.usefixtures("in_this_process")
def test_what_no_run_could_answer_is_refused_where_it_is_defined(small_shop: Any) -> None:
    for query, type_, told in UNSOUND:
        with pytest.raises(DefinitionRefused) as refused:
            small_shop.define(tag(query, type_))
        assert refused.value.metadata["field"] == "sql.query"
        assert told in refused.value.metadata["problem"], refused.value
    assert "asked" not in small_shop.database.read_now(small_shop.tags.catalogue.all, small_shop.tenant)
    assert not list((small_shop.folder / "queries").iterdir())


def test_a_draft_with_such_a_query_is_refused_too(small_shop: Any) -> None:
    (definition,) = parse_definitions(f"- {tag(UNSOUND[2][0])}", "test")
    writer = Request(Actor.of("ann"), "asked")
    with pytest.raises(DefinitionRefused, match="chance"):
        small_shop.looked_at(small_shop.governance.drafts.write, small_shop.tenant, writer, definition)


def test_a_change_that_breaks_a_query_is_refused_once_and_by_name(small_shop: Any) -> None:
    small_shop.define(tag("SELECT person_id, value + 1 AS value FROM tags.orders"))
    text = "{tag_id: orders, name: x, type: text, statistic: LAST(order_paid.channel)}"
    with pytest.raises(DefinitionRefused) as refused:
        small_shop.define(text)
    assert refused.value.metadata["tag_id"] == "asked"
    known = len(small_shop.everybody._queries._verdicts)
    with pytest.raises(DefinitionRefused):
        small_shop.define(text)
    assert len(small_shop.everybody._queries._verdicts) == known


def test_what_the_machine_brings_about_is_no_verdict(small_shop: Any, monkeypatch: Any) -> None:
    talked = query_process._talked

    def too_slow(*_: Any) -> bytes:
        raise ColumnFailed(FailureReason.SQL_TIMED_OUT, "it ran longer than 10 s and was stopped")

    query = tag("SELECT person_id, 1 AS value FROM persons")
    monkeypatch.setattr(query_process, "_talked", too_slow)
    with pytest.raises(DefinitionRefused, match="longer than"):
        small_shop.define(query)
    monkeypatch.setattr(query_process, "_talked", talked)
    small_shop.define(query)


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize(
    ("statistic", "looks"),
    [
        pytest.param("COUNT(order_paid) + 1", 1, id="over inputs that look as before"),
        pytest.param("LAST(order_paid.channel)", 2, id="over others"),
    ],
)
def test_what_holds_up_a_query_holds_up_no_tag_that_it_rests_on(
    small_shop: Any, monkeypatch: Any, statistic: str, looks: int
) -> None:
    """It would hold as little without the change."""
    small_shop.define(tag("SELECT person_id, 1 AS value FROM tags.orders"))
    looked: list[int] = []

    def too_slow(*_: Any) -> bytes:
        looked.append(1)
        assert len(looked) <= looks, "it is looked at over and over"
        raise ColumnFailed(FailureReason.SQL_TIMED_OUT, "it ran longer than 10 s and was stopped")

    monkeypatch.setattr(query_process, "_talked", too_slow)
    queries = small_shop.everybody._queries
    queries._verdicts.clear()
    type_ = "text" if looks > 1 else "number"
    small_shop.define(f"{{tag_id: orders, name: x, type: {type_}, statistic: {statistic}}}")
    assert (len(looked), len(queries._verdicts)) == (looks, 0)


@pytest.mark.usefixtures("in_this_process")
def test_verdicts_that_are_asked_for_again_are_remembered(tmp_path: Path, monkeypatch: Any) -> None:
    assert query_process.VERDICTS > MAX_DEFINITIONS
    monkeypatch.setattr(query_process, "VERDICTS", 2)
    queries = query_process.QueryProcesses(tmp_path)
    looked: list[str] = []
    verdict = queries._verdict
    monkeypatch.setattr(
        queries,
        "_verdict",
        lambda asked, *given: looked.append(asked.query) or verdict(asked, *given),
    )
    one, two, three = (f"SELECT person_id, {number} AS value FROM persons" for number in range(3))
    for query in (one, two, one, three, one):
        asked = LakeQuery(query, SqlKind(query).inputs(), 60, 512, Shape(Kind.NUMBER))
        queries.look(asked, Catalogue())
        assert queries.known(asked, Catalogue()) == Verdict(None)
    assert looked == [one, two, three]
    assert queries.known(replace(asked, query=two), Catalogue()) is None
