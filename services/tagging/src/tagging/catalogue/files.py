"""Definitions as code: YAML files, each a list of documents."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from servicekit.yaml_text import read_yaml
from tagging.domain.definition import DefinitionInvalid, TagDefinition
from tagging.domain.definition_checks import check_limits
from tagging.domain.document import from_document, to_document

MAX_DEFINITIONS = 2_000


class FileInvalid(ValueError):
    """A file does not hold definitions; the message says which file and what is wrong in it."""


def read_definitions(paths: Iterable[Path]) -> list[TagDefinition]:
    """The definitions of YAML files, and of all *.yaml below folders, in order of path.

    Raises FileInvalid, also for a tag that is defined twice; OSError for a path that cannot be read.
    """
    found: dict[str, tuple[TagDefinition, Path]] = {}
    for path in _expand(paths):
        for definition in parse_definitions(_text(path), str(path)):
            if definition.tag_id in found:
                first = found[definition.tag_id][1]
                raise FileInvalid(f"{path}: tag '{definition.tag_id}' is defined in {first} too")
            found[definition.tag_id] = (definition, path)
    return [definition for definition, _ in found.values()]


def parse_definitions(text: str, where: str) -> list[TagDefinition]:
    """The definitions of one YAML text. Raises FileInvalid; `where` names the text in its message."""
    try:
        documents: Any = read_yaml(text)
    except yaml.YAMLError as error:
        raise FileInvalid(f"{where}: is not YAML: {error}") from error
    if documents is None:
        return []
    if not isinstance(documents, list) or not all(isinstance(each, dict) for each in documents):
        raise FileInvalid(f"{where}: must be a list of definitions, each starting with '- tag_id: ...'")
    if len(documents) > MAX_DEFINITIONS:
        raise FileInvalid(f"{where}: has {len(documents)} definitions, the limit is {MAX_DEFINITIONS}")
    found = []
    for number, document in enumerate(documents, start=1):
        try:
            definition = from_document(document)
            check_limits(definition)
        except DefinitionInvalid as error:
            raise FileInvalid(f"{where}, definition {number}: {error}") from error
        found.append(definition)
    return found


def write_definitions(definitions: Iterable[TagDefinition]) -> str:
    """The YAML text that `parse_definitions` reads back."""
    documents = [to_document(each) for each in definitions]
    return yaml.safe_dump(documents, allow_unicode=True, sort_keys=False, width=110)


def _expand(paths: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(path.rglob("*.yaml"))
        else:
            found.append(path)
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FileInvalid(f"{path}: is not UTF-8: save it as UTF-8") from error
