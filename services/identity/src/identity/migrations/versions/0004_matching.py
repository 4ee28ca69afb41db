"""Models, runs, review tasks, labels and clusters of matching."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, SmallInteger, Text

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_registry()
    _create_review()


def _key(name: str, kind: type = BigInteger) -> Column[object]:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _value(name: str, kind: type = BigInteger) -> Column[object]:
    return Column(name, kind, nullable=False)


def _create(name: str, *columns: Column[object]) -> None:
    op.create_table(name, *columns, sqlite_with_rowid=False)


def _create_registry() -> None:
    _create(
        "match_models",
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
    )
    op.create_index("match_models_by_request", "match_models", ["tenant", "request_id"], unique=True)
    _create(
        "match_runs",
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
    )
    op.create_index("match_runs_by_request", "match_runs", ["tenant", "request_id"], unique=True)
    op.create_index("match_runs_by_state", "match_runs", ["state"])


def _create_review() -> None:
    _create(
        "match_tasks",
        _key("tenant", Text),
        _key("task_id"),
        _value("run_id"),
        _value("low"),
        _value("high"),
        _value("weight"),
        _value("fields", Text),
    )
    op.create_index("match_tasks_by_pair", "match_tasks", ["tenant", "low", "high"], unique=True)
    _create(
        "match_labels",
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
    )
    _create("match_clusters", _key("tenant", Text), _key("key_id"), _value("cluster_id"))
