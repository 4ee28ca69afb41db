from pathlib import Path

import pytest
from rules.schema import Catalogue
from tagging.catalogue.files import (
    FileInvalid,
    parse_definitions,
    read_definitions,
    write_definitions,
)
from tagging.catalogue.messages import from_message, to_message
from tagging.catalogue.packs import PackUnknown, pack_definitions, packs
from tagging.domain.compilation import tag_recipe
from tagging.domain.definition import Grade
from tagging.domain.dependencies import levels
from tagging.store.dictionary_file import standard_dictionary

ORDERS = "- {tag_id: orders, name: 订单数, type: number, statistic: COUNT(order_paid)}"
PACKS = {each.name: pack_definitions(each.name) for each in packs()}
ALL = [each for tags in PACKS.values() for each in tags]
LEAST = {"retail": 60, "supermarket": 12, "beauty": 12, "medical_beauty": 12, "health": 12, "finance": 12}
CONCERNS = {
    "retail": "基本属性 行为 兴趣 价值 渠道 交易 社交 会员 营销",
    "supermarket": "商超",
    "beauty": "美妆",
    "medical_beauty": "医美",
    "health": "健康",
    "finance": "金融",
}


def schema(definitions):
    dictionary = standard_dictionary()
    return Catalogue.of(
        [each.in_rules() for each in definitions], dictionary.events.values(), dictionary.tables.values()
    )


@pytest.mark.parametrize("name", LEAST)
def test_a_pack_holds_what_its_trade_needs(name):
    assert list(PACKS) == list(LEAST)
    assert len(PACKS[name]) >= LEAST[name]
    assert {each.category.split("/")[0] for each in PACKS[name]} == set(CONCERNS[name].split())


def test_packs_may_be_applied_together():
    ids = [each.tag_id for each in ALL]
    assert len(ids) == len(set(ids))
    assert pack_definitions("beauty", "retail", "beauty") == PACKS["beauty"] + PACKS["retail"]
    with pytest.raises(PackUnknown, match="there is no pack 'beuty'; there are retail, supermarket"):
        pack_definitions("retail", "beuty")


@pytest.mark.parametrize("name", LEAST)
def test_every_pack_compiles_by_itself_without_a_warning(name):
    recipes = [tag_recipe(each, schema(PACKS[name])) for each in PACKS[name]]
    assert [each.warnings for each in recipes if each.warnings] == []
    assert levels({each.column: each.tags for each in recipes})


@pytest.mark.parametrize("definition", ALL, ids=lambda each: each.tag_id)
def test_a_tag_says_what_people_need_to_know(definition):
    texts = [definition.name, definition.description, definition.calculation]
    texts += [each.name for each in definition.value_type.options]
    assert all(each.zh and each.en for each in texts)
    assert definition.owner
    assert definition.category
    assert (definition.grade is Grade.SENSITIVE) == bool(definition.purpose)


@pytest.mark.parametrize("definition", ALL, ids=lambda each: each.tag_id)
def test_definitions_survive_the_contract_and_the_files(definition):
    assert from_message(to_message(definition)) == definition
    assert parse_definitions(write_definitions([definition]), "written") == [definition]


def test_files_say_where_they_are_wrong(tmp_path: Path):
    def refused(text: str) -> str:
        (tmp_path / "tags.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(FileInvalid) as error:
            read_definitions([tmp_path])
        return str(error.value)

    assert "tags.yaml, definition 1: tag 'orders', type.base" in refused(ORDERS.replace("number", "numbr"))
    assert "must be a list" in refused("tags: []")
    assert "is not YAML" in refused("- {a: ")
    with pytest.raises(FileNotFoundError):
        read_definitions([tmp_path / "absent"])
    (tmp_path / "chinese.yaml").write_bytes("- tag_id: 标签".encode("gb18030"))
    with pytest.raises(FileInvalid, match=r"chinese.yaml: is not UTF-8"):
        read_definitions([tmp_path / "chinese.yaml"])
    (tmp_path / "chinese.yaml").unlink()


def test_a_tag_is_defined_once(tmp_path: Path):
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(ORDERS, encoding="utf-8")
    with pytest.raises(FileInvalid, match=r"b.yaml: tag 'orders' is defined in .*a.yaml too"):
        read_definitions([tmp_path])
