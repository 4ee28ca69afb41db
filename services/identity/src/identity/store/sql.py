"""All ports on one connection."""

from servicekit.changelog import Changelog
from sqlalchemy import Connection

from identity.store.matching.sql_matching import open_match_stores
from identity.store.ports import Stores
from identity.store.sql_administration import SqlAcknowledgements, SqlChanges, SqlSettings
from identity.store.sql_audit import SqlAudit
from identity.store.sql_bulk import SqlBulkRows, SqlImports
from identity.store.sql_columns import SqlLinkingColumns
from identity.store.sql_erasures import SqlErasures
from identity.store.sql_evidence import SqlEdges, SqlKeys, SqlLedger, SqlSightings, SqlTenants
from identity.store.sql_forgetting import SqlForgetting
from identity.store.sql_linking import (
    SqlConflicts,
    SqlMarks,
    SqlMerges,
    SqlOperations,
    SqlPolicies,
    SqlProbableLinks,
)
from identity.store.sql_persons import SqlAttributes, SqlConsents, SqlContactPoints, SqlPersons


def open_stores(connection: Connection, changelog: Changelog) -> Stores:
    """The ports of the transaction that runs on `connection`."""
    return Stores(
        tenants=SqlTenants(connection),
        ledger=SqlLedger(connection),
        keys=SqlKeys(connection),
        edges=SqlEdges(connection),
        marks=SqlMarks(connection),
        conflicts=SqlConflicts(connection),
        operations=SqlOperations(connection),
        probable_links=SqlProbableLinks(connection),
        merges=SqlMerges(connection),
        columns=SqlLinkingColumns(connection),
        matching=open_match_stores(connection),
        policies=SqlPolicies(connection),
        sightings=SqlSightings(connection),
        persons=SqlPersons(connection),
        attributes=SqlAttributes(connection),
        contact_points=SqlContactPoints(connection),
        consents=SqlConsents(connection),
        settings=SqlSettings(connection),
        audit=SqlAudit(connection),
        erasures=SqlErasures(connection),
        forgetting=SqlForgetting(connection),
        acknowledgements=SqlAcknowledgements(connection, changelog.service),
        imports=SqlImports(connection),
        bulk_rows=SqlBulkRows(connection),
        changes=SqlChanges(connection, changelog),
    )
