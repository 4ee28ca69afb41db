"""Which files hold the values of each block: the table `value_block`; and which are replaced: `retired_file`."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection
from tagging.store.blocks import files_of
from tagging.store.sql_lists import pieces

_PUT = (
    "INSERT INTO value_block (tenant, column_name, block, file, known_count, as_of_us) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, column_name, block) "
    "DO UPDATE SET file = excluded.file, known_count = excluded.known_count, as_of_us = excluded.as_of_us"
)
_STAND = (
    "INSERT INTO value_block (tenant, column_name, block, file, known_count, as_of_us) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, column_name, block) "
    "DO UPDATE SET as_of_us = excluded.as_of_us"
)


class NamedBlock(NamedTuple):
    """`files`: bottom up, apart by blanks; "" for a block without a known value. `known_count`: of what they hold."""

    files: str
    known_count: int
    as_of_us: int


NOTHING = NamedBlock("", 0, 0)


def named(connection: Connection, tenant: str, column: str, block: int) -> NamedBlock | None:
    """None for a block that was never published."""
    row = execute(
        connection,
        "SELECT file, known_count, as_of_us FROM value_block WHERE tenant = ? AND column_name = ? AND block = ?",
        (tenant, column, block),
    ).one_or_none()
    return None if row is None else NamedBlock(*row)


def of_column(connection: Connection, tenant: str, column: str) -> dict[int, NamedBlock]:
    """All of a column."""
    rows = execute(
        connection,
        "SELECT block, file, known_count, as_of_us FROM value_block WHERE tenant = ? AND column_name = ?",
        (tenant, column),
    )
    return {row[0]: NamedBlock(*row[1:]) for row in rows}


def of_columns(
    connection: Connection, tenant: str, columns: Collection[str], blocks: Collection[int]
) -> dict[tuple[str, int], NamedBlock]:
    """Both are named: without the columns the engine would go over every block of the tenant."""
    found: dict[tuple[str, int], NamedBlock] = {}
    for names, name_marks in pieces(columns):
        for piece, marks in pieces(blocks):
            rows = execute(
                connection,
                f"SELECT column_name, block, file, known_count, as_of_us FROM value_block "
                f"WHERE tenant = ? AND column_name IN ({name_marks}) AND block IN ({marks})",
                (tenant, *names, *piece),
            )
            found |= {(row[0], row[1]): NamedBlock(*row[2:]) for row in rows}
    return found


def overlaid(connection: Connection, tenant: str, at_least: int, limit: int) -> list[tuple[str, int]]:
    """(column, block) of those with so many files lying over each other, at most `limit`."""
    rows = execute(
        connection,
        "SELECT column_name, block FROM value_block WHERE tenant = ? "
        "AND length(file) - length(replace(file, ' ', '')) >= ? ORDER BY column_name, block LIMIT ?",
        (tenant, at_least, limit),
    )
    return [(row[0], row[1]) for row in rows]


def with_overlays(connection: Connection, tenant: str, limit: int) -> list[tuple[str, int]]:
    """(column, block) of those that have any, at most `limit`."""
    rows = execute(
        connection,
        "SELECT column_name, block FROM value_block WHERE tenant = ? AND file LIKE ? "
        "ORDER BY column_name, block LIMIT ?",
        (tenant, "%@%", limit),
    )
    return [(row[0], row[1]) for row in rows]


def put(connection: Connection, tenant: str, column: str, blocks: Iterable[tuple[int, NamedBlock]]) -> None:
    """Names the files of blocks; see `retire_unnamed`."""
    execute_many(connection, _PUT, [(tenant, column, block, *each) for block, each in blocks])


def stand(connection: Connection, tenant: str, column: str, blocks: Iterable[int], as_of_us: int) -> None:
    """Blocks stay as they are and hold at a new moment."""
    execute_many(connection, _STAND, [(tenant, column, block, "", 0, as_of_us) for block in blocks])


def stands(connection: Connection, tenant: str, column: str, block: int, as_of_us: int) -> bool:
    """As `stand`; false, and nothing done, when the block was never published."""
    moved = execute(
        connection,
        "UPDATE value_block SET as_of_us = ? WHERE tenant = ? AND column_name = ? AND block = ?",
        (as_of_us, tenant, column, block),
    )
    return moved.rowcount > 0


def delete(connection: Connection, tenant: str, column: str, machine_ms: int) -> None:
    """The column's blocks; their files are retired."""
    rows = execute(
        connection,
        "DELETE FROM value_block WHERE tenant = ? AND column_name = ? RETURNING file",
        (tenant, column),
    ).all()
    retire(connection, {file for row in rows for file in files_of(row[0])}, machine_ms)


def retire_unnamed(
    connection: Connection, tenant: str, column: str, replaced: Iterable[str], machine_ms: int
) -> None:
    """Retires the files that blocks of a column had and that no block of it has any more: overlays share theirs."""
    rows = execute(
        connection, "SELECT file FROM value_block WHERE tenant = ? AND column_name = ?", (tenant, column)
    )
    named = {file for row in rows for file in files_of(row[0])}
    retire(connection, {file for each in replaced for file in files_of(each)} - named, machine_ms)


def retire(connection: Connection, files: Iterable[str], machine_ms: int) -> None:
    """They are removed later, for who reads an older snapshot."""
    execute_many(
        connection,
        "INSERT INTO retired_file (file, machine_time_ms) VALUES (?, ?) ON CONFLICT (file) DO NOTHING",
        [(file, machine_ms) for file in sorted(files)],
    )


def recall(connection: Connection, files: Iterable[str]) -> None:
    """Files that are named again stay: overlays of some blocks may be gone before those of others are named."""
    execute_many(
        connection, "DELETE FROM retired_file WHERE file = ?", [(each,) for each in sorted({*files})]
    )


def take_retired(connection: Connection, before_machine_time_ms: int) -> list[str]:
    """Forgets the files that were retired before then."""
    rows = execute(
        connection,
        "DELETE FROM retired_file WHERE machine_time_ms < ? RETURNING file",
        (before_machine_time_ms,),
    ).all()
    return [row[0] for row in rows]


def known_files(connection: Connection) -> set[str]:
    """All that anything names."""
    rows = execute(connection, "SELECT file FROM value_block UNION SELECT file FROM retired_file")
    return {file for row in rows for file in files_of(row[0])}
