"""YAML texts of plain values by libyaml, where PyYAML has it: the rules of its Python code in a tenth of the time."""

from typing import Any

import yaml

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def read_yaml(text: str) -> Any:
    """The one document of a text. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506  # a safe loader, whichever it is


def write_yaml(content: object) -> str:
    """A text that `read_yaml` gives back; mappings keep their order."""
    return str(yaml.dump(content, Dumper=_Dumper, sort_keys=False))
