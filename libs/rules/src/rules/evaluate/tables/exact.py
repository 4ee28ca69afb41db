"""Exact arithmetic in the engine: fixed text macros, called from Ibis as functions of the engine.

DuckDB adds int64 up in 128 bits; the macros multiply and divide in 128 bits, round half to even and fail on
what does not fit in int64. Ibis itself would divide in binary floating point. A macro's argument is copied
to each of its uses, so a lambda names it: nested divisions would otherwise grow sixfold at each level.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import blake2s
from typing import TYPE_CHECKING, Any

from rules.errors import NumberOverflow

if TYPE_CHECKING:
    import duckdb
    import ibis.expr.types as ir
    import pyarrow as pa

_MACROS = """
CREATE OR REPLACE TEMP MACRO rules_int64(a) AS CAST(a AS BIGINT);
CREATE OR REPLACE TEMP MACRO rules_floor_divide(a, b) AS
    CAST((a::HUGEINT + 5000000000000000000 // b * b) // b - 5000000000000000000 // b AS BIGINT);
CREATE OR REPLACE TEMP MACRO rules_floor_divide_128(a, b) AS (a - ((a % b) + b) % b) // b;
CREATE OR REPLACE TEMP MACRO rules_round(quotient, rest, b) AS CAST(
    quotient + CASE
        WHEN 2 * rest > b OR (2 * rest = b AND quotient % 2 <> 0) THEN 1
        ELSE 0
    END AS BIGINT);
CREATE OR REPLACE TEMP MACRO rules_half_even_positive(a, b) AS rules_round(
    rules_floor_divide_128(a, b), ((a % b) + b) % b, b);
CREATE OR REPLACE TEMP MACRO rules_half_even(a, b) AS list_transform(
    [{'n': a::HUGEINT, 'd': b::HUGEINT}],
    LAMBDA pair : rules_half_even_positive(pair.n * sign(pair.d), NULLIF(abs(pair.d), 0)))[1];
CREATE OR REPLACE TEMP MACRO rules_add(a, b) AS rules_int64(a::HUGEINT + b::HUGEINT);
CREATE OR REPLACE TEMP MACRO rules_subtract(a, b) AS rules_int64(a::HUGEINT - b::HUGEINT);
CREATE OR REPLACE TEMP MACRO rules_product_128(a, b) AS a::HUGEINT * b;
CREATE OR REPLACE TEMP MACRO rules_multiply(a, b) AS rules_half_even(a::HUGEINT * b::HUGEINT, 10000);
CREATE OR REPLACE TEMP MACRO rules_divide(a, b) AS rules_half_even(a::HUGEINT * 10000, b);
CREATE OR REPLACE TEMP MACRO rules_longest_run(numbers) AS CAST(list_max(map_values(list_aggregate(
    list_transform(list_sort(list_distinct(numbers)), LAMBDA x, i : x - i), 'histogram'))) AS BIGINT);
CREATE OR REPLACE TEMP MACRO rules_chain(stretch, start) AS
    stretch::HUGEINT * 18446744073709551616 + (start::HUGEINT + 9223372036854775808);
CREATE OR REPLACE TEMP MACRO rules_chain_stretch(chain) AS CAST(chain // 18446744073709551616 AS BIGINT);
CREATE OR REPLACE TEMP MACRO rules_chain_start(chain) AS
    CAST(chain % 18446744073709551616 - 9223372036854775808 AS BIGINT);
CREATE OR REPLACE TEMP MACRO rules_mixed(a, shift, factor) AS list_transform(
    [a], LAMBDA x : ((xor(x, x >> shift)::UHUGEINT * factor::UHUGEINT) % 18446744073709551616)::UBIGINT)[1];
CREATE OR REPLACE TEMP MACRO rules_folded(a, shift) AS list_transform([a], LAMBDA x : xor(x, x >> shift))[1];
CREATE OR REPLACE TEMP MACRO rules_sample_hash(birth_hash, seed) AS rules_folded(rules_mixed(rules_mixed(
    xor(birth_hash, seed::UBIGINT), 30, 13787848793156543929), 27, 10723151780598845931), 31);
CREATE OR REPLACE TEMP MACRO rules_day_number(day) AS day - DATE '1970-01-01';
CREATE OR REPLACE TEMP MACRO rules_day(number) AS DATE '1970-01-01' + number::INTEGER;
"""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A relation as text: what is asked again of other data need not be compiled again."""

    definitions: frozenset[str]
    text: str


def compiled(relation: "ir.Table") -> Compiled:
    """The relation for one connection or many."""
    return Compiled(frozenset(definitions(relation)), sql(relation, pretty=False))


class DuckDb:
    """A DuckDB connection that runs the relations of `Tables`. Not for concurrent use: one per thread.

    Sets the connection's time zone to UTC and installs the macros, for this connection only.
    """

    def __init__(self, connection: "duckdb.DuckDBPyConnection") -> None:
        self._connection = connection
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(_MACROS)

    def collect(self, relation: "ir.Table | Compiled") -> "pa.Table":
        """Runs the relation. Raises NumberOverflow when a number does not fit in int64."""
        import duckdb

        asked = relation if isinstance(relation, Compiled) else compiled(relation)
        for definition in asked.definitions:
            self._connection.execute(definition)
        try:
            return self._connection.sql(asked.text).to_arrow_table()
        except (duckdb.OutOfRangeException, duckdb.ConversionException) as error:
            raise NumberOverflow("a number is beyond 922,337,203,685,477.5807 in size") from error


def sql(relation: "ir.Table", *, pretty: bool = True) -> str:
    """The relation as one DuckDB statement over the macros and `definitions`; `pretty` for reading."""
    import ibis

    return str(ibis.to_sql(relation, dialect="duckdb", pretty=pretty))


def definitions(relation: "ir.Table") -> set[str]:
    """Statements that define what the relation calls beyond the macros; each may run again."""
    import ibis.expr.operations as ops

    called = relation.op().find(ops.ScalarUDF)
    return {each.__config__["definition"] for each in called if "definition" in each.__config__}


def defined_function(name: str, definition: str) -> Any:
    """A function int64 -> int64 that comes with the statement that defines it in the engine."""
    import ibis

    signature = ((ibis.dtype("int64"),), ibis.dtype("int64"))
    return ibis.udf.scalar.builtin(lambda a: None, name=name, signature=signature, definition=definition)


@cache
def _function(name: str, arguments: tuple[str, ...], result: str) -> Any:
    import ibis

    signature = (tuple(ibis.dtype(each) for each in arguments), ibis.dtype(result))
    shape = (lambda a: None) if len(arguments) == 1 else (lambda a, b: None)  # Ibis reads its parameters
    return ibis.udf.scalar.builtin(shape, name=name, signature=signature)


def call(name: str, result: str, *arguments: "ir.Value") -> Any:
    """A function of the engine of one or two arguments; `result` is the Ibis type it returns."""
    import ibis

    values = [ibis.literal(each, type="int64") if isinstance(each, int) else each for each in arguments]
    return _function(name, tuple(str(each.type()) for each in values), result)(*values)


def int64(number: Any) -> Any:
    """Of a 128-bit sum that Ibis takes for int64. Fails when it does not fit."""
    return call("rules_int64", "int64", number)


def half_even(numerator: Any, denominator: Any) -> Any:
    """numerator / denominator, half to even, unknown when the denominator is 0."""
    return call("rules_half_even", "int64", numerator, denominator)


def add(left: Any, right: Any) -> Any:
    """DuckDB would turn `x + 1 > 0` into `x > -1`, which does not fail where x + 1 does not fit."""
    return call("rules_add", "int64", left, right)


def subtract(left: Any, right: Any) -> Any:
    return call("rules_subtract", "int64", left, right)


def multiply(left: Any, right: Any) -> Any:
    return call("rules_multiply", "int64", left, right)


def divide(left: Any, right: Any) -> Any:
    return call("rules_divide", "int64", left, right)


def floor_divide(left: Any, right: int) -> Any:
    """Of numbers up to 5 * 10^18 in size; the text of `left` stands in the query once."""
    return call("rules_floor_divide", "int64", left, right)


def day_number(day: Any) -> Any:
    """Days since 1970-01-01."""
    return call("rules_day_number", "int64", day)


def day_of_number(number: Any) -> Any:
    return call("rules_day", "date", number)


def microseconds(moment: Any) -> Any:
    """Since 1970-01-01T00:00Z."""
    return call("epoch_us", "int64", moment)


def moment_of(microseconds_: int) -> Any:
    return call("make_timestamptz", "timestamp('UTC', 6)", microseconds_)


def weight(age: Any, by_age: tuple[int, ...]) -> Any:
    """The weight of an age in whole days, 0 beyond the last."""
    name = f"rules_weight_{blake2s(repr(by_age).encode(), digest_size=8).hexdigest()}"
    listed = f"[{', '.join(map(str, by_age))}]"
    definition = (
        f"CREATE TEMP MACRO IF NOT EXISTS {name}(age_) AS "
        f"CAST(coalesce(list_extract({listed}, greatest(age_, 0) + 1), 0) AS BIGINT)"
    )
    return defined_function(name, definition)(age)


def product_128(left: Any, right: Any) -> Any:
    """In 128 bits, although Ibis takes it for int64: only to be summed."""
    return call("rules_product_128", "int64", left, right)


def chain(stretch: Any, start: Any) -> Any:
    """Two numbers as one of 128 bits, although Ibis takes it for int64: of two the greater has the later stretch (from
    0 up), in the same one the later start."""
    return call("rules_chain", "int64", stretch, start)


def chain_stretch(chain_: Any) -> Any:
    return call("rules_chain_stretch", "int64", chain_)


def chain_start(chain_: Any) -> Any:
    return call("rules_chain_start", "int64", chain_)


def sample_hash(birth_hash: Any, seed: int) -> Any:
    """As `selection.sample_hash`; `seed` is the seed's number."""
    import ibis

    return call("rules_sample_hash", "uint64", birth_hash, ibis.literal(seed, type="uint64"))


def element(ordered: Any, index: int) -> Any:
    """Of a list, counted from 1; unknown beyond its end."""
    return call("list_extract", str(ordered.type().value_type), ordered, index)


def longest_run(numbers: Any) -> Any:
    """How many whole numbers of a list follow each other, at most; unknown of none."""
    return call("rules_longest_run", "int64", numbers)


def matches(text: Any, pattern: Any) -> Any:
    """RE2, anywhere in the text."""
    return call("regexp_matches", "boolean", text, pattern)
