"""Joins the governance of tags: stores, use cases, servicers, and the worker that empties the recycle bin."""

import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from huaxiang.tagging.v1 import (
    category_service_pb2,
    category_service_pb2_grpc,
    draft_service_pb2,
    draft_service_pb2_grpc,
    naming_rule_service_pb2,
    naming_rule_service_pb2_grpc,
    tag_life_service_pb2,
    tag_life_service_pb2_grpc,
    tag_request_service_pb2,
    tag_request_service_pb2_grpc,
    tag_use_service_pb2,
    tag_use_service_pb2_grpc,
    tag_version_service_pb2,
    tag_version_service_pb2_grpc,
)
from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.server import Service

from tagging.api.category_servicer import CategoryServicer
from tagging.api.draft_servicer import DraftServicer
from tagging.api.naming_rule_servicer import NamingRuleServicer
from tagging.api.tag_life_servicer import TagLifeServicer
from tagging.api.tag_request_servicer import TagRequestServicer
from tagging.api.tag_use_servicer import TagUseServicer
from tagging.api.tag_version_servicer import TagVersionServicer
from tagging.app.apply_tags import ApplyTags
from tagging.app.columns_in_force import ColumnsInForce
from tagging.app.governance.category_tree import CategoryTree
from tagging.app.governance.drafts import Drafts
from tagging.app.governance.impact import CheckImpact, ReportTagUse
from tagging.app.governance.lives import Lives
from tagging.app.governance.naming import Naming
from tagging.app.governance.period_uses import ListPeriodUses
from tagging.app.governance.places import Places
from tagging.app.governance.recycling import EmptyRecycleBin
from tagging.app.governance.requests import Requests
from tagging.app.governance.tag_steps import TagSteps
from tagging.app.governance.trace_lineage import TraceLineage
from tagging.app.governance.versions import Versions
from tagging.app.keep_events import KeepEvents
from tagging.app.put_in_force import PutInForce
from tagging.store.governance_ports import GovernanceStores
from tagging.store.ports import FactStores
from tagging.store.query_ports import QueryChecks
from tagging.store.sql_governance import (
    SqlCategories,
    SqlEventSources,
    SqlNamingRules,
    SqlTagRequests,
    SqlTagUses,
)
from tagging.store.sql_lives import SqlGovernanceHistory, SqlTagLives, SqlTagVersions
from tagging.store.sql_retention import SqlEventRetention
from tagging.store.tag_ports import TagStores
from tagging.workers.recycle_bin import RecycleBin


def governance_stores() -> GovernanceStores:
    """Every adapter of governance."""
    return GovernanceStores(
        SqlTagLives(),
        SqlTagVersions(),
        SqlGovernanceHistory(),
        SqlTagRequests(),
        SqlCategories(),
        SqlNamingRules(),
        SqlTagUses(),
        SqlEventSources(),
    )


@dataclass(frozen=True)
class Governance:
    """The use cases of governance over open stores."""

    apply_tags: ApplyTags
    lives: Lives
    drafts: Drafts
    steps: TagSteps
    versions: Versions
    requests: Requests
    tree: CategoryTree
    naming: Naming
    report_use: ReportTagUse
    impact: CheckImpact
    period_uses: ListPeriodUses
    lineage: TraceLineage
    empty_bin: EmptyRecycleBin


def open_governance(
    facts: FactStores,
    tags: TagStores,
    columns: ColumnsInForce,
    changelog: Changelog,
    clock: Clock,
    queries: QueryChecks,
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
) -> Governance:
    """Joins ports and adapters; writes nothing."""
    stores = governance_stores()
    keep_events = KeepEvents(facts.tenants, SqlEventRetention())
    put = PutInForce(facts, tags, stores, columns, changelog, clock, keep_events, queries)
    places, lives = Places(stores), Lives(facts, stores, changelog, clock)
    return Governance(
        apply_tags=ApplyTags(facts, tags, stores, put, places, changelog, clock),
        lives=lives,
        drafts=Drafts(facts, tags, stores, columns, put, places, lives),
        steps=TagSteps(tags, stores, put, lives),
        versions=Versions(stores, lives),
        requests=Requests(facts, stores, places, changelog, clock, new_id),
        tree=CategoryTree(facts, tags, stores, changelog, clock),
        naming=Naming(facts, tags, stores, changelog),
        report_use=ReportTagUse(facts, stores, changelog),
        impact=CheckImpact(tags, stores, put, lives, clock),
        period_uses=ListPeriodUses(columns, lives),
        lineage=TraceLineage(stores, columns, lives),
        empty_bin=EmptyRecycleBin(facts, stores, tags.stated, clock),
    )


def wire_governance(
    database: Database, governance: Governance
) -> tuple[tuple[Service, ...], tuple[Callable[[], Coroutine[Any, Any, None]], ...]]:
    """The services, and what runs beside them."""
    lives = governance.lives
    services = (
        Service(
            tag_request_service_pb2.DESCRIPTOR.services_by_name["TagRequestService"],
            tag_request_service_pb2_grpc.add_TagRequestServiceServicer_to_server,
            TagRequestServicer(database, governance.requests, lives),
        ),
        Service(
            draft_service_pb2.DESCRIPTOR.services_by_name["DraftService"],
            draft_service_pb2_grpc.add_DraftServiceServicer_to_server,
            DraftServicer(database, governance.drafts),
        ),
        Service(
            tag_life_service_pb2.DESCRIPTOR.services_by_name["TagLifeService"],
            tag_life_service_pb2_grpc.add_TagLifeServiceServicer_to_server,
            TagLifeServicer(database, lives, governance.steps),
        ),
        Service(
            tag_version_service_pb2.DESCRIPTOR.services_by_name["TagVersionService"],
            tag_version_service_pb2_grpc.add_TagVersionServiceServicer_to_server,
            TagVersionServicer(database, governance.versions, governance.drafts, lives),
        ),
        Service(
            category_service_pb2.DESCRIPTOR.services_by_name["CategoryService"],
            category_service_pb2_grpc.add_CategoryServiceServicer_to_server,
            CategoryServicer(database, governance.tree, lives),
        ),
        Service(
            naming_rule_service_pb2.DESCRIPTOR.services_by_name["NamingRuleService"],
            naming_rule_service_pb2_grpc.add_NamingRuleServiceServicer_to_server,
            NamingRuleServicer(database, governance.naming, lives),
        ),
        Service(
            tag_use_service_pb2.DESCRIPTOR.services_by_name["TagUseService"],
            tag_use_service_pb2_grpc.add_TagUseServiceServicer_to_server,
            TagUseServicer(
                database,
                governance.report_use,
                governance.impact,
                governance.period_uses,
                governance.lineage,
                lives,
            ),
        ),
    )
    return services, (RecycleBin(database, governance.empty_bin).run,)
