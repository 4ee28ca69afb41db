"""Declared properties as SQL over `extra`, the JSON in which events keep what the suite's dictionary does not know.

Each expression gives what `Dictionary.as_read` gives: the value when it is of the declared type, else null.
"""

from rules.schema import PropertyType
from rules.values import Kind, ValueType

_INTEGERS = "('BIGINT', 'UBIGINT')"
"""How DuckDB calls whole numbers in JSON."""


def expression(property_: PropertyType) -> str:
    """The value of a property, of the type that `rules.evaluate.tables` documents. Names are of a-z, 0-9 and _."""
    path = f"'$.\"{property_.name}\"'"
    if property_.type.kind is Kind.LIST:
        return _list(property_.type, path)
    match property_.type.kind:
        case Kind.BOOL:
            return _when(path, "= 'BOOLEAN'", f"CAST(extra ->> {path} AS BOOLEAN)")
        case Kind.NUMBER:
            return _when(path, f"IN {_INTEGERS}", f"CAST(extra ->> {path} AS BIGINT)")
        case Kind.TEXT:
            return _when(path, "= 'VARCHAR'", f"extra ->> {path}")
        case Kind.DATE:
            days = f'\'$."{property_.name}"."$d"\''
            return _when(
                days, f"IN {_INTEGERS}", f"DATE '1970-01-01' + CAST(extra ->> {days} AS INTEGER)", "DATE"
            )
        case Kind.DATETIME:
            moment = f'\'$."{property_.name}"."$t"\''
            return _when(moment, f"IN {_INTEGERS}", f"make_timestamptz(CAST(extra ->> {moment} AS BIGINT))")
        case kind:
            raise TypeError(f"a {kind} is not declared")


def _when(path: str, is_of: str, value: str, type_: str = "") -> str:
    told = f"CAST({value} AS {type_})" if type_ else value
    return f"CASE WHEN json_type(extra, {path}) {is_of} THEN {told} END"


def _list(type_: ValueType, path: str) -> str:
    is_number = type_.element is Kind.NUMBER
    wanted, cast = (_INTEGERS, "BIGINT") if is_number else ("('VARCHAR')", "VARCHAR")
    elements = f"CAST(json_extract(extra, {path}) AS JSON[])"
    others = f"len(list_filter({elements}, lambda x: json_type(x) NOT IN {wanted}))"
    read = f"list_transform({elements}, lambda x: CAST(x ->> '$' AS {cast}))"
    return f"CASE WHEN json_type(extra, {path}) = 'ARRAY' THEN CASE WHEN {others} = 0 THEN {read} END END"
