"""A store of the release before governance: every tag in force has its life afterwards."""

from pathlib import Path

import sqlalchemy as sa
from servicekit.database import Database
from servicekit.migrations import migrate
from tagging.domain.governance.life import TagState
from tagging.governance_wiring import governance_stores

MIGRATIONS = Path(__file__).parents[2] / "src" / "tagging" / "migrations"
DOCUMENT = (
    '{"tag_id": "orders", "name": {"zh": "x"}, "type": "number", "category": "value/orders", '
    '"owner": "growth", "statistic": {"expression": "COUNT(order_paid)"}}'
)


def test_tags_in_force_get_their_lives(database_url: str) -> None:
    database = Database.open(database_url, synchronous="NORMAL")
    migrate(database, MIGRATIONS, "0003")

    def before(connection: sa.Connection) -> None:
        for tenant in ("t1", "t2"):
            connection.execute(
                sa.text(
                    "INSERT INTO tag (tenant, tag_id, version, document, update_time_us, coverage) "
                    "VALUES (:tenant, 'orders', 3, :document, 1000000, 5)"
                ),
                {"tenant": tenant, "document": DOCUMENT},
            )

    database.write_now(before)
    migrate(database, MIGRATIONS)
    stores = governance_stores()
    for tenant in ("t1", "t2"):
        life = database.read_now(stores.lives.get, tenant, "orders")
        assert life is not None
        assert (life.standing, life.version, life.owner, life.draft) == (TagState.ACTIVE, 3, "growth", None)
        version = database.read_now(stores.versions.get, tenant, "orders", 3)
        assert version is not None
        assert (version.definition.owner, version.reviewer) == ("growth", "")
        assert list(database.read_now(stores.categories.all, tenant)) == ["value", "value/orders"]
        (line,) = database.read_now(stores.history.page, tenant, "orders", "", 0, 9)
        assert (line.number, line.step.value, line.to_state, line.version) == (1, "apply", "active", 3)
    database.close_now()
