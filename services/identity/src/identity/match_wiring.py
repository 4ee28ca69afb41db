"""Matching joined with its adapters, for main.py."""

from dataclasses import dataclass

from huaxiang.identity.v1 import match_service_pb2, match_service_pb2_grpc
from servicekit.clock import Clock
from servicekit.server import Service
from servicekit.yaml_text import read_yaml

from identity.api.encoding import plain_value
from identity.api.match_servicer import MatchServicer, MatchUseCases
from identity.api.transactions import Transactions
from identity.app.change_graph import ChangeGraph
from identity.app.encoding import Encoding
from identity.app.matching.apply_matches import ApplyMatches
from identity.app.matching.evaluate_model import EvaluateModel
from identity.app.matching.models import CreateModel, ListModels
from identity.app.matching.read_rows import ReadRows
from identity.app.matching.review import Decide, ListReviewTasks
from identity.app.matching.runs import CancelRun, GetRun, ListRuns, StartRun
from identity.app.policies import PolicyBook
from identity.app.publish_persons import PublishPersons
from identity.domain.attributes import AttributeDictionary
from identity.standards.load_matching import load_match_standards
from identity.store.matching.process_matcher import Engine, ProcessMatcher
from identity.store.ports import Vault
from identity.workers.match_runs import MatchRuns

THREADS = 2
MEMORY_MB = 4_000


@dataclass(frozen=True)
class MatchWiring:
    """The service, and the worker that carries out its runs."""

    service: Service
    runs: MatchRuns


def wire_matching(
    transactions: Transactions,
    policies: PolicyBook,
    dictionary: AttributeDictionary,
    vault: Vault,
    encoding: Encoding,
    publish: PublishPersons,
    clock: Clock,
) -> MatchWiring:
    """Joins ports and adapters. The engine is imported by the process of the first run."""
    standards = load_match_standards()
    change = ChangeGraph(policies, publish, encoding)
    use_cases = MatchUseCases(
        CreateModel(clock),
        ListModels(),
        StartRun(),
        GetRun(),
        ListRuns(),
        CancelRun(),
        ListReviewTasks(),
        Decide(change, clock),
        EvaluateModel(),
    )
    servicer = MatchServicer(transactions, use_cases, read_yaml(standards.document), standards.bands)
    runs = MatchRuns(
        transactions,
        policies,
        ReadRows(dictionary, vault, _text),
        ProcessMatcher(Engine(standards.names, standards.divisions, THREADS, MEMORY_MB)),
        ApplyMatches(change, clock),
        clock,
    )
    return MatchWiring(
        Service(
            match_service_pb2.DESCRIPTOR.services_by_name["MatchService"],
            match_service_pb2_grpc.add_MatchServiceServicer_to_server,
            servicer,
        ),
        runs,
    )


def _text(encoded: bytes) -> str:
    return str(plain_value(encoded))
