"""Queries put together once for all examples of a property: every example asks the same of other people."""

from collections.abc import Callable
from typing import Any

import pytest
from rules.evaluate.tables import Tables, exact


class KeptQueries:
    """Relations by what they are asked for (equal questions in an equal setting), and their SQL."""

    def __init__(self) -> None:
        self._schemas: list[Any] = []
        self._relations: dict[Any, Any] = {}
        self._texts: dict[Any, Any] = {}

    def put_in_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        columns, groups = Tables.columns, Tables.groups
        monkeypatch.setattr(
            Tables,
            "columns",
            lambda tables, questions, population: self._relation(
                tables, (tuple(questions.items()), population), lambda: columns(tables, questions, population)
            ),
        )
        monkeypatch.setattr(
            Tables,
            "groups",
            lambda tables, grouped, population: self._relation(
                tables, (grouped, population), lambda: groups(tables, grouped, population)
            ),
        )
        sql, definitions = exact.sql, exact.definitions
        monkeypatch.setattr(
            exact, "sql", lambda relation, *, pretty=True: self._text(sql, relation, pretty=pretty)
        )
        monkeypatch.setattr(exact, "definitions", lambda relation: self._text(definitions, relation))

    def _relation(self, tables: Tables, asked: Any, build: Callable[[], Any]) -> Any:
        setting = tables._setting
        key = (self._number(setting.schema), setting.as_of, setting.calendar, asked)
        if key not in self._relations:
            self._relations[key] = build()
        return self._relations[key]

    def _number(self, schema: Any) -> int:
        if schema not in self._schemas:
            self._schemas.append(schema)
        return self._schemas.index(schema)

    def _text(self, write: Callable[..., Any], relation: Any, **options: Any) -> Any:
        key = (write, relation.op(), *options.items())
        if key not in self._texts:
            self._texts[key] = write(relation, **options)
        return self._texts[key]
