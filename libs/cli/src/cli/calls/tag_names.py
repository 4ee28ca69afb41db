"""How tags, their categories and their values are called in a language."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import grpc
from huaxiang.tagging.v1 import tag_pb2
from huaxiang.type.v1 import value_pb2
from rich.text import Text

from cli.calls.governance import categories
from cli.calls.tags import every_tag
from cli.calls.values import shown
from cli.output import visible

ENGLISH = "en"


@dataclass(frozen=True)
class TagNames:
    """Of the catalogue. Without a language everything is called by its code; what has no name is so in any."""

    language: str = ""
    definitions: Mapping[str, tag_pb2.TagDefinition] = field(default_factory=dict)
    categories: Mapping[str, tag_pb2.TagText] = field(default_factory=dict)

    def category(self, tag_id: str) -> str:
        """The path of names from the top of the tree; "" for a tag without a place."""
        path = self.definitions[tag_id].category if tag_id in self.definitions else ""
        steps = path.split("/") if path else []
        names = [self.categories.get("/".join(steps[: end + 1])) for end in range(len(steps))]
        return "/".join(self._name(each) or step for each, step in zip(names, steps, strict=True))

    def tag(self, tag_id: str) -> Text:
        definition = self.definitions.get(tag_id)
        return _named(self._name(definition.name if definition else None), tag_id)

    def value(self, tag_id: str, value: value_pb2.Value) -> Text:
        """With the names of the options that it has; a list with commas."""
        if value.HasField("list_value"):
            parts = [self.value(tag_id, each) for each in value.list_value.values]
            return Text(", ").join(parts)
        code, definition = shown(value), self.definitions.get(tag_id)
        options = definition.value_type.options if definition else ()
        name = next((each.name for each in options if each.value == code), None)
        return _named(self._name(name), code)

    def _name(self, text: tag_pb2.TagText | None) -> str:
        if text is None or not self.language:
            return ""
        return (text.en or text.zh) if self.language == ENGLISH else (text.zh or text.en)


async def tag_names(channel: grpc.aio.Channel, language: str) -> TagNames:
    """Raises what ListTags and ListCategories raise."""
    found = await every_tag(channel)
    return TagNames(
        language,
        {each.definition.tag_id: each.definition for each in found},
        {each.path: each.name for each in await categories(channel, "")},
    )


def _named(name: str, code: str) -> Text:
    """The code stands dimmed beside a name that differs from it."""
    if not name or name == code:
        return Text(visible(code))
    return Text.assemble(visible(name), (f" ({visible(code)})", "dim"))
