# ruff: noqa: N802  # rpc names are the contracts'
"""Small servers in the place of identity and segments, spoken to over real gRPC."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import numpy as np
from huaxiang.identity.v1 import (
    contact_point_service_pb2,
    contact_point_service_pb2_grpc,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    record_pb2,
)
from huaxiang.segments.v1 import snapshot_service_pb2, snapshot_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.errors import InvalidField, ResourceNotFound, UpstreamUnavailable
from servicekit.server import Service

PERMITTED = contact_point_service_pb2.CONTACT_POINT_STATUS_PERMITTED
NO_CONSENT = contact_point_service_pb2.CONTACT_POINT_STATUS_NO_CONSENT
WITHDRAWN = contact_point_service_pb2.CONTACT_POINT_STATUS_WITHDRAWN
NO_ADDRESS = contact_point_service_pb2.CONTACT_POINT_STATUS_NO_ADDRESS
NO_PERSON = contact_point_service_pb2.CONTACT_POINT_STATUS_NO_PERSON
BIRTH_KEY = 1_000_000
"""A person's birth key is its id and this."""
PART = 1_000


@dataclass
class Identity(
    contact_point_service_pb2_grpc.ContactPointServiceServicer,
    ingest_service_pb2_grpc.IngestServiceServicer,
):
    """Knows an address per person and channel, keeps the records it is given, the first of each id."""

    addresses: dict[tuple[int, int], str] = field(default_factory=dict)
    """(person, channel) -> address"""
    statuses: dict[int, int] = field(default_factory=dict)
    """Persons who may not be reached."""
    merged: dict[int, int] = field(default_factory=dict)
    """Persons who are another now."""
    minors: set[int] = field(default_factory=set)
    """Children."""
    objectors: set[int] = field(default_factory=set)
    """Who objects to profiling."""
    zones: dict[int, str] = field(default_factory=dict)
    """Who is elsewhere than the tenant."""
    sensitive: dict[str, dict[int, int]] = field(default_factory=dict)
    """Purpose -> person -> status, of those who have not consented to a sensitive purpose."""
    records: dict[tuple[str, str], record_pb2.Record] = field(default_factory=dict)
    repeated: int = 0
    down: bool = False
    refuses: str = ""
    asked: list[contact_point_service_pb2.GetContactPointsRequest] = field(default_factory=list)

    async def GetContactPoints(self, request, context):
        current_principal()
        if self.down:
            raise UpstreamUnavailable("the test")
        if self.refuses:
            raise InvalidField("brand", self.refuses)
        self.asked.append(request)
        further = self.sensitive.get(request.purpose, {})
        results = [self._point(person, request.channel, further.get(person)) for person in request.person_ids]
        return contact_point_service_pb2.GetContactPointsResponse(results=results)

    def _point(self, asked: int, channel: int, otherwise: int | None = None):
        person = self.merged.get(asked, asked)
        status = otherwise or self.statuses.get(person, PERMITTED)
        address = self.addresses.get((person, channel), "")
        if status == PERMITTED and not address:
            status = NO_ADDRESS
        return contact_point_service_pb2.PersonContactPoint(
            person_id=0 if status == NO_PERSON else person,
            status=status,
            address=address if status == PERMITTED else "",
            address_hash=person if status == PERMITTED else 0,
            birth_key_id=0 if status == NO_PERSON else BIRTH_KEY + person,
            merged_birth_key_ids=sorted(
                BIRTH_KEY + each for each, whom in self.merged.items() if whom == person
            ),
            minor=person in self.minors,
            no_profiling=person in self.objectors,
            time_zone=self.zones.get(person, "Asia/Shanghai"),
        )

    async def IngestEvents(self, request, context):
        if self.down:
            raise UpstreamUnavailable("the test")
        tenant = current_principal().require_tenant()
        results = []
        for record in request.records:
            known = self.records.setdefault((tenant, record.record_id), record)
            self.repeated += known is not record
            results.append(ingest_service_pb2.IngestResult(status=ingest_service_pb2.INGEST_STATUS_ACCEPTED))
        return ingest_service_pb2.IngestEventsResponse(results=results)

    def events(self, type_: str = "") -> list[record_pb2.Record]:
        return [each for each in self.records.values() if type_ in ("", each.event.type)]


@dataclass
class Segments(snapshot_service_pb2_grpc.SnapshotServiceServicer):
    """Snapshots by id; members with a birth hash that is a function of the person."""

    snapshots: dict[str, list[int]] = field(default_factory=dict)
    purposes: list[str] = field(default_factory=list)
    """What the sensitive tags behind every snapshot are kept for."""
    breaks_after: int | None = None
    """Streams end with UNAVAILABLE before persons with a higher id."""

    async def GetSnapshot(self, request, context):
        if request.snapshot_id not in self.snapshots:
            raise ResourceNotFound(f"snapshot {request.snapshot_id!r}")
        snapshot = snapshot_service_pb2.Snapshot(sensitive_purposes=self.purposes)
        return snapshot_service_pb2.GetSnapshotResponse(snapshot=snapshot)

    async def ExportMembers(self, request, context) -> AsyncIterator[object]:
        if request.snapshot_id not in self.snapshots:
            raise ResourceNotFound(f"snapshot {request.snapshot_id!r}")
        members = [each for each in self.snapshots[request.snapshot_id] if each > request.after_person_id]
        for start in range(0, len(members), PART):
            part = members[start : start + PART]
            if self.breaks_after is not None and part[0] > self.breaks_after:
                raise UpstreamUnavailable("the test")
            yield snapshot_service_pb2.ExportMembersResponse(
                person_ids=np.array(part, dtype="<u4").tobytes(),
                birth_hashes=np.array([birth_hash(each) for each in part], dtype="<u8").tobytes(),
            )


def birth_hash(person: int) -> int:
    return person * 0x9E3779B97F4A7C15 % 2**64


def services(identity: Identity, segments: Segments) -> list[Service]:
    return [
        Service(
            contact_point_service_pb2.DESCRIPTOR.services_by_name["ContactPointService"],
            contact_point_service_pb2_grpc.add_ContactPointServiceServicer_to_server,
            identity,
        ),
        Service(
            ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"],
            ingest_service_pb2_grpc.add_IngestServiceServicer_to_server,
            identity,
        ),
        Service(
            snapshot_service_pb2.DESCRIPTOR.services_by_name["SnapshotService"],
            snapshot_service_pb2_grpc.add_SnapshotServiceServicer_to_server,
            segments,
        ),
    ]
