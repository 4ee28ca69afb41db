"""Who of an audience comes back."""

from dataclasses import dataclass

from segments.app.insight.audiences import Audience, Persons
from segments.app.insight.basis import Basis, Caller
from segments.app.insight.behaviour.observing import EventsTold, Observing
from segments.domain.insight.behaviour.answers import GroupCohorts, told_cohorts
from segments.domain.insight.behaviour.groups import Breakdown, Group
from segments.domain.insight.behaviour.questions import Retention
from segments.store.behaviour_ports import Behaviour, Cohort


@dataclass(frozen=True, slots=True)
class RetentionFound:
    """The whole audience first; no groups when it is withheld."""

    audience: Persons
    cohorts: tuple[Cohort, ...]
    groups: tuple[tuple[Group, GroupCohorts], ...]
    events: EventsTold
    basis: Basis


class CountRetention:
    """The use case of GetRetention."""

    def __init__(self, observing: Observing, behaviour: Behaviour) -> None:
        self._observing = observing
        self._behaviour = behaviour

    async def __call__(
        self,
        tenant: str,
        audience: Audience,
        retention: Retention,
        breakdown: Breakdown | None,
        caller: Caller,
    ) -> RetentionFound:
        """Raises what Observing and Behaviour raise."""
        observed = await self._observing(tenant, audience, breakdown, caller)
        counts = await self._behaviour.retention(observed.sets, retention)
        told = await self._observing.desk.compute(
            lambda: told_cohorts(
                counts.basis.persons,
                counts.sizes,
                counts.returned,
                [each.begun for each in counts.cohorts],
                caller.fewest,
            )
        )
        return RetentionFound(
            audience=observed.told(counts.basis, caller),
            cohorts=counts.cohorts,
            groups=() if observed.audience.withheld else tuple(zip(observed.groups, told, strict=True)),
            events=observed.events(counts.basis, caller),
            basis=observed.basis(counts.basis, caller),
        )
