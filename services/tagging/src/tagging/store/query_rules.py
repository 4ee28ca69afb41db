"""What a query may say, by its syntax tree as DuckDB serialises it."""

from collections.abc import Collection, Iterator
from typing import Any

from tagging.domain.run_failures import ColumnFailed, FailureReason

TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest"})
CLOCKS = frozenset(
    {
        "current_date",
        "current_localtime",
        "current_localtimestamp",
        "current_time",
        "current_timestamp",
        "get_current_time",
        "get_current_timestamp",
        "localtime",
        "localtimestamp",
        "now",
        "today",
        "transaction_timestamp",
    }
)
CHANCE = frozenset({"gen_random_uuid", "random", "setseed", "uuid", "uuidv4", "uuidv7"})
SURROUNDINGS = frozenset(
    {
        "current_catalog",
        "current_database",
        "current_query",
        "current_role",
        "current_schema",
        "current_schemas",
        "current_setting",
        "current_user",
        "currval",
        "error",
        "getenv",
        "getvariable",
        "in_search_path",
        "nextval",
        "query",
        "query_table",
        "session_user",
        "user",
        "version",
        "write_log",
    }
)
_PREFIXES = ("pg_", "duckdb_", "pragma_", "read_", "parquet_", "txid_", "http_", "has_")


def require_allowed(tree: Any, tables: Collection[tuple[str, str]]) -> None:
    """`tables`: (schema, name) of what may be read. Raises ColumnFailed for the first thing that is not allowed."""
    if len(tree["statements"]) != 1:
        raise _refused(
            FailureReason.SQL_MALFORMED, "it holds more than one statement: say exactly one SELECT"
        )
    nodes = list(_nodes(tree))
    named = {each["key"].lower() for node in nodes for each in _entries(node)}
    for node in nodes:
        match node.get("type"):
            case "BASE_TABLE":
                _require_table(node, tables, named)
            case "TABLE_FUNCTION":
                name = str(node["function"]["function_name"]).lower()
                if name not in TABLE_FUNCTIONS:
                    raise _forbidden(f"it reads by {name}(): only what the query may name can be read")
            case "SHOW_REF":
                raise _forbidden("it describes or shows tables")
            case "COLUMN_REF":
                _require_no_clock(node)
        if node.get("class") == "FUNCTION":
            _require_function(str(node.get("function_name", "")).lower())
        if node.get("sample"):
            raise _forbidden("it samples by chance: choose persons by a hash of person_id")


def _require_table(node: Any, tables: Collection[tuple[str, str]], named: set[str]) -> None:
    catalog, schema, name = (
        str(node.get(each) or "") for each in ("catalog_name", "schema_name", "table_name")
    )
    if not catalog and not schema and name.lower() in named:
        return
    if not catalog and (schema.lower() or "main", name.lower()) in tables:
        return
    if any(each in name for each in "./:*") or catalog:
        raise _forbidden(
            "it reads a file or an address: only events, tags, reference, persons and moment are there"
        )
    where = f"{schema}.{name}" if schema else name
    raise _refused(
        FailureReason.SQL_INPUT_UNKNOWN,
        f"there is no table {where}: events.<type>, tags.<tag_id>, reference.<table>, persons and moment are there",
    )


def _require_no_clock(node: Any) -> None:
    names = [str(each).lower() for each in node.get("column_names", ())]
    if len(names) == 1 and names[0] in CLOCKS:
        raise _forbidden("it asks the machine's clock: take as_of or day of the table moment")


def _require_function(name: str) -> None:
    if name in CLOCKS:
        raise _forbidden(f"it asks the machine's clock by {name}(): take as_of or day of the table moment")
    if name in CHANCE:
        raise _forbidden(f"it asks chance by {name}(): a value is a function of the facts")
    if name in SURROUNDINGS or name.startswith(_PREFIXES):
        raise _forbidden(f"it asks its surroundings by {name}()")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for each in tree.values():
            yield from _nodes(each)
    elif isinstance(tree, list):
        for each in tree:
            yield from _nodes(each)


def _entries(node: dict[str, Any]) -> list[Any]:
    """The queries that WITH names."""
    found = node.get("cte_map")
    return found["map"] if isinstance(found, dict) else []


def _forbidden(detail: str) -> ColumnFailed:
    return _refused(FailureReason.SQL_FORBIDDEN, detail)


def _refused(reason: FailureReason, detail: str) -> ColumnFailed:
    return ColumnFailed(reason, detail)
