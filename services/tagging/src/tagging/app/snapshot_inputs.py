"""What columns rest on beside events: attributes, statements, and values that are stored."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from rules.evaluate.meaning import Value
from rules.values import Kind
from sqlalchemy import Connection
from tagging.app.evaluate_persons import of_shape
from tagging.domain.columns import Ints, Shape, Vector
from tagging.domain.definition import AttributeKind, TagDefinition
from tagging.domain.recipe import Recipe
from tagging.domain.stated import Statement
from tagging.store.ports import FactStores
from tagging.store.tag_ports import TagStores

PAGE = 20_000
"""Persons whose attributes are read at a time."""
Read = Callable[..., Any]
"""(a method of a store that takes a connection, its further arguments) -> what it answers."""


class SnapshotInputs:
    """Of everybody, or of some. Each is read when it is asked for, by `read`: as of later than the snapshot, unless
    that is its transaction. Whom facts concern in between is touched, and computed once more by who computes everybody.
    """

    def __init__(
        self, read: Read, facts: FactStores, tags: TagStores, tenant: str, person_ids: Ints | None = None
    ) -> None:
        """`person_ids`: ascending; None is everybody."""
        self._read = read
        self._facts = facts
        self._tags = tags
        self._tenant = tenant
        self._person_ids = person_ids

    def among(self, person_ids: Ints) -> "SnapshotInputs":
        """Of these alone, ascending."""
        return SnapshotInputs(self._read, self._facts, self._tags, self._tenant, person_ids)

    def column(self, column: str) -> tuple[Ints, Vector] | None:
        """What is stored of a column: who has a value, ascending, and the values. None for one without values."""
        found: tuple[Ints, Vector] | None = self._read(self._open, column)
        return found

    def tag(self, definition: TagDefinition) -> tuple[Shape, Ints, Vector]:
        """As `column`, with the shape; of a tag that never had any, nobody."""
        shape: Shape | None = self._read(self._shape, definition.tag_id)
        found = self.column(definition.tag_id)
        if shape is not None and found is not None:
            return shape, *found
        said = Shape(definition.value_type.base, definition.value_type.multi_valued)
        return said, np.empty(0, np.int64), Vector.of([], said)

    def stated(self, tag_id: str) -> Mapping[int, Statement]:
        """What is stated of everybody, by person."""
        found: Mapping[int, Statement] = self._read(self._tags.stated.of_everybody, self._tenant, tag_id)
        return found

    def attributes(self, recipes: Sequence[Recipe]) -> dict[str, tuple[Ints, Vector]]:
        """By column of an attribute tag, who has any attribute, ascending, and their values, as narrow as they are. One
        pass over the persons, whatever is asked for."""
        copied = [(each, each.kind.attribute) for each in recipes if isinstance(each.kind, AttributeKind)]
        persons, values = self._read(self._collect, copied)
        return {recipe.column: (persons, each) for (recipe, _), each in zip(copied, values, strict=True)}

    def _collect(
        self, connection: Connection, copied: Sequence[tuple[Recipe, str]]
    ) -> tuple[Ints, list[Vector]]:
        persons: list[Ints] = [np.empty(0, np.int64)]
        parts = [[Vector.unknown(0, recipe.shape).narrowed()] for recipe, _ in copied]
        alike: list[dict[Value, Value]] = [{} for _ in copied]
        for page in self._pages(connection):
            persons.append(np.array([person_id for person_id, _ in page], np.int64))
            for (recipe, name), column, once in zip(copied, parts, alike, strict=True):
                found = (said.get(name) for _, said in page)
                values = [None if each is None else of_shape(each, recipe.shape) for each in found]
                if recipe.shape.base is Kind.TEXT:  # a text that many have is held once
                    values = [each if each is None else once.setdefault(each, each) for each in values]
                column.append(Vector.of(values, recipe.shape).narrowed())
        return np.concatenate(persons), [Vector.joined(each) for each in parts]

    def _pages(self, connection: Connection) -> Iterator[list[tuple[int, Mapping[str, Value]]]]:
        """Who has attributes, in order."""
        key_map, after = self._facts.key_map, 0
        if self._person_ids is not None:
            for start in range(0, len(self._person_ids), PAGE):
                ids = self._person_ids[start : start + PAGE].tolist()
                yield key_map.attributes_of(connection, self._tenant, ids)
            return
        while page := key_map.attributes(connection, self._tenant, after, PAGE):
            yield page
            after = page[-1][0]

    def _shape(self, connection: Connection, column: str) -> Shape | None:
        return self._tags.values.columns(connection, self._tenant).get(column)

    def _open(self, connection: Connection, column: str) -> tuple[Ints, Vector] | None:
        if self._shape(connection, column) is None:
            return None
        return self._tags.values.open_column(connection, self._tenant, column, self._person_ids)
