"""The packs of tags that come with the service: `packs.yaml` lists them, each is a folder of definitions."""

from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from servicekit.yaml_text import read_yaml
from tagging.catalogue.files import parse_definitions
from tagging.domain.definition import TagDefinition, Wording

RETAIL = "retail"
"""The pack that stands where none is named."""


class PackUnknown(ValueError):
    """There is no pack of this name; the message lists those there are."""


@dataclass(frozen=True, slots=True)
class Pack:
    """A trade's tags; no tag is in two packs, so that packs may be applied together."""

    name: str
    title: Wording
    description: Wording


def packs() -> list[Pack]:
    """In the order they are listed."""
    listed = read_yaml(_root().joinpath("packs.yaml").read_text("utf-8"))
    return [Pack(each["pack"], Wording(**each["name"]), Wording(**each["description"])) for each in listed]


def pack_definitions(*names: str) -> list[TagDefinition]:
    """The tags of these packs, file by file. Raises PackUnknown."""
    known = [each.name for each in packs()]
    for name in names:
        if name not in known:
            raise PackUnknown(f"there is no pack '{name}'; there are {', '.join(known)}")
    return [
        definition
        for name in dict.fromkeys(names)
        for file in _files(_root().joinpath(name))
        for definition in parse_definitions(file.read_text("utf-8"), f"{name}/{file.name}")
    ]


def _root() -> Traversable:
    return files("tagging") / "catalogue"


def _files(folder: Traversable) -> list[Traversable]:
    found = (each for each in folder.iterdir() if each.name.endswith(".yaml"))
    return sorted(found, key=lambda each: each.name)
