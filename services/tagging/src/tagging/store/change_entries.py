"""Entries of the changelog about facts, as the contract renders them."""

from collections.abc import Collection, Sequence

import numpy as np
from huaxiang.tagging.v1 import change_pb2
from rules.ahead import period_starts
from servicekit.changelog import Entry
from servicekit.values import timestamp_of
from tagging.domain.changes import ChangeKind
from tagging.domain.columns import days
from tagging.domain.persons import Person
from tagging.domain.tenants import Tenant


class ContractFactEntries:
    """FactEntries whose payloads are huaxiang.tagging.v1.Change."""

    def person(self, tenant: str, person: Person) -> Entry:
        change = change_pb2.Change(person=person_change(person))
        return Entry(ChangeKind.PERSON, tenant, change.SerializeToString())

    def day(self, tenant: Tenant) -> Entry:
        change = change_pb2.Change(day=day_rolled(tenant))
        return Entry(ChangeKind.DAY, tenant.name, change.SerializeToString())

    def touched(self, tenant: str, person_ids: Collection[int] = (), *, everybody: bool = False) -> Entry:
        return touched_entry(tenant, person_ids=person_ids, everybody=everybody)


def touched_entry(
    tenant: str, *, person_ids: Collection[int] = (), blocks: Sequence[int] = (), everybody: bool = False
) -> Entry:
    """Persons of whom something moved that portraits show."""
    ids = np.array(sorted(person_ids), "<i8").tobytes()
    said = change_pb2.Touched(person_ids=ids, blocks=blocks, everybody=everybody)
    return Entry(ChangeKind.TOUCHED, tenant, change_pb2.Change(touched=said).SerializeToString())


def person_change(person: Person) -> change_pb2.PersonChange:
    """A person of the universe."""
    return change_pb2.PersonChange(
        person_id=person.person_id,
        version=person.version,
        state=int(person.state),  # type: ignore[arg-type]  # the numbers are the contract's
        redirect_person_id=person.redirect_person_id,
        birth_hash=person.birth_hash,
    )


def day_rolled(tenant: Tenant) -> change_pb2.DayRolled:
    """The tenant's day and calendar."""
    starts = sorted(period_starts(tenant.settings.calendar).items())
    return change_pb2.DayRolled(
        day=days(tenant.day),
        time_zone=tenant.settings.time_zone,
        week_start=tenant.settings.week_start,
        periods=[name for name, _ in starts],
        period_start_times=[timestamp_of(start) for _, start in starts],
    )
