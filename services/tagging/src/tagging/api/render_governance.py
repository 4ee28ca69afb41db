"""Lives, history, versions, requests and lineage as messages."""

from huaxiang.tagging.v1 import (
    category_service_pb2,
    naming_rule_service_pb2,
    tag_life_pb2,
    tag_pb2,
    tag_request_service_pb2,
    tag_service_pb2,
    tag_use_service_pb2,
)
from servicekit.values import timestamp_of
from tagging.api.parse_governance import LAYERS, REQUEST_STATES, STATES, STEPS
from tagging.api.render_tags import contract_field
from tagging.app.governance.category_tree import Counted
from tagging.catalogue.messages import to_message
from tagging.domain.definition import Wording
from tagging.domain.governance.life import HistoryEntry, TagLife
from tagging.domain.governance.lineage import Edge, NodeKind, Place, Placed
from tagging.domain.governance.naming import NamingRules
from tagging.domain.governance.requests import TagRequest
from tagging.domain.plan import FieldDifference
from tagging.store.governance_ports import TagVersion


def life_message(life: TagLife) -> tag_life_pb2.TagLife:
    message = tag_life_pb2.TagLife(
        tag_id=life.tag_id,
        state=STATES[life.state],
        version=life.version,
        owner=life.owner,
        replacement_tag_id=life.replacement,
        tag_request_id=life.tag_request_id,
        etag=life.etag,
        update_time=timestamp_of(life.update_time) if life.update_time else None,
    )
    if life.draft:
        draft = life.draft
        message.draft.CopyFrom(
            tag_life_pb2.TagDraft(
                definition=to_message(draft.definition),
                state=STATES[draft.state],
                authors=draft.authors,
                submitter=draft.submitter,
                reviewer=draft.reviewer,
                base_version=draft.base_version,
            )
        )
    if life.deletion:
        message.deletion.delete_time.CopyFrom(timestamp_of(life.deletion.time))
        message.deletion.purge_time.CopyFrom(timestamp_of(life.deletion.purge_time))
        message.deletion.subject = life.deletion.subject
    return message


def history_message(entry: HistoryEntry) -> tag_life_pb2.HistoryEntry:
    return tag_life_pb2.HistoryEntry(
        number=entry.number,
        tag_id=entry.tag_id,
        tag_request_id=entry.tag_request_id,
        time=timestamp_of(entry.time),
        subject=entry.subject,
        step=STEPS[entry.step],
        reason=entry.reason,
        from_state=entry.from_state,
        to_state=entry.to_state,
        version=entry.version,
        forced=entry.forced,
    )


def version_message(version: TagVersion) -> tag_life_pb2.TagVersion:
    return tag_life_pb2.TagVersion(
        version=version.version,
        definition=to_message(version.definition),
        start_time=timestamp_of(version.start_time),
        subject=version.subject,
        reviewer=version.reviewer,
    )


def field_message(field: FieldDifference) -> tag_service_pb2.FieldDifference:
    return tag_service_pb2.FieldDifference(field=contract_field(field.field), old=field.old, new=field.new)


def request_message(request: TagRequest) -> tag_request_service_pb2.TagRequest:
    return tag_request_service_pb2.TagRequest(
        tag_request_id=request.tag_request_id,
        tag_id=request.tag_id,
        requester=request.requester,
        name=_wording(request.name),
        why=request.why,
        wanted_use=request.wanted_use,
        due=request.due.isoformat() if request.due else "",
        state=REQUEST_STATES[request.state],
        decider=request.decider,
        decision=request.decision,
        owner=request.owner,
        create_time=timestamp_of(request.create_time),
        update_time=timestamp_of(request.update_time),
    )


def category_message(counted: Counted) -> category_service_pb2.Category:
    return category_service_pb2.Category(
        path=counted.category.path,
        name=_wording(counted.category.name),
        tag_count=counted.here,
        total_tag_count=counted.total,
    )


def naming_rules_message(rules: NamingRules) -> naming_rule_service_pb2.NamingRules:
    return naming_rule_service_pb2.NamingRules(
        rules=[
            naming_rule_service_pb2.NamingRule(
                layer=LAYERS[each.layer] if each.layer else tag_pb2.TAG_LAYER_UNSPECIFIED,
                category=each.category,
                pattern=each.pattern,
                example=each.example,
                description=_wording(each.description),
            )
            for each in rules.rules
        ],
        reserved_words=rules.reserved_words,
    )


def node_message(placed: Placed) -> tag_use_service_pb2.LineageNode:
    return _node(placed.place, placed.distance)


def edge_message(edge: Edge, distances: dict[Place, int]) -> tag_use_service_pb2.LineageEdge:
    message = tag_use_service_pb2.LineageEdge(to=_node(edge.target, distances[edge.target]))
    getattr(message, "from").CopyFrom(_node(edge.source, distances[edge.source]))
    return message


def _node(place: Place, distance: int) -> tag_use_service_pb2.LineageNode:
    return tag_use_service_pb2.LineageNode(kind=_NODES[place.kind], name=place.name, distance=distance)


def _wording(wording: Wording) -> tag_pb2.TagText:
    return tag_pb2.TagText(zh=wording.zh, en=wording.en)


_NODES = {kind: tag_use_service_pb2.LineageKind.Value(f"LINEAGE_KIND_{kind.name}") for kind in NodeKind}
