"""The suite's phrases and templates as YAML files."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import yaml
from servicekit.yaml_text import read_yaml
from tagging.catalogue.files import FileInvalid
from tagging.domain.portrait_document import from_document, phrases_from_document
from tagging.domain.portrait_phrases import PhraseInvalid, TagPhrases, check_phrases
from tagging.domain.portrait_template import PortraitTemplate, TemplateInvalid, check_limits


def standard_phrases() -> dict[str, TagPhrases]:
    """The phrases of all files that come with the service, by tag, in the order that descriptions follow."""
    folder = files("tagging") / "catalogue" / "phrases"
    found: dict[str, TagPhrases] = {}
    for name in sorted(each.name for each in folder.iterdir() if each.name.endswith(".yaml")):
        for phrases in parse_phrases((folder / name).read_text("utf-8"), name):
            if phrases.tag_id in found:
                raise FileInvalid(f"{name}: tag '{phrases.tag_id}' has phrases twice")
            found[phrases.tag_id] = phrases
    return found


def parse_phrases(text: str, where: str) -> list[TagPhrases]:
    """Of one YAML text: a list of {tag_id, phrases}. Raises FileInvalid."""
    found = []
    for document in _documents(text, where):
        try:
            phrases = phrases_from_document(where, document)
            check_phrases(phrases)
        except TemplateInvalid as error:
            raise FileInvalid(f"{where}, {error.field}: {error.problem}") from error
        except PhraseInvalid as error:
            raise FileInvalid(f"{where}, phrases of {phrases.tag_id}: {error}") from error
        found.append(phrases)
    return found


def parse_templates(text: str, where: str) -> list[PortraitTemplate]:
    """Of one YAML text: a list of documents. Raises FileInvalid."""
    found = []
    for document in _documents(text, where):
        try:
            template = from_document(document)
            check_limits(template)
        except TemplateInvalid as error:
            raise FileInvalid(f"{where}: {error}") from error
        found.append(template)
    return found


def _documents(text: str, where: str) -> list[Mapping[str, Any]]:
    try:
        documents: Any = read_yaml(text)
    except yaml.YAMLError as error:
        raise FileInvalid(f"{where}: is not YAML: {error}") from error
    if documents is None:
        return []
    if not isinstance(documents, list) or not all(isinstance(each, dict) for each in documents):
        raise FileInvalid(f"{where}: must be a list of mappings")
    return documents
