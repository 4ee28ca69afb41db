"""The YAML of a calendar, in which no name stands twice in one place: YAML itself would lose the first in silence."""

from typing import Any

import yaml

from .periods import CalendarInvalid

MOST_NAMES = 200_000
"""In all mappings together; those that are merged count each time they are."""
_MERGE = "tag:yaml.org,2002:merge"


def read_document(text: str) -> Any:
    """Plain values. Raises CalendarInvalid."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506  # a safe loader
    except CalendarInvalid:
        raise
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CalendarInvalid("the calendar is no YAML that can be read") from error


class _Loader(yaml.SafeLoader):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._name_count = 0

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Names are compared where they are written: what is merged afterwards may say them again."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen = set()
        for name, _ in node.value:
            if not isinstance(name, yaml.ScalarNode) or name.tag == _MERGE:
                continue
            said = self.construct_object(name)
            if said in seen:
                line = name.start_mark.line + 1
                raise CalendarInvalid(f"line {line}: '{said}' stands twice in one place; put both together")
            seen.add(said)
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Few characters may merge a mapping into itself many times over."""
        super().flatten_mapping(node)
        self._name_count += len(node.value)
        if self._name_count > MOST_NAMES:
            raise CalendarInvalid(
                f"the calendar has more than {MOST_NAMES} names, merged ones included; merge less"
            )
