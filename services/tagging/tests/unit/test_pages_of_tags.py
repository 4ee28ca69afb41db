"""The tables of the pages on tags are those of the packs; HUAXIANG_WRITE_PAGES=1 writes them."""

import os
import re
from pathlib import Path

import pytest
from tagging.catalogue.files import parse_definitions
from tagging.catalogue.packs import Pack, pack_definitions, packs
from tagging.domain.definition import Grade, TagDefinition
from tagging.domain.document import KINDS, kind_name

DOCS = Path(__file__).parents[4] / "docs"
START = "<!-- packs: a test holds this table to the definitions -->\n\n"
END = "\n<!-- end of packs -->"
LISTED = "<!-- tags: a test holds this page to the definitions -->\n"


def summary() -> str:
    lines = ["| pack | tags | of these sensitive | what for |", "|---|---|---|---|"]
    for each in packs():
        tags = pack_definitions(each.name)
        sensitive = sum(tag.grade is Grade.SENSITIVE for tag in tags)
        lines.append(f"| `{each.name}` {each.title.zh} | {len(tags)} | {sensitive} | {each.description.en} |")
    return "".join(f"{line}\n" for line in lines)


def section(pack: Pack) -> str:
    lines = [f"\n## {pack.title.en} {pack.title.zh}: `--pack {pack.name}`\n", f"{pack.description.en}.\n"]
    lines += ["| tag | name | says | category | kind | grade | owner |", "|---|---|---|---|---|---|---|"]
    lines += [row(each) for each in pack_definitions(pack.name)]
    return "".join(f"{line}\n" for line in lines)


def row(tag: TagDefinition) -> str:
    grade = f"{tag.grade.value}, for {tag.purpose}" if tag.purpose else tag.grade.value
    says = f"{tag.description.en}; {tag.description.zh}"
    cells = [f"`{tag.tag_id}`", f"{tag.name.zh} {tag.name.en}", says, tag.category]
    return "| " + " | ".join([*cells, kind_name(tag.kind), grade, tag.owner]) + " |"


def made(page: str) -> str:
    text = (DOCS / page).read_text(encoding="utf-8")
    if page == "tag-packs.md":
        return text[: text.index(LISTED) + len(LISTED)] + "".join(map(section, packs()))
    return text[: text.index(START) + len(START)] + summary() + text[text.index(END) :]


@pytest.mark.parametrize("page", ["tags.md", "tag-packs.md"])
def test_the_tables_are_those_of_the_packs(page: str) -> None:
    expected = made(page)
    if os.environ.get("HUAXIANG_WRITE_PAGES") == "1":
        (DOCS / page).write_text(expected, encoding="utf-8")
    assert (DOCS / page).read_text(encoding="utf-8") == expected


def test_every_kind_is_told_with_tags_that_are_of_it() -> None:
    text = (DOCS / "tags.md").read_text(encoding="utf-8")
    table = text[text.index("## The kinds") : text.index("## At once")]
    told = dict(re.findall(r"^\| `(\w+)` \| .*? \| (.*) \|$", table, re.MULTILINE))
    assert told.keys() == set(KINDS)
    kinds = {tag.tag_id: kind_name(tag.kind) for pack in packs() for tag in pack_definitions(pack.name)}
    for kind, example in told.items():
        for name in re.findall(r"`(\w+)`", example):
            assert kinds[name] == kind


def test_the_examples_are_definitions() -> None:
    text = (DOCS / "tags.md").read_text(encoding="utf-8")
    definition, kinds, promises = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tag,) = parse_definitions(definition, "tags.md")
    assert tag.tag_id == "regular"
    shown = {kind_name(each.kind) for each in (tag, *parse_definitions(kinds, "tags.md"))}
    assert shown == set(KINDS)
    (promising,) = parse_definitions(promises, "tags.md")
    assert promising.quality is not None
    assert promising.quality.min_people == 1000
