"""How far an audience comes in a funnel."""

from dataclasses import dataclass

from segments.app.insight.audiences import Audience, Persons
from segments.app.insight.basis import Basis, Caller
from segments.app.insight.behaviour.observing import EventsTold, Observing
from segments.domain.insight.behaviour.answers import GroupSteps, told_steps
from segments.domain.insight.behaviour.groups import Breakdown, Group
from segments.domain.insight.behaviour.questions import Funnel
from segments.store.behaviour_ports import Behaviour


@dataclass(frozen=True, slots=True)
class FunnelFound:
    """The whole audience first; no groups when it is withheld."""

    audience: Persons
    groups: tuple[tuple[Group, GroupSteps], ...]
    events: EventsTold
    basis: Basis


class CountFunnel:
    """The use case of GetFunnel."""

    def __init__(self, observing: Observing, behaviour: Behaviour) -> None:
        self._observing = observing
        self._behaviour = behaviour

    async def __call__(
        self, tenant: str, audience: Audience, funnel: Funnel, breakdown: Breakdown | None, caller: Caller
    ) -> FunnelFound:
        """Raises what Observing and Behaviour raise."""
        observed = await self._observing(tenant, audience, breakdown, caller)
        counts = await self._behaviour.funnel(observed.sets, funnel)
        told = await self._observing.desk.compute(
            lambda: told_steps(counts.basis.persons, counts.reached, caller.fewest)
        )
        return FunnelFound(
            audience=observed.told(counts.basis, caller),
            groups=() if observed.audience.withheld else tuple(zip(observed.groups, told, strict=True)),
            events=observed.events(counts.basis, caller),
            basis=observed.basis(counts.basis, caller),
        )
