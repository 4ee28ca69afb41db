"""Options that commands have in common."""

from collections.abc import Iterator
from typing import Any

import pytest
from cli.main import app
from typer.main import get_command


def commands(group: Any, *path: str) -> Iterator[tuple[str, set[str]]]:
    """Each with the names of its parameters."""
    within = getattr(group, "commands", None)
    if within is None:
        yield " ".join(path), {each.name for each in group.params}
        return
    for name, each in within.items():
        yield from commands(each, *path, name)


@pytest.mark.parametrize("part", ["segments", "tags", "calendar", "settings", "explain"])
def test_what_asks_the_suite_takes_the_key_to_act_with(part: str) -> None:
    root: Any = get_command(app)
    found = list(commands(root.commands[part]))
    assert len(found) > 1
    assert [name for name, names in found if "folder" in names and "key" not in names] == []
