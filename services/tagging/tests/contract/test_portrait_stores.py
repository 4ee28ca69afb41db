"""The contracts of templates, profiles of classes, the secret of copies, and what was recorded of one person."""

import datetime as dt
from typing import Any

import pytest
from servicekit.database import Database
from tagging.domain.class_profile import ClassProfile, Typical, TypicalValue
from tagging.domain.definition import Wording
from tagging.domain.portrait_document import class_digest
from tagging.domain.portrait_phrases import Phrase, TagPhrases
from tagging.domain.portrait_template import MemberClass, PortraitTemplate, TagCondition, TemplateGroup
from tagging.store.portrait_ports import StoredTemplate
from tagging.store.sql_portraits import SqlCopySecrets, SqlPortraitTemplates

NOW = dt.datetime(2026, 3, 10, 4, 5, 6, 789, tzinfo=dt.UTC)
DESK = PortraitTemplate(
    "desk",
    Wording("客服", "Desk"),
    (TemplateGroup(Wording("价值", "Value"), ("orders", "city")),),
    MemberClass(Wording("甲", "A"), TagCondition("orders", 20_000)),
    ("viewer",),
    (TagPhrases("orders", (Phrase(Wording("多", "many"), Wording("常", "often"), at_least=15_000),)),),
)
BOARD = PortraitTemplate("board", Wording("", "Board"), (TemplateGroup(Wording(), ("city",)),))
PROFILE = ClassProfile(
    class_digest(DESK),
    "run1",
    NOW,
    7,
    (
        TypicalValue("orders", 25_000, Typical.MEDIAN, 7),
        TypicalValue("city", "上海", Typical.MOST_FREQUENT, 6, 4),
        TypicalValue("since", dt.date(2026, 1, 2), Typical.MEDIAN, 5),
        TypicalValue("seen", NOW, Typical.MEDIAN, 5),
        TypicalValue("regular", True, Typical.MOST_FREQUENT, 5, 3),
    ),
)


@pytest.fixture
def templates() -> SqlPortraitTemplates:
    return SqlPortraitTemplates()


def test_a_template_is_kept_whole(database: Database, templates: SqlPortraitTemplates) -> None:
    database.write_now(templates.put, "t1", DESK, NOW)
    database.write_now(templates.put, "t1", BOARD, NOW)
    assert database.read_now(templates.get, "t1", "desk") == StoredTemplate(DESK, NOW)
    assert list(database.read_now(templates.all, "t1")) == ["board", "desk"]
    assert database.read_now(templates.get, "t2", "desk") is None
    assert database.read_now(templates.all, "t2") == {}
    assert database.read_now(templates.tenants) == ["t1"]


def test_a_profile_stays_with_its_template(database: Database, templates: SqlPortraitTemplates) -> None:
    database.write_now(templates.put, "t1", DESK, NOW)
    database.write_now(templates.put_profile, "t1", "desk", PROFILE)
    assert database.read_now(templates.get, "t1", "desk") == StoredTemplate(DESK, NOW, PROFILE)
    later = NOW + dt.timedelta(days=1)
    database.write_now(templates.put, "t1", DESK, later)
    assert database.read_now(templates.all, "t1") == {"desk": StoredTemplate(DESK, later, PROFILE)}
    assert database.write_now(templates.delete, "t1", "desk")
    assert not database.write_now(templates.delete, "t1", "desk")
    database.write_now(templates.put, "t1", DESK, NOW)
    assert database.read_now(templates.get, "t1", "desk") == StoredTemplate(DESK, NOW)


def test_the_first_secret_is_kept(database: Database) -> None:
    secrets = SqlCopySecrets()
    assert database.read_now(secrets.secret) is None
    database.write_now(secrets.keep, b"\0" * 31 + b"\1")
    database.write_now(secrets.keep, b"x" * 32)
    assert database.read_now(secrets.secret) == b"\0" * 31 + b"\1"


def test_what_was_recorded_of_a_person_is_told_oldest_first(world: Any) -> None:
    world.define(
        "{tag_id: orders, name: x, type: number, keep_days: 30, statistic: COUNT(order_paid)}",
        "{tag_id: city, name: x, type: text, keep_days: 30, attribute: city}",
        "{tag_id: free, name: x, type: number, statistic: COUNT(order_paid)}",
    )
    moments = []
    for number, city in enumerate(("上海", "北京", "上海")):
        world.clock.advance(dt.timedelta(minutes=1))
        moments.append(world.clock.now())
        world.store(
            world.person(1, 1, attributes={"city": city}),
            world.person(2, 2),
            world.event(1, "order_paid", world.ago(), amount=1),
        )
        if number == 1:
            world.run()

    def told() -> Any:
        return world.database.read_now(
            world.tags.history.of_person, world.tenant, ["orders", "city", "free", "nothing"], 1
        )

    expected = {
        "orders": [(moments[0], None), (moments[1], 10_000), (moments[2], 20_000)],
        "city": [(moments[0], None), (moments[1], "上海"), (moments[2], "北京")],
        "free": [],
        "nothing": [],
    }
    assert told() == expected
    world.database.write_now(world.tags.history.fold, world.tenant)
    assert told() == expected
