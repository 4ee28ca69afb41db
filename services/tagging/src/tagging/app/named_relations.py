"""A snapshot's relations under the names that the tables evaluator asks for."""

from typing import Any

from tagging.app.columns_in_force import ColumnPlan


def name_persons(duck: Any) -> None:
    """Views of the populations."""
    for population, condition in (("all", "TRUE"), ("known", "state > 1"), ("member", "state = 3")):
        duck.execute(
            f'CREATE TEMP VIEW "persons.{population}" AS '  # noqa: S608  # fixed names
            f"SELECT person_id FROM persons WHERE {condition}"
        )


def name_relations(duck: Any, plan: ColumnPlan) -> None:
    """Views of what there is of events and reference tables."""
    present = {
        row[0] for row in duck.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    }
    present |= {row[0] for row in duck.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    for prefix, names in (("events", plan.schema.names("event")), ("reference", plan.schema.names("table"))):
        for name in names:
            if f"{prefix}_{name}" in present:
                duck.execute(f'CREATE TEMP VIEW "{prefix}.{name}" AS SELECT * FROM "{prefix}_{name}"')  # noqa: S608
