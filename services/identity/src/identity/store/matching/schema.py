"""The tables of matching: models, runs, tasks of review, labels, clusters."""

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, SmallInteger, Table, Text


def _key(name: str, kind: Any = BigInteger) -> Column[object]:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _value(name: str, kind: Any = BigInteger) -> Column[object]:
    return Column(name, kind, nullable=False)


def matching_tables(metadata: MetaData) -> None:
    """Adds the tables to the service's own. Weights are match weights scaled by 10,000.

    `match_models`: the registry; documents are JSON, `settings` the engine's, empty until trained. `match_runs`:
    training and matching as resources. `match_tasks`: pairs that a human is asked about; those of a run that nobody
    decided go with the next run. `match_labels`: what humans decided, one per pair, with the weight that the latest run
    gave it. `match_clusters`: the stable cluster id of each key that the latest run grouped. `match_found`: what a run
    found, until all of it is in force.
    """
    Table(
        "match_models",
        metadata,
        _key("tenant", Text),
        _key("version"),
        _value("request_id", Text),
        _value("actor", Text),
        _value("note", Text),
        _value("time_us"),
        _value("specification", Text),
        _value("bands", Text),
        _value("engine", Text),
        _value("settings", Text),
        _value("data_hash", Text),
        _value("metrics", Text),
        Index("match_models_by_request", "tenant", "request_id", unique=True),
        sqlite_with_rowid=False,
    )
    Table(
        "match_runs",
        metadata,
        _key("tenant", Text),
        _key("run_id"),
        _value("request_id", Text),
        _value("kind", SmallInteger),
        _value("model_version"),
        _value("state", SmallInteger),
        _value("cancelling", SmallInteger),
        _value("step", Text),
        _value("done_parts", Integer),
        _value("start_us"),
        _value("end_us"),
        _value("outcome", Text),
        _value("failure", Text),
        Index("match_runs_by_request", "tenant", "request_id", unique=True),
        Index("match_runs_by_state", "state"),
        sqlite_with_rowid=False,
    )
    Table(
        "match_tasks",
        metadata,
        _key("tenant", Text),
        _key("task_id"),
        _value("run_id"),
        _value("low"),
        _value("high"),
        _value("weight"),
        _value("fields", Text),
        Index("match_tasks_by_pair", "tenant", "low", "high", unique=True),
        sqlite_with_rowid=False,
    )
    Table(
        "match_labels",
        metadata,
        _key("tenant", Text),
        _key("low"),
        _key("high"),
        _value("same", SmallInteger),
        _value("actor", Text),
        _value("reason", Text),
        _value("time_us"),
        _value("task_id"),
        _value("operation_id"),
        _value("model_version"),
        _value("weight"),
        sqlite_with_rowid=False,
    )
    Table(
        "match_clusters",
        metadata,
        _key("tenant", Text),
        _key("key_id"),
        _value("cluster_id"),
        sqlite_with_rowid=False,
    )
    Table(
        "match_found",
        metadata,
        _key("tenant", Text),
        _key("run_id"),
        _key("part"),
        _value("content", Text),
        sqlite_with_rowid=False,
    )
