"""The part of the wiring that imports persons by columns."""

from typing import NamedTuple

from huaxiang.identity.v1 import bulk_import_service_pb2, bulk_import_service_pb2_grpc
from servicekit.clock import Clock
from servicekit.server import Service

from identity.api.import_servicer import ImportServicer
from identity.api.parse_import import ImportParser
from identity.api.parse_records import RecordParser
from identity.api.plain_columns import ColumnNormaliser
from identity.api.tenant_policies import TenantPolicies
from identity.api.transactions import Transactions
from identity.app.encoding import Encoding
from identity.app.hot_keys import HotKeys
from identity.app.import_persons import ImportPersons
from identity.app.ingest_records import IngestRecords
from identity.app.policies import PolicyBook
from identity.domain.normalise import Normaliser
from identity.standards.load import Standards
from identity.store.vault import KeyVault


class Imports(NamedTuple):
    """The service and what serves it."""

    service: Service
    servicer: ImportServicer


def wire_imports(
    transactions: Transactions,
    standards: Standards,
    normaliser: Normaliser,
    records: RecordParser,
    policies: PolicyBook,
    vault: KeyVault,
    encoding: Encoding,
    ingest: IngestRecords,
    hot: HotKeys,
    clock: Clock,
) -> Imports:
    """The service of bulk imports."""
    columns = ColumnNormaliser(normaliser, standards.blocked)
    servicer = ImportServicer(
        transactions,
        TenantPolicies(transactions, policies),
        ImportParser(standards.policy, columns, standards.attributes, records),
        ImportPersons(policies, standards.attributes, vault, encoding, ingest),
        hot,
        clock,
    )
    service = Service(
        bulk_import_service_pb2.DESCRIPTOR.services_by_name["BulkImportService"],
        bulk_import_service_pb2_grpc.add_BulkImportServiceServicer_to_server,
        servicer,
    )
    return Imports(service, servicer)
