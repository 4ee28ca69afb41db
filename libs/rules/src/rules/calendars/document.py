"""The YAML of a calendar, in which no name stands twice in one place: YAML itself would lose the first in silence."""

from collections.abc import Hashable
from typing import Any

import yaml

from .periods import CalendarInvalid


def read_document(text: str) -> Any:
    """Plain values. Raises CalendarInvalid."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506  # a safe loader
    except CalendarInvalid:
        raise
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise CalendarInvalid("the calendar is no YAML that can be read") from error


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for name, _ in node.value:
            if not isinstance(name, yaml.ScalarNode):
                continue
            said = self.construct_object(name)
            if said in seen:
                line = name.start_mark.line + 1
                raise CalendarInvalid(f"line {line}: '{said}' stands twice in one place; put both together")
            seen.add(said)
        return super().construct_mapping(node, deep)
