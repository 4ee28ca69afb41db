"""Domain values as answers and as changelog payloads."""

import numpy as np
from huaxiang.segments.v1 import change_service_pb2, segment_pb2, snapshot_service_pb2
from huaxiang.type.v1 import revision_pb2
from pyroaring import BitMap
from rules.check import Population
from segments.app import freshness_notes
from segments.domain.movement import Cause, Movement
from segments.domain.segment import Kind, Segment, Snapshot, State
from servicekit.changelog import StoredEntry
from servicekit.values import timestamp_of

POPULATIONS = {
    Population.KNOWN: segment_pb2.POPULATION_KNOWN,
    Population.MEMBER: segment_pb2.POPULATION_MEMBER,
    Population.ALL: segment_pb2.POPULATION_ALL,
}
KINDS = {
    Kind.DYNAMIC: segment_pb2.SEGMENT_KIND_DYNAMIC,
    Kind.ONE_OFF: segment_pb2.SEGMENT_KIND_ONE_OFF,
    Kind.STATIC: segment_pb2.SEGMENT_KIND_STATIC,
}
_STATES = {
    State.PREPARING: segment_pb2.SEGMENT_STATE_PREPARING,
    State.LIVE: segment_pb2.SEGMENT_STATE_LIVE,
    State.FAILED: segment_pb2.SEGMENT_STATE_FAILED,
}


def segment(stored: Segment) -> segment_pb2.Segment:
    """A segment as stored."""
    return segment_pb2.Segment(
        segment_id=stored.draft.segment_id,
        display_name=stored.draft.display_name,
        description=stored.draft.description,
        rule="" if stored.draft.kind is Kind.STATIC else stored.draft.rule,
        canonical_rule="" if stored.draft.kind is Kind.STATIC else stored.canonical_rule,
        population=POPULATIONS[stored.draft.population],
        brand=stored.draft.brand,
        etag=stored.etag,
        create_time=timestamp_of(stored.create_time),
        update_time=timestamp_of(stored.update_time),
        state=_STATES[stored.state],
        state_note=stored.note,
        folder=stored.draft.folder,
        owner=stored.draft.owner,
        version=stored.version,
        kind=KINDS[stored.draft.kind],
    )


def freshness(notes: freshness_notes.Freshness) -> segment_pb2.Freshness:
    """What an answer rests on."""
    return segment_pb2.Freshness(
        as_of=timestamp_of(notes.as_of),
        population_count=notes.population_count,
        warnings=notes.warnings,
        evaluate_us=notes.evaluate_us,
        tags=map(tag_freshness, notes.tags),
    )


def tag_freshness(tag: freshness_notes.TagFreshness) -> segment_pb2.TagFreshness:
    """How fresh one tag is."""
    return segment_pb2.TagFreshness(
        tag_id=tag.tag_id,
        by_runs=tag.by_runs,
        as_of=None if tag.as_of is None else timestamp_of(tag.as_of),
    )


def snapshot(stored: Snapshot) -> snapshot_service_pb2.Snapshot:
    """A snapshot without its members."""
    return snapshot_service_pb2.Snapshot(
        snapshot_id=stored.snapshot_id,
        segment_id=stored.segment_id,
        canonical_rule=stored.canonical_rule,
        count=stored.count,
        create_time=timestamp_of(stored.create_time),
        freshness=segment_pb2.Freshness(
            as_of=timestamp_of(stored.as_of), population_count=stored.population_count
        ),
        revision=revision_pb2.Revision(token=stored.revision_token),
        sensitive_purposes=stored.purposes,
        version=stored.version,
    )


def person_ids(persons: BitMap) -> bytes:
    """Ids ascending, little-endian uint32."""
    return np.asarray(persons.to_array(), dtype="<u4").tobytes()


def movement_payload(movement: Movement) -> bytes:
    """A changelog payload: who entered and left."""
    members = change_service_pb2.MemberChange(
        segment_id=movement.segment_id,
        entered_person_ids=person_ids(movement.entered),
        left_person_ids=person_ids(movement.left),
        causes=map(_cause, movement.causes),
    )
    return change_service_pb2.Change(members=members).SerializeToString()


def _cause(cause: Cause) -> change_service_pb2.MoveCause:
    return change_service_pb2.MoveCause(
        person_id=cause.person_id,
        flips=[change_service_pb2.FlippedLeaf(text=each.text, holds=each.holds) for each in cause.flips],
        population=cause.of_population,
    )


def segment_payload(stored: Segment) -> bytes:
    """A changelog payload: a segment that was stored or changed its state."""
    return change_service_pb2.Change(segment=segment(stored)).SerializeToString()


def deletion_payload(segment_id: str) -> bytes:
    """A changelog payload: a segment that went."""
    return change_service_pb2.Change(deleted_segment_id=segment_id).SerializeToString()


def change(entry: StoredEntry) -> change_service_pb2.Change:
    """A changelog entry as Watch sends it."""
    message = change_service_pb2.Change.FromString(entry.payload)
    message.tenant = entry.tenant
    message.position = entry.position
    message.traceparent = entry.traceparent or ""
    return message
