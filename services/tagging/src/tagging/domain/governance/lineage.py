"""Where a tag comes from and where it goes, as a graph."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from rules.tree import Aggregate, AnyLine, EventFilter, Node, Property
from rules.walk import children
from tagging.domain.definition import AttributeKind
from tagging.domain.recipe import Recipe

from .uses import TagUse, UserKind

MAX_DEPTH = 20
DEFAULT_DEPTH = 5


class NodeKind(Enum):
    """In the order in which nodes of one distance are told."""

    SOURCE = "source"
    EVENT = "event"
    PROPERTY = "property"
    TABLE = "table"
    ATTRIBUTE = "attribute"
    TAG = "tag"
    SEGMENT = "segment"
    CAMPAIGN = "campaign"


_ORDER = {kind: place for place, kind in enumerate(NodeKind)}


@dataclass(frozen=True, slots=True)
class Place:
    kind: NodeKind
    name: str


@dataclass(frozen=True, slots=True)
class Placed:
    """`distance`: steps from the tag; negative where it comes from."""

    place: Place
    distance: int


@dataclass(frozen=True, slots=True)
class Edge:
    """One thing flows into another."""

    source: Place
    target: Place


@dataclass(frozen=True, slots=True)
class Lineage:
    """`nodes`: the tag first, then by distance, kind and name. `cut`: the depth left something out."""

    nodes: tuple[Placed, ...]
    edges: tuple[Edge, ...]
    cut: bool


class Direction(Enum):
    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"
    BOTH = "both"


def edges_of_tags(recipes: Iterable[Recipe]) -> Iterator[Edge]:
    """What flows into each tag, and which property belongs to which event."""
    for recipe in recipes:
        here = Place(NodeKind.TAG, recipe.column)
        if isinstance(recipe.kind, AttributeKind):
            yield Edge(Place(NodeKind.ATTRIBUTE, recipe.kind.attribute), here)
        for tag in recipe.tags:
            yield Edge(Place(NodeKind.TAG, tag), here)
        for table in recipe.tables:
            yield Edge(Place(NodeKind.TABLE, table), here)
        for event in recipe.events:
            yield Edge(Place(NodeKind.EVENT, event), here)
        for event, name in _properties(recipe):
            read = Place(NodeKind.PROPERTY, f"{event}.{name}")
            yield Edge(Place(NodeKind.EVENT, event), read)
            yield Edge(read, here)


def edges_of_uses(uses: Iterable[TagUse]) -> Iterator[Edge]:
    kinds = {UserKind.SEGMENT: NodeKind.SEGMENT, UserKind.CAMPAIGN: NodeKind.CAMPAIGN}
    for use in uses:
        here = Place(kinds[use.kind], use.name)
        for tag in use.tag_ids:
            yield Edge(Place(NodeKind.TAG, tag), here)
        for segment in use.segments:
            yield Edge(Place(NodeKind.SEGMENT, segment), here)


def edges_of_sources(sources: Mapping[str, Collection[str]]) -> Iterator[Edge]:
    """`sources`: type of event -> the systems that send it."""
    for event, names in sources.items():
        for name in names:
            yield Edge(Place(NodeKind.SOURCE, name), Place(NodeKind.EVENT, event))


def lineage(tag_id: str, edges: Iterable[Edge], direction: Direction, depth: int) -> Lineage:
    """All that is at most `depth` steps away, each way by itself: what else flows out of an event is not told."""
    known = sorted(set(edges), key=lambda edge: (*_key(edge.source), *_key(edge.target)))
    start = Place(NodeKind.TAG, tag_id)
    found: dict[Place, int] = {start: 0}
    kept: set[Edge] = set()
    cut = False
    if direction is not Direction.DOWNSTREAM:
        cut |= _walk(start, _by(known, backwards=True), depth, -1, found, kept)
    if direction is not Direction.UPSTREAM:
        cut |= _walk(start, _by(known, backwards=False), depth, 1, found, kept)
    nodes = [Placed(place, distance) for place, distance in found.items()]
    nodes.sort(key=lambda each: (abs(each.distance), each.distance, *_key(each.place)))
    ordered = sorted(kept, key=lambda edge: (*_key(edge.source), *_key(edge.target)))
    return Lineage(tuple(nodes), tuple(ordered), cut)


def _walk(
    start: Place,
    ways: Mapping[Place, list[Edge]],
    depth: int,
    sign: int,
    found: dict[Place, int],
    kept: set[Edge],
) -> bool:
    """Whether the depth cut something off."""
    here, seen = [start], {start}
    for distance in range(1, depth + 1):
        following = []
        for place in here:
            for edge in ways.get(place, ()):
                kept.add(edge)
                other = edge.source if sign < 0 else edge.target
                if other not in seen:
                    seen.add(other)
                    found.setdefault(other, sign * distance)
                    following.append(other)
        here = following
    beyond = [edge for place in here for edge in ways.get(place, ())]
    return any((edge.source if sign < 0 else edge.target) not in seen for edge in beyond)


def _by(edges: Iterable[Edge], *, backwards: bool) -> dict[Place, list[Edge]]:
    found: dict[Place, list[Edge]] = {}
    for edge in edges:
        found.setdefault(edge.target if backwards else edge.source, []).append(edge)
    return found


def _key(place: Place) -> tuple[int, str]:
    return _ORDER[place.kind], place.name


def _properties(recipe: Recipe) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()

    def visit(node: Node, event: str, inside: str) -> None:
        match node:
            case Aggregate() | EventFilter():
                event, inside = node.event, ""
            case AnyLine():
                inside = f"{node.list}."
            case Property() if event:
                found.add((event, inside + ".".join(node.path)))
            case _:
                pass
        for child in children(node):
            visit(child, event, inside)

    for question in recipe.questions.values():
        visit(question, "", "")
    return found
