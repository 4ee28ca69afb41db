"""Dictionaries of text columns: every text has one code, dense from 0, never reused."""

from collections.abc import Collection

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection
from tagging.store.sql_lists import pieces

WHOLE_ABOVE = 2_000
"""More texts or codes than this are looked up by reading the whole dictionary."""


def codes_of(connection: Connection, tenant: str, column: str, texts: Collection[str]) -> dict[str, int]:
    """The code of each text; a new text gets the next one. The caller holds the tenant's lock."""
    found = _known_codes(connection, tenant, column, texts)
    new = sorted(each for each in texts if each not in found)
    if new:
        start = _one(
            connection,
            "SELECT coalesce(max(code) + 1, 0) FROM value_text WHERE tenant = ? AND column_name = ?",
            tenant,
            column,
        )
        found |= {text: start + index for index, text in enumerate(new)}
        execute_many(
            connection,
            "INSERT INTO value_text (tenant, column_name, code, text, sent) VALUES (?, ?, ?, ?, ?)",
            [(tenant, column, found[text], text, False) for text in new],
        )
    return found


def texts_of(connection: Connection, tenant: str, column: str, codes: Collection[int]) -> dict[int, str]:
    """The texts of codes, or of more."""
    if len(codes) > WHOLE_ABOVE:
        return whole(connection, tenant, column)
    found: dict[int, str] = {}
    for piece, marks in pieces(codes):
        rows = execute(
            connection,
            f"SELECT code, text FROM value_text WHERE tenant = ? AND column_name = ? AND code IN ({marks})",
            (tenant, column, *piece),
        )
        found |= {row[0]: row[1] for row in rows}
    return found


def whole(connection: Connection, tenant: str, column: str) -> dict[int, str]:
    rows = execute(
        connection,
        "SELECT code, text FROM value_text WHERE tenant = ? AND column_name = ? ORDER BY code",
        (tenant, column),
    )
    return {row[0]: row[1] for row in rows}


def take_unsent(connection: Connection, tenant: str, column: str, codes: Collection[int]) -> dict[int, str]:
    """The texts of those codes that no packed entry has told; from now on they count as told."""
    rows = execute(
        connection,
        "SELECT code, text FROM value_text WHERE tenant = ? AND column_name = ? AND sent = ?",
        (tenant, column, False),
    )
    wanted = set(codes)
    found = {row[0]: row[1] for row in rows if row[0] in wanted}
    execute_many(
        connection,
        "UPDATE value_text SET sent = ? WHERE tenant = ? AND column_name = ? AND code = ?",
        [(True, tenant, column, code) for code in sorted(found)],
    )
    return found


def _known_codes(connection: Connection, tenant: str, column: str, texts: Collection[str]) -> dict[str, int]:
    if len(texts) > WHOLE_ABOVE:
        wanted = set(texts)
        everything = whole(connection, tenant, column)
        return {text: code for code, text in everything.items() if text in wanted}
    found: dict[str, int] = {}
    for piece, marks in pieces(texts):
        rows = execute(
            connection,
            f"SELECT text, code FROM value_text WHERE tenant = ? AND column_name = ? AND text IN ({marks})",
            (tenant, column, *piece),
        )
        found |= {row[0]: row[1] for row in rows}
    return found


def _one(connection: Connection, sql: str, *parameters: object) -> int:
    return int(execute(connection, sql, parameters).scalar_one())
