"""Going over a syntax tree without naming its node kinds."""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import cache
from typing import Any, TypeVar

from .tree import Node

N = TypeVar("N", bound=Node)


def _names(node: Node) -> tuple[str, ...]:
    kind: Any = type(node)
    names: tuple[str, ...] = _names_of_kind(kind)
    return names


@cache
def _names_of_kind(kind: type[Any]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind) if each.name != "span")


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below, in the order of the text's fields; windows included."""
    for name in _names(node):
        value = getattr(node, name)
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple):
            yield from (each for each in value if isinstance(each, Node))


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, parents first."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(list(children(node))))


def rebuild(node: N, change: Callable[[Node], Node]) -> N:
    """The node with `change` applied to each of its children; the same object when none changed."""
    changed: dict[str, Any] = {}
    for name in _names(node):
        value = getattr(node, name)
        if isinstance(value, Node):
            new: Any = change(value)
            if new is not value:
                changed[name] = new
        elif isinstance(value, tuple) and any(isinstance(each, Node) for each in value):
            new = tuple(change(each) for each in value)
            if any(after is not before for after, before in zip(new, value, strict=True)):
                changed[name] = new
    return replace(node, **changed) if changed else node
