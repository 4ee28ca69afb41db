from pathlib import Path

import pytest
from rules.schema import Catalogue
from tagging.catalogue.files import (
    FileInvalid,
    parse_definitions,
    read_definitions,
    retail_definitions,
    write_definitions,
)
from tagging.catalogue.messages import from_message, to_message
from tagging.domain.compilation import tag_recipe
from tagging.domain.dependencies import levels
from tagging.store.dictionary_file import standard_dictionary

RETAIL = retail_definitions()
ORDERS = "- {tag_id: orders, name: 订单数, type: number, statistic: COUNT(order_paid)}"


def schema():
    dictionary = standard_dictionary()
    return Catalogue.of(
        [each.in_rules() for each in RETAIL], dictionary.events.values(), dictionary.tables.values()
    )


def test_the_retail_catalogue_holds_what_a_retailer_needs():
    names = {each.tag_id for each in RETAIL}
    assert names >= {"rfm_recency_days", "rfm_frequency", "rfm_monetary", "rfm_class", "lifecycle_stage"}
    assert len(names) == len(RETAIL) >= 25
    for each in RETAIL:
        assert all([each.name.zh, each.name.en, each.description.zh, each.description.en]), each.tag_id


def test_every_retail_tag_compiles_without_a_warning():
    recipes = [tag_recipe(each, schema()) for each in RETAIL]
    assert [each.warnings for each in recipes if each.warnings] == []
    order = levels({each.column: each.tags for each in recipes})
    assert "win_back_target" in order[-1]


@pytest.mark.parametrize("definition", RETAIL, ids=lambda each: each.tag_id)
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
