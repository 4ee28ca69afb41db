"""From links, conflicts, operations and their effects to messages."""

from huaxiang.identity.v1 import (
    explain_service_pb2,
    identifier_pb2,
    link_pb2,
    operation_pb2,
    person_pb2,
)
from servicekit.values import timestamp

from identity.app.effect import Effect
from identity.app.explain_link import LinkExplanation, ShownConflict
from identity.app.key_refs import ShownKey
from identity.app.operate import Operated
from identity.app.person_links import ShownLink
from identity.domain.evidence import Evidence
from identity.store.linking_rows import MergeRow, OperationRow

_KINDS = {"co_occurrence": 1, "login": 2, "bind": 4}


def shown_key(key: ShownKey) -> link_pb2.ShownKey:
    """An identifier with its person."""
    return link_pb2.ShownKey(
        key_id=key.key_id,
        identifier=identifier_pb2.Identifier(namespace=key.namespace, value=key.value, scope=key.scope),
        person_id=key.person_id,
    )


def link(shown: ShownLink) -> link_pb2.Link:
    """A link with what it rests on."""
    message = link_pb2.Link(
        key=shown_key(shown.key),
        other=shown_key(shown.other),
        rule=link_pb2.LinkRule.ValueType(shown.grounded.rule),
    )
    ground = shown.grounded.ground
    if isinstance(ground, Evidence):
        message.seen_together.CopyFrom(_seen(ground, turned=shown.key.key_id > shown.other.key_id))
    elif isinstance(ground, OperationRow):
        message.decision.CopyFrom(
            link_pb2.Decision(
                operation_id=ground.operation.operation_id,
                actor=ground.actor,
                reason=ground.reason,
                time=timestamp(ground.time_us),
            )
        )
    else:
        message.model_finding.CopyFrom(
            link_pb2.ModelFinding(
                run_id=ground.run_id, model_version=ground.model_version, score=ground.score
            )
        )
    return message


def _seen(evidence: Evidence, *, turned: bool) -> link_pb2.SeenTogether:
    low, high = bool(evidence.verified & 1), bool(evidence.verified & 2)
    return link_pb2.SeenTogether(
        sources=evidence.sources,
        first_time=timestamp(evidence.first_us),
        last_time=timestamp(evidence.last_us),
        **{name: bool(evidence.kinds & bit) for name, bit in _KINDS.items()},
        key_verified=high if turned else low,
        other_verified=low if turned else high,
    )


def conflict(shown: ShownConflict) -> link_pb2.LinkConflict:
    """A pair that stays apart."""
    return link_pb2.LinkConflict(
        key=shown_key(shown.key),
        other=shown_key(shown.other),
        reason=person_pb2.ConflictReason.ValueType(shown.reason),
        first_time=timestamp(shown.first_us),
    )


def explanation(answer: LinkExplanation) -> explain_service_pb2.ExplainLinkResponse:
    """Why two are one, or not."""
    return explain_service_pb2.ExplainLinkResponse(
        linked=answer.key.person_id == answer.other.person_id,
        key=shown_key(answer.key),
        other=shown_key(answer.other),
        path=[link(shown) for shown in answer.path],
        conflicts=[conflict(shown) for shown in answer.conflicts],
        revision=answer.revision.to_proto(),
    )


def merge_step(row: MergeRow) -> link_pb2.MergeStep:
    """A step of the history."""
    return link_pb2.MergeStep(
        sequence=row.sequence,
        time=timestamp(row.time_us),
        kind=link_pb2.MergeKind.ValueType(row.kind),
        person_id=row.person_id,
        other_person_id=row.other_person_id,
        moved_key_ids=row.moved_key_ids,
        cause=link_pb2.Cause(
            kind=link_pb2.CauseKind.ValueType(row.cause.kind), source=row.cause.source, id=row.cause.id
        ),
    )


def operation(row: OperationRow) -> operation_pb2.Operation:
    """An operation with both sides."""
    taken = row.operation
    return operation_pb2.Operation(
        operation_id=taken.operation_id,
        kind=operation_pb2.OperationKind.ValueType(taken.kind),
        actor=row.actor,
        reason=row.reason,
        time=timestamp(row.time_us),
        undoes_operation_id=taken.undoes,
        undone_by_operation_id=row.undone_by,
        key_ids=sorted(taken.sides[0]),
        other_key_ids=sorted(taken.sides[1]),
    )


def outcome(answer: Operated) -> operation_pb2.OperationOutcome:
    """What an operation does."""
    return operation_pb2.OperationOutcome(
        operation=operation(answer.row),
        effect=effect(answer.effect),
        conflicts=[conflict(shown) for shown in answer.conflicts],
    )


def effect(answer: Effect) -> operation_pb2.Effect:
    """In numbers."""
    return operation_pb2.Effect(
        persons_changed=answer.persons_changed,
        persons_created=answer.persons_created,
        persons_redirected=answer.persons_redirected,
        largest=[
            operation_pb2.PersonSize(
                person_id=size.person_id, keys_before=size.keys_before, keys_after=size.keys_after
            )
            for size in answer.largest
        ],
    )
