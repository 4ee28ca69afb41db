import dataclasses
import datetime as dt

from rules.values import Kind
from tagging.domain.definition import Option, StatisticKind, TagDefinition, TagValueType, Wording
from tagging.domain.plan import ChangeOfTag, catalogue_etag, plan

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(days=1)
ORDERS = TagDefinition(
    "orders", Wording("订单数"), TagValueType(Kind.NUMBER), StatisticKind("COUNT(order_paid)")
)


def applied(differences):
    return {each.tag_id: each.tag for each in differences if each.change is not ChangeOfTag.DELETED}


def test_a_new_tag_starts_at_version_one():
    (created,) = plan({}, [ORDERS], NOW)
    assert (created.change, created.tag.version) == (ChangeOfTag.CREATED, 1)
    assert {each.field for each in created.fields} >= {"tag_id", "name.zh", "statistic.expression"}


def test_equal_definitions_change_nothing():
    stored = applied(plan({}, [ORDERS], NOW))
    (same,) = plan(stored, [ORDERS], LATER)
    assert same.change is ChangeOfTag.UNCHANGED
    assert same.tag == stored["orders"]


def test_another_meaning_is_another_version_and_another_text_is_not():
    stored = applied(plan({}, [ORDERS], NOW))
    told = dataclasses.replace(ORDERS, name=Wording("订单总数"))
    (described,) = plan(stored, [told], LATER)
    assert (described.change, described.tag.version) == (ChangeOfTag.DESCRIBED, 1)
    assert [(each.field, each.old, each.new) for each in described.fields] == [
        ("name.zh", "订单数", "订单总数")
    ]
    meant = dataclasses.replace(told, kind=StatisticKind("DAYS(order_paid)"))
    (redefined,) = plan(stored, [meant], LATER)
    assert (redefined.change, redefined.tag.version) == (ChangeOfTag.REDEFINED, 2)
    etags = {stored["orders"].etag, described.tag.etag, redefined.tag.etag}
    assert len(etags) == 3


def test_what_people_read_for_an_option_only_describes():
    listed = dataclasses.replace(ORDERS, value_type=TagValueType(Kind.TEXT, options=(Option("a"),)))
    named = dataclasses.replace(
        ORDERS, value_type=TagValueType(Kind.TEXT, options=(Option("a", Wording("甲")),))
    )
    stored = applied(plan({}, [listed], NOW))
    assert plan(stored, [named], NOW)[0].change is ChangeOfTag.DESCRIBED


def test_missing_tags_go_only_when_asked():
    stored = applied(plan({}, [ORDERS], NOW))
    assert plan(stored, [], NOW) == ()
    (deleted,) = plan(stored, [], NOW, delete_missing=True)
    assert deleted.change is ChangeOfTag.DELETED


def test_the_catalogue_s_etag_knows_every_tag():
    stored = applied(plan({}, [ORDERS], NOW))
    other = applied(plan({}, [ORDERS, dataclasses.replace(ORDERS, tag_id="more")], NOW))
    assert catalogue_etag(stored.values()) != catalogue_etag(other.values())
    assert catalogue_etag(other.values()) == catalogue_etag(reversed(list(other.values())))
