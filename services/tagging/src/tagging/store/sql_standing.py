"""Columns that stand, over the table `standing_column`."""

from collections.abc import Collection, Mapping

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection
from tagging.domain.columns import microseconds, moment_of
from tagging.domain.standing import Standing
from tagging.store.sql_lists import pieces

_CLAIM = (
    "INSERT INTO standing_column (tenant, column_name, digest, as_of_us, rests_on, claimed_by) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, column_name) DO UPDATE SET digest = excluded.digest, "
    "as_of_us = excluded.as_of_us, rests_on = excluded.rests_on, claimed_by = excluded.claimed_by"
)


class SqlStandingColumns:
    """StandingColumns; a row that nothing claims stands."""

    def all(self, connection: Connection, tenant: str) -> dict[str, Standing]:
        rows = execute(
            connection,
            "SELECT column_name, digest, as_of_us, rests_on FROM standing_column "
            "WHERE tenant = ? AND claimed_by = ''",
            (tenant,),
        )
        return {row[0]: Standing(row[1], moment_of(row[2]), frozenset(row[3].split())) for row in rows}

    def claim(
        self, connection: Connection, tenant: str, computation_id: str, columns: Mapping[str, Standing]
    ) -> None:
        execute_many(
            connection,
            _CLAIM,
            [
                (
                    tenant,
                    column,
                    each.digest,
                    microseconds(each.as_of),
                    " ".join(sorted(each.rests_on)),
                    computation_id,
                )
                for column, each in sorted(columns.items())
            ],
        )

    def release(
        self, connection: Connection, tenant: str, computation_id: str, columns: Collection[str]
    ) -> None:
        for piece, marks in pieces(columns):
            execute(
                connection,
                "UPDATE standing_column SET claimed_by = '' "
                f"WHERE tenant = ? AND claimed_by = ? AND column_name IN ({marks})",
                (tenant, computation_id, *piece),
            )

    def fall(self, connection: Connection, tenant: str, columns: Collection[str]) -> None:
        for piece, marks in pieces(columns):
            execute(
                connection,
                f"DELETE FROM standing_column WHERE tenant = ? AND column_name IN ({marks})",
                (tenant, *piece),
            )


def fall_with(connection: Connection, tenant: str, column: str) -> None:
    """A column whose values go falls, and with it those that read it."""
    rows = execute(
        connection,
        "SELECT column_name, rests_on FROM standing_column WHERE tenant = ? AND (column_name = ? OR rests_on <> '')",
        (tenant, column),
    )
    fallen = [row[0] for row in rows if row[0] == column or column in row[1].split()]
    SqlStandingColumns().fall(connection, tenant, fallen)
