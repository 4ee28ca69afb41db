"""The process that runs one query: `python -m tagging.store.query_child`, a job on its standard input, the answer on
its standard output. It ends with whoever started it.

The job is JSON: path, query, tables, zone, base, multi_valued, memory_megabytes, timeout_seconds, persons; without
persons the query is only looked at, over tables without rows. The answer is a line of JSON, {"reason", "detail"} or {},
and without a reason, where the query ran, an Arrow stream of person_id and value after it.
"""

import ctypes
import io
import json
import re
import resource
import signal
import sys
from typing import Any

from tagging.domain.run_failures import ColumnFailed, Failure, FailureReason
from tagging.store.query_rules import require_allowed

SURROUNDING_MEGABYTES = 1_536
"""Address space of the interpreter and its libraries, beside what the query may use."""
PARENT_DEATH_SIGNAL = 1
MAX_TOLD_CHARACTERS = 300
"""Of what the engine says."""
INTEGERS = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
)
_NAMED = re.compile(r"""(?:column (?:named )?"|with name |types ')(\w+)""")
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_TYPES = {
    "bool": ("BOOLEAN", "BOOLEAN"),
    "number": (
        "DECIMAL(18, 4)",
        "a whole number or DECIMAL with at most four decimals: round a fraction by CAST(... AS DECIMAL(18, 4))",
    ),
    "text": ("VARCHAR", "VARCHAR"),
    "date": ("DATE", "DATE"),
    "datetime": ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"),
}
_REASONS = {
    "OutOfMemoryException": (
        FailureReason.SQL_MEMORY_EXCEEDED,
        "it needs more memory than memory_megabytes allows",
    ),
    "PermissionException": (FailureReason.SQL_FORBIDDEN, "it reaches for what is not its own"),
    "ParserException": (FailureReason.SQL_MALFORMED, "the parser does not understand it"),
    "SyntaxException": (FailureReason.SQL_MALFORMED, "the parser does not understand it"),
    "BinderException": (
        FailureReason.SQL_INPUT_UNKNOWN,
        "it names a column or function that there is not, or uses one with types that do not fit",
    ),
    "CatalogException": (
        FailureReason.SQL_INPUT_UNKNOWN,
        "it names a table, function or type that there is not",
    ),
    "ConversionException": (FailureReason.SQL_FAILED, "a value does not fit a cast: use TRY_CAST"),
    "OutOfRangeException": (
        FailureReason.SQL_FAILED,
        "a number leaves the range of its type: widen it by a CAST",
    ),
}


def main() -> int:
    job = json.loads(sys.stdin.buffer.read())
    _confine(job)
    sys.stdout.buffer.write(answered(job))
    sys.stdout.buffer.flush()
    return 0


def answered(job: Any) -> bytes:
    """What the process says, whatever becomes of the query."""
    try:
        table = _answer(job)
    except ColumnFailed as error:
        return _said(error.failure)
    except MemoryError:
        return _said(Failure(*_REASONS["OutOfMemoryException"]))
    except Exception as error:
        return _said(_told(error, job["query"], has_rows=job["persons"] is not None))
    if table is None:
        return b"{}\n"
    import pyarrow as pa

    out = io.BytesIO(b"{}\n")
    out.seek(0, io.SEEK_END)
    with pa.ipc.new_stream(out, table.schema) as stream:
        stream.write_table(table)
    return out.getvalue()


def _answer(job: Any) -> Any:
    """A table of person_id and value; None when the query was only looked at."""
    import duckdb

    duck = duckdb.connect(
        job["path"],
        read_only=True,
        config={
            "threads": "1",
            "memory_limit": f"{job['memory_megabytes']}MB",
            "temp_directory": "",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )
    duck.execute(f"SET TimeZone = '{job['zone']}'")
    duck.execute("SET enable_external_access = false")
    duck.execute("SET lock_configuration = true")
    tree = json.loads(_one(duck, "SELECT json_serialize_sql(?)", job["query"]))
    if tree.get("error"):
        raise _unparsed(tree, job["query"])
    require_allowed(tree, {(schema, name) for schema, name in job["tables"]})
    plain = _one(duck, "SELECT json_deserialize_sql(?)", json.dumps(tree))
    described = duck.execute(f"DESCRIBE {plain}").fetchall()
    _require_columns([(row[0], row[1]) for row in described], job["base"], multi_valued=job["multi_valued"])
    if job["persons"] is None:
        return None
    value = _converted(job["base"], multi_valued=job["multi_valued"])
    wrapped = (
        f"SELECT CAST(person_id AS BIGINT) AS person_id, {value} AS value "  # noqa: S608  # checked above
        f"FROM ({plain.rstrip(';')}) LIMIT {job['persons'] + 1}"
    )
    return duck.sql(wrapped).to_arrow_table()


def _one(duck: Any, sql: str, parameter: str) -> str:
    ((found,),) = duck.execute(sql, [parameter]).fetchall()
    return str(found)


def _unparsed(tree: Any, query: str) -> ColumnFailed:
    if tree.get("error_type") == "not implemented":
        detail = "it is no SELECT: what writes, attaches, copies, installs or sets is refused"
        return ColumnFailed(FailureReason.SQL_FORBIDDEN, detail)
    position = str(tree.get("position", ""))
    where = f" at {_place(query, int(position))}" if position.isdigit() else ""
    return ColumnFailed(FailureReason.SQL_MALFORMED, f"the parser does not understand it{where}")


def _place(query: str, position: int) -> str:
    """Line and column of a place, which is in bytes."""
    before = query.encode()[:position].decode(errors="ignore")
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"


def _require_columns(columns: list[tuple[str, str]], base: str, *, multi_valued: bool) -> None:
    names = [name for name, _ in columns]
    if names != ["person_id", "value"]:
        raise _malformed(f"it gives the columns {', '.join(names)[:200]}: say exactly person_id and value")
    given = dict(columns)
    if given["person_id"] not in INTEGERS:
        raise _malformed(f"person_id is {given['person_id'][:100]}, it must be a whole number")
    element = given["value"]
    wanted, told = _TYPES[base]
    if multi_valued != element.endswith("[]"):
        raise _malformed(f"value is {'not ' if multi_valued else ''}a list")
    element = element.removesuffix("[]")
    decimal = _DECIMAL.fullmatch(element)
    fits = element == wanted
    if base == "number":
        fits = element in INTEGERS or (decimal is not None and int(decimal[2]) <= 4)
    if not fits:
        raise _malformed(f"value is {element[:100]}, the tag needs {told}")


def _converted(base: str, *, multi_valued: bool) -> str:
    """Numbers as 64-bit integers scaled by 10^4, exact."""
    if base != "number":
        return "value"
    if multi_valued:
        return f"[{_scaled('x')} FOR x IN value]"
    return _scaled("value")


def _scaled(place: str) -> str:
    return f"CAST(CAST({place} AS DECIMAL(19, 4)) * CAST(10000 AS DECIMAL(5, 0)) AS BIGINT)"


def _malformed(detail: str) -> ColumnFailed:
    return ColumnFailed(FailureReason.SQL_RESULT_MALFORMED, detail)


def _told(error: Exception, query: str, *, has_rows: bool) -> Failure:
    """What the engine says may name data: of it only names are told that stand in the query, too. Without rows, all of
    its first line."""
    reason, detail = _REASONS.get(
        type(error).__name__, (FailureReason.SQL_FAILED, f"it failed over the data ({type(error).__name__})")
    )
    if reason is FailureReason.SQL_INPUT_UNKNOWN:
        named = next((each for each in _NAMED.findall(str(error)) if _stands_in(each, query)), "")
        detail += f": look at {named!r}" if named else ""
    if not has_rows:
        detail += f" ({str(error).partition(chr(10))[0][:MAX_TOLD_CHARACTERS]})"
    return Failure(reason, detail)


def _stands_in(name: str, query: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", query) is not None


def _said(failure: Failure) -> bytes:
    return json.dumps({"reason": int(failure.reason), "detail": failure.detail}).encode() + b"\n"


def _confine(job: Any) -> None:
    """No file can grow, no core is left, time and address space are bounded, and it dies with its parent."""
    ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    seconds = job["timeout_seconds"] + 5
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    space = (job["memory_megabytes"] + SURROUNDING_MEGABYTES) * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (space, space))


if __name__ == "__main__":
    sys.exit(main())
