"""What humans decide, what explains persons and by which policy, joined with its adapters, for main.py."""

from huaxiang.identity.v1 import (
    explain_service_pb2,
    explain_service_pb2_grpc,
    operation_service_pb2,
    operation_service_pb2_grpc,
    policy_service_pb2,
    policy_service_pb2_grpc,
)
from servicekit.clock import Clock
from servicekit.freshness import Freshness
from servicekit.server import Service

from identity.api.explain_servicer import ExplainServicer
from identity.api.operation_servicer import OperationServicer
from identity.api.parse_operations import OperationParser
from identity.api.policy_servicer import PolicyServicer
from identity.api.tenant_policies import TenantPolicies
from identity.api.transactions import Transactions
from identity.app.change_graph import ChangeGraph
from identity.app.encoding import Encoding
from identity.app.explain_link import ExplainLink
from identity.app.link_history import ListConflicts
from identity.app.operate import Operate
from identity.app.policies import PolicyBook
from identity.app.policy_lab import PolicyLab
from identity.app.publish_persons import PublishPersons
from identity.app.replay_policy import ReplayPolicy
from identity.app.simulate_policy import GetPolicy, SimulatePolicy
from identity.domain.normalise import Normaliser
from identity.standards.load import policy_document
from identity.store.ports import Vault


def wire_operations(
    transactions: Transactions,
    freshness: Freshness,
    normaliser: Normaliser,
    policies: PolicyBook,
    vault: Vault,
    encoding: Encoding,
    publish: PublishPersons,
    clock: Clock,
    service: str,
) -> tuple[Service, ...]:
    """OperationService, ExplainService and PolicyService."""
    parser = OperationParser(policies.built_in, normaliser)
    change = ChangeGraph(policies, publish, encoding)
    known = TenantPolicies(transactions, policies)
    operations = OperationServicer(transactions, parser, known, Operate(change, policies, vault, clock))
    explanations = ExplainServicer(
        transactions, freshness, parser, known, ExplainLink(policies, vault, service), ListConflicts(vault)
    )
    lab = PolicyLab(policies.built_in, vault)
    linking_policies = PolicyServicer(
        transactions,
        known,
        GetPolicy(policy_document()),
        SimulatePolicy(policies, lab, service),
        ReplayPolicy(policies, lab, publish, encoding, clock, service),
    )
    return (
        Service(
            operation_service_pb2.DESCRIPTOR.services_by_name["OperationService"],
            operation_service_pb2_grpc.add_OperationServiceServicer_to_server,
            operations,
        ),
        Service(
            explain_service_pb2.DESCRIPTOR.services_by_name["ExplainService"],
            explain_service_pb2_grpc.add_ExplainServiceServicer_to_server,
            explanations,
        ),
        Service(
            policy_service_pb2.DESCRIPTOR.services_by_name["PolicyService"],
            policy_service_pb2_grpc.add_PolicyServiceServicer_to_server,
            linking_policies,
        ),
    )
