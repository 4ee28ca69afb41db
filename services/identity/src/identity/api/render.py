"""From the domain to response messages."""

from huaxiang.identity.v1 import (
    bulk_import_service_pb2,
    contact_point_service_pb2,
    identifier_pb2,
    ingest_service_pb2,
    person_pb2,
    person_service_pb2,
)
from huaxiang.type.v1 import value_pb2
from servicekit.values import timestamp

from identity.api.render_links import link
from identity.app.get_contact_points import ContactAnswer
from identity.app.get_person import PersonDetail, ShownIdentifier
from identity.app.import_persons import Imported
from identity.app.ingest_records import Ingested, IngestStatus
from identity.app.resolve_identifiers import Resolution
from identity.domain.record import Refusal
from identity.store.rows import PersonRow

_STATUSES = {status: ingest_service_pb2.IngestStatus.ValueType(status) for status in IngestStatus}


def ingested(answer: Ingested) -> ingest_service_pb2.IngestEventsResponse:
    """One result per record."""
    response = ingest_service_pb2.IngestEventsResponse(revision=answer.revision.to_proto())
    add = response.results.add
    for status, person_id, refusals in answer.outcomes:
        result = add(status=_STATUSES[status], person_id=person_id)
        if refusals:
            result.refusals.extend(map(_refusal, refusals))
    return response


def imported(answer: Imported) -> bulk_import_service_pb2.ImportPersonsResponse:
    """How far the import is, and what was not taken of the message."""
    standing = answer.standing
    return bulk_import_service_pb2.ImportPersonsResponse(
        revision=answer.revision.to_proto(),
        rows=standing.rows,
        accepted=standing.accepted,
        known=standing.known,
        differing=standing.differing,
        refused=standing.refused,
        problems=[
            bulk_import_service_pb2.ImportProblem(
                row=problem.row,
                status=ingest_service_pb2.IngestStatus.ValueType(problem.status),
                refusals=map(_refusal, problem.refusals),
            )
            for problem in answer.problems
        ],
    )


def _refusal(refusal: Refusal) -> ingest_service_pb2.Refusal:
    return ingest_service_pb2.Refusal(
        field=refusal.field,
        reason=ingest_service_pb2.RefusalReason.ValueType(refusal.problem.value),
        hint=refusal.hint,
    )


def resolution(answer: Resolution) -> person_service_pb2.ResolveIdentifiersResponse:
    """One result per identifier."""
    return person_service_pb2.ResolveIdentifiersResponse(
        results=[
            person_service_pb2.ResolvedIdentifier(
                person_id=result.person_id, key_id=result.key_id, problem=result.problem
            )
            for result in answer.results
        ],
        revision=answer.revision.to_proto(),
    )


def person(row: PersonRow) -> person_pb2.Person:
    """A person as it was published last."""
    message = person_pb2.Person.FromString(row.entry)
    message.version = row.version
    return message


def person_detail(answer: PersonDetail) -> person_service_pb2.GetPersonResponse:
    """Everything a caller with the right may see."""
    detail = person_pb2.PersonDetail(
        person=person(answer.row),
        identifiers=[_identifier(shown) for shown in answer.identifiers],
        redirected_person_ids=answer.redirected_person_ids,
        conflicts=[
            person_pb2.Conflict(
                key_id=conflict.key_id,
                namespace=conflict.namespace,
                other_person_id=conflict.other_person_id,
                reason=person_pb2.ConflictReason.ValueType(conflict.reason),
                first_time=timestamp(conflict.first_us),
            )
            for conflict in answer.conflicts
        ],
    )
    for name, statements in answer.attributes.items():
        detail.attributes[name].CopyFrom(value_pb2.Value.FromString(statements[0].value))
        for said in statements:
            detail.attribute_sources.add(
                name=name,
                source=said.source,
                value=value_pb2.Value.FromString(said.value),
                time=timestamp(said.time_us),
                verified=said.verified,
            )
    return person_service_pb2.GetPersonResponse(
        person=detail, revision=answer.revision.to_proto(), links=[link(shown) for shown in answer.links]
    )


def contact_points(answer: ContactAnswer) -> contact_point_service_pb2.GetContactPointsResponse:
    """One result per person."""
    return contact_point_service_pb2.GetContactPointsResponse(
        results=[
            contact_point_service_pb2.PersonContactPoint(
                person_id=result.person_id,
                status=contact_point_service_pb2.ContactPointStatus.ValueType(result.status),
                address=result.address,
                address_hash=result.address_hash,
                birth_key_id=result.birth_key_id,
                merged_birth_key_ids=result.merged_birth_key_ids,
                time_zone=result.time_zone,
                minor=result.minor,
                no_profiling=result.no_profiling,
            )
            for result in answer.results
        ],
        revision=answer.revision.to_proto(),
    )


def _identifier(shown: ShownIdentifier) -> person_pb2.PersonIdentifier:
    return person_pb2.PersonIdentifier(
        key_id=shown.key.key_id,
        identifier=identifier_pb2.Identifier(
            namespace=shown.key.namespace, value=shown.value, scope=shown.key.scope
        ),
        sources=shown.sources,
        first_seen_time=timestamp(shown.first_us),
        last_seen_time=timestamp(shown.last_us),
    )
