"""Packs of tags by name, with and beside files."""

import json
from pathlib import Path

import pytest
from cli.calls.tags import definitions
from cli.exits import Exit, Refusal
from cli.main import app
from typer.testing import CliRunner

OWN = "- {tag_id: orders, name: 订单数, type: number, statistic: COUNT(order_paid)}"


def ids(*packs: str, paths: tuple[Path, ...] = ()) -> set[str]:
    return {each.tag_id for each in definitions(paths, packs)}


def test_nothing_named_is_retail_and_files_stand_alone(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(OWN, encoding="utf-8")
    assert ids() == ids("retail")
    assert ids(paths=(own,)) == {"orders"}
    assert ids("beauty", paths=(own,)) == ids("beauty") | {"orders"}
    assert ids("beauty", "health") == ids("beauty") | ids("health")


def test_packs_are_listed_with_their_tags() -> None:
    listed = CliRunner().invoke(app, ["tags", "packs", "--json"])
    assert listed.exit_code == Exit.OK
    told = {each["pack"]: set(each["tag_ids"]) for each in json.loads(listed.stdout)["packs"]}
    assert next(iter(told)) == "retail"
    assert told["beauty"] == ids("beauty")


def test_an_unknown_pack_is_told_with_those_there_are() -> None:
    with pytest.raises(
        Refusal, match=r"no pack 'beuty'; there are retail, .*beauty.*huaxiang tags packs"
    ) as told:
        definitions([], ["beuty"])
    assert told.value.code is Exit.BAD_DATA
