"""What an audience does next."""

from dataclasses import dataclass

from segments.app.insight.audiences import Audience, Persons
from segments.app.insight.basis import Basis, Caller
from segments.app.insight.behaviour.observing import EventsTold, Observing
from segments.domain.insight.behaviour.answers import NodeCount, told_nodes
from segments.domain.insight.behaviour.questions import Paths
from segments.store.behaviour_ports import Behaviour, Node, Turn


@dataclass(frozen=True, slots=True)
class PathsFound:
    """`started` None: withheld. No nodes when the audience is. Every node before those that follow it."""

    audience: Persons
    started: int | None
    nodes: tuple[tuple[Node, NodeCount], ...]
    events: EventsTold
    basis: Basis


class CountPaths:
    """The use case of GetPaths."""

    def __init__(self, observing: Observing, behaviour: Behaviour) -> None:
        self._observing = observing
        self._behaviour = behaviour

    async def __call__(self, tenant: str, audience: Audience, paths: Paths, caller: Caller) -> PathsFound:
        """Raises what Observing and Behaviour raise."""
        observed = await self._observing(tenant, audience, None, caller)
        counts = await self._behaviour.paths(observed.sets, paths)
        started, told = await self._observing.desk.compute(
            lambda: told_nodes(
                counts.basis.persons[0],
                counts.started,
                [(_path(each), each.persons) for each in counts.nodes],
                caller.fewest,
            )
        )
        return PathsFound(
            audience=observed.told(counts.basis, caller),
            started=None if observed.audience.withheld else started,
            nodes=() if observed.audience.withheld else tuple(zip(counts.nodes, told, strict=True)),
            events=observed.events(counts.basis, caller),
            basis=observed.basis(counts.basis, caller),
        )


def _path(node: Node) -> tuple[str, ...]:
    """Others and the end as steps of their own; no event type has such a name."""
    return node.event_types if node.turn is Turn.STEP else (*node.event_types, f"({node.turn.value})")
