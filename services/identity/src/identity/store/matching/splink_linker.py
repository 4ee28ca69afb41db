# ruff: noqa: S608  # statements are put together from checked column names
"""Linker on Splink and DuckDB, in memory, in the calling thread. Both are imported by the first call: they are an
extra of the package, and cost a second of start-up.
"""

import json
import logging
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from identity.domain.matching.clustering import ScoredPair
from identity.domain.matching.specification import (
    Block,
    Comparison,
    Condition,
    ConditionKind,
    Level,
    Specification,
)
from identity.store.matching.linker import (
    Columns,
    FieldWeight,
    Progress,
    Scoring,
    TrainedModel,
    Untrainable,
)

if TYPE_CHECKING:
    from splink import Linker as Engine

ENGINE = "splink 5.0.0"
ROW = "row_number"
PREFIX = "v_"
"""In front of every column, so that none is a word of SQL."""
MIN_ROWS = 10
FETCHED_ROWS = 65_536
_ALPHABET = "".join(chr(code) for code in range(33, 127) if chr(code) not in "'?%")
_COMPARED_CHARS = len(_ALPHABET) // 2
_MACROS = tuple(
    f"CREATE MACRO {name}(one, two) AS {function}("
    + ", ".join(
        f"translate(left({text}, {_COMPARED_CHARS}), "
        f"left(one, {_COMPARED_CHARS}) || left(two, {_COMPARED_CHARS}), '{_ALPHABET}')"
        for text in ("one", "two")
    )
    + ")"
    for name, function in (
        ("text_edits", "damerau_levenshtein"),
        ("text_similarity", "jaro_winkler_similarity"),
    )
)
"""DuckDB's distances count bytes, three for a Chinese character: both texts are first written in one byte a character,
the same byte for the same character."""


class SplinkLinker:
    """Linker. `threads` and `memory_mb` bound DuckDB."""

    def __init__(self, threads: int, memory_mb: int) -> None:
        self._threads = threads
        self._memory_mb = memory_mb

    def train(
        self, rows: Columns, specification: Specification, seed: int, progress: Progress
    ) -> TrainedModel:
        progress("load", 0.0)
        if _count(rows) < MIN_ROWS:
            raise Untrainable(f"a model needs at least {MIN_ROWS} rows, there are {_count(rows)}")
        engine = self._open(rows, specification, _settings(specification))
        training = specification.training
        try:
            engine.training.estimate_probability_two_random_records_match(
                [_plain_rule(block) for block in training.certain], recall=training.recall
            )
        except ValueError as error:
            raise Untrainable(
                f"the certain blocks find more pairs than recall {training.recall} allows"
            ) from error
        if engine._settings_obj._probability_two_random_records_match == 0.0:
            raise Untrainable("the certain blocks find no pair: no two rows look alike")
        progress("sample", 0.1)
        engine.training.estimate_u_using_random_sampling(max_pairs=training.sampled_pairs, seed=seed)
        for number, block in enumerate(training.rounds):
            progress("learn", 0.5 + 0.5 * number / len(training.rounds))
            self._learn(engine, block)
        progress("learn", 1.0)
        document = engine.misc.save_model_to_json()
        return TrainedModel(
            ENGINE,
            json.dumps(document, sort_keys=True),
            float(document["probability_two_random_records_match"]),
            tuple(_untrained(document, specification)),
        )

    def score(
        self,
        rows: Columns,
        specification: Specification,
        settings: str,
        floor: float,
        explained: tuple[float, float],
        progress: Progress,
    ) -> Scoring:
        progress("load", 0.0)
        if not _count(rows):
            return Scoring((), {}, 0, 0.0)
        document = json.loads(settings)
        engine = self._open(rows, specification, document)
        progress("block", 0.1)
        candidates = engine.inference.compute_blocked_pairs_for_predict()
        count = _number(engine, f"SELECT count(*) FROM {candidates.physical_name}")
        progress("score", 0.3)
        scored = engine.inference.predict(threshold_match_weight=floor, warning_mode="never")
        progress("read", 0.9)
        pairs = [
            ScoredPair(left, right, weight)
            for left, right, weight in _fetch(
                engine,
                f"SELECT least({ROW}_l, {ROW}_r), greatest({ROW}_l, {ROW}_r), round(match_weight, 4) "
                f"FROM {scored.physical_name} ORDER BY 3 DESC, 1, 2",
            )
        ]
        fields = dict(_explained(engine, scored.physical_name, specification, explained))
        prior = float(document["probability_two_random_records_match"])
        progress("read", 1.0)
        return Scoring(pairs, fields, count, math.log2(prior / (1.0 - prior)))

    def _open(self, rows: Columns, specification: Specification, settings: dict[str, Any]) -> "Engine":
        import duckdb
        import pyarrow as pa
        from splink import DuckDBAPI
        from splink import Linker as Engine

        logging.getLogger("splink").setLevel(logging.ERROR)
        connection = duckdb.connect(
            config={"threads": self._threads, "memory_limit": f"{self._memory_mb}MB", "temp_directory": ""}
        )
        for macro in _MACROS:
            connection.execute(macro)
        text, texts = pa.string(), pa.list_(pa.string())
        table = pa.table(
            {ROW: pa.array(range(_count(rows)), pa.int64())}
            | {
                PREFIX + column: pa.array(rows[column], texts if column in specification.lists else text)
                for column in specification.columns
            }
        )
        return Engine(DuckDBAPI(connection).register(table), settings, log_level=None)

    def _learn(self, engine: "Engine", block: Block) -> None:
        """One round; one that finds no pairs teaches nothing and is left out."""
        from splink.internals.exceptions import EMTrainingException

        try:
            engine.training.estimate_parameters_using_expectation_maximisation(
                _plain_rule(block), estimate_without_term_frequencies=True, record_sample_proportion=1.0
            )
        except EMTrainingException:
            return


def _settings(specification: Specification) -> dict[str, Any]:
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": ROW,
        "retain_matching_columns": True,
        "retain_intermediate_calculation_columns": True,
        "blocking_rules_to_generate_predictions": [_rule(block) for block in specification.blocks],
        "comparisons": [_comparison(comparison) for comparison in specification.comparisons],
    }


def _plain_rule(block: Block) -> str:
    return " AND ".join(f"l.{PREFIX}{column} = r.{PREFIX}{column}" for column in block.columns)


def _rule(block: Block) -> dict[str, Any]:
    equal = [f"l.{PREFIX}{column} = r.{PREFIX}{column}" for column in (*block.columns, block.each) if column]
    rule: dict[str, Any] = {"blocking_rule": " AND ".join(equal), "sql_dialect": "duckdb"}
    if block.each:
        rule["arrays_to_explode"] = [PREFIX + block.each]
    return rule


def _comparison(comparison: Comparison) -> dict[str, Any]:
    missing = " OR ".join(f"{PREFIX}{column}_{side} IS NULL" for column in comparison.needs for side in "lr")
    nothing = {"sql_condition": missing, "label_for_charts": "missing", "is_null_level": True}
    other = {"sql_condition": "ELSE", "label_for_charts": "other"}
    return {
        "output_column_name": comparison.name,
        "comparison_levels": [nothing, *(_level(level) for level in comparison.levels), other],
    }


def _level(level: Level) -> dict[str, Any]:
    sql = " AND ".join(_sql(condition) for condition in level.conditions)
    document: dict[str, Any] = {"sql_condition": sql, "label_for_charts": sql}
    if level.frequency:
        document |= {"tf_adjustment_column": PREFIX + level.frequency, "tf_adjustment_weight": 1.0}
    return document


def _sql(condition: Condition) -> str:
    left, right = f"{PREFIX}{condition.column}_l", f"{PREFIX}{condition.column}_r"
    match condition.kind:
        case ConditionKind.EQUAL:
            return f"{left} = {right}"
        case ConditionKind.SIMILAR:
            return f"text_similarity({left}, {right}) >= {condition.limit}"
        case ConditionKind.EDITS:
            return f"text_edits({left}, {right}) <= {condition.limit:.0f}"
        case ConditionKind.SHARE:
            return f"len(list_intersect({left}, {right})) >= {condition.limit:.0f}"
        case ConditionKind.WITHIN:
            return f"abs(try_cast({left} AS DOUBLE) - try_cast({right} AS DOUBLE)) <= {condition.limit}"


def _untrained(document: dict[str, Any], specification: Specification) -> Iterator[str]:
    """Comparisons with a level that has no estimate of one of its two probabilities; the document leaves out those of
    which nothing was learned."""
    learned = {each["output_column_name"]: each["comparison_levels"] for each in document["comparisons"]}
    for comparison in specification.comparisons:
        levels = [level for level in learned.get(comparison.name, ()) if not level.get("is_null_level")]
        if not levels or any(
            "m_probability" not in level or "u_probability" not in level for level in levels
        ):
            yield comparison.name


def _explained(
    engine: "Engine", table: str, specification: Specification, band: tuple[float, float]
) -> Iterator[tuple[tuple[int, int], tuple[FieldWeight, ...]]]:
    names = [comparison.name for comparison in specification.comparisons]
    weighed = {
        comparison.name
        for comparison in specification.comparisons
        if any(level.frequency for level in comparison.levels)
    }
    there = {name for name, *_ in _fetch(engine, f"DESCRIBE {table}")}
    parts = [
        f"gamma_{name}, round({f'mw_{name} + mw_tf_adj_{name}' if name in weighed else f'mw_{name}'}, 4)"
        if f"gamma_{name}" in there
        else "-1, 0e0"  # nobody stated it when the model was trained: it weighs nothing, and Splink leaves it out
        for name in names
    ]
    sql = (
        f"SELECT least({ROW}_l, {ROW}_r), greatest({ROW}_l, {ROW}_r), {', '.join(parts)} FROM {table} "
        f"WHERE round(match_weight, 4) >= {band[0]} AND round(match_weight, 4) < {band[1]}"
    )
    levels = {comparison.name: len(comparison.levels) for comparison in specification.comparisons}
    for left, right, *values in _fetch(engine, sql):
        yield (
            (left, right),
            tuple(
                FieldWeight(name, -1 if gamma < 0 else levels[name] - gamma, weight)
                for name, gamma, weight in zip(names, values[::2], values[1::2], strict=True)
            ),
        )


def _fetch(engine: "Engine", sql: str) -> Iterator[tuple[Any, ...]]:
    cursor = engine._db_api.duckdb_con.execute(sql)
    while rows := cursor.fetchmany(FETCHED_ROWS):
        yield from rows


def _number(engine: "Engine", sql: str) -> int:
    return int(engine._db_api.duckdb_con.execute(sql).fetchall()[0][0])


def _count(rows: Columns) -> int:
    return len(next(iter(rows.values()), ()))
