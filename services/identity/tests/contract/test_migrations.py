"""The migrations make the tables that the schema declares; a store of a newer release is refused."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from identity.main import Wiring, open_store
from identity.store.schema import metadata
from identity.store.vault import KeyVault
from servicekit.migrations import DataNewer
from sqlalchemy import text


def test_the_migrations_make_the_declared_tables(wiring: Wiring) -> None:
    def differences(connection):  # type: ignore[no-untyped-def]
        return compare_metadata(MigrationContext.configure(connection), metadata)

    assert wiring.database.read_now(differences) == []


def test_opening_again_changes_nothing(wiring: Wiring, secret: bytes) -> None:
    before = wiring.database.read_now(wiring.changelog.head)
    open_store(wiring.database, KeyVault(secret))
    assert wiring.database.read_now(wiring.changelog.head) == before


def test_a_store_of_a_newer_release_is_refused_untouched(wiring: Wiring, secret: bytes) -> None:
    wiring.database.write_now(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(DataNewer, match="newer version"):
        open_store(wiring.database, KeyVault(secret))
    version = wiring.database.read_now(
        lambda c: c.execute(text("SELECT version_num FROM alembic_version")).scalar()
    )
    assert version == "9999"
