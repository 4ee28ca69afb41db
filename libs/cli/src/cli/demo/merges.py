"""One wrong merge that did not happen: two people share a phone, and stay two persons."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import grpc
import pyarrow.parquet as pq
from huaxiang.identity.v1 import person_pb2
from huaxiang.identity.v1 import person_service_pb2 as pb
from huaxiang.identity.v1.person_service_pb2_grpc import PersonServiceStub

from cli.demo.state import Demo
from cli.suite.patience import patiently

TRIED_PERSONS = 200
REASONS = {
    person_pb2.CONFLICT_REASON_UNIQUE: "each has a member number of their own",
    person_pb2.CONFLICT_REASON_SHARED: "more people use it than one person's would",
    person_pb2.CONFLICT_REASON_EXPIRED: "it changed hands in between",
}


async def show_avoided_merge(demo: Demo) -> None:
    """Looks among people who share something for a conflict that identity kept."""
    demo.notes["avoided"] = None
    names = _names(demo)
    async with demo.channel("identity") as channel:
        for _, member_id in zip(range(TRIED_PERSONS), _sharing_members(demo), strict=False):
            person_id = demo.person_ids.get(member_id)
            detail = await _person(channel, person_id) if person_id else None
            for conflict in detail.conflicts if detail else ():
                other = next(
                    (
                        member
                        for member, person in demo.person_ids.items()
                        if person == conflict.other_person_id
                    ),
                    None,
                )
                if other is None or names[other] == names[member_id]:
                    continue
                reason = REASONS.get(conflict.reason, "they are told apart")
                demo.notes["avoided"] = {
                    "namespace": conflict.namespace,
                    "persons": (person_id, conflict.other_person_id),
                    "names": (names[member_id], names[other]),
                    "reason": reason,
                }
                demo.say.line(
                    f"persons {person_id} and {conflict.other_person_id} share a {conflict.namespace} "
                    f"and stay two: {reason}"
                )
                return
    demo.say.line("nobody of those who share a phone or a device had to be kept apart")


def _sharing_members(demo: Demo) -> Iterator[str]:
    """Member ids of people who share a phone or a device with another; phones first, each by its smallest person."""
    members = dict(_columns(demo, "person", "member_id"))
    sharing: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in pq.read_table(demo.truth("shared")).to_pylist():
        if row["person"] is not None:
            sharing[row["namespace"], row["value"]].append(row["person"])
    ordered = sorted(sharing.items(), key=lambda pair: (pair[0][0] != "phone", min(pair[1]), pair[0]))
    for _, persons in ordered:
        known = [members[person] for person in sorted(persons) if members.get(person)]
        if len(known) > 1:
            yield known[0]


def _names(demo: Demo) -> dict[str, str]:
    return {member: name for member, name in _columns(demo, "member_id", "name") if member}


def _columns(demo: Demo, first: str, second: str) -> list[tuple[Any, str]]:
    table = pq.read_table(demo.truth("persons"), columns=[first, second])
    return list(zip(table.column(first).to_pylist(), table.column(second).to_pylist(), strict=True))


async def _person(channel: grpc.aio.Channel, person_id: int) -> person_pb2.PersonDetail:
    stub = PersonServiceStub(channel)
    return (await patiently(lambda: stub.GetPerson(pb.GetPersonRequest(person_id=person_id)))).person
