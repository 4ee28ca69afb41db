"""Reading a life to take a step, and keeping what the step made of it."""

from collections.abc import Collection
from dataclasses import dataclass

from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.errors import EtagStale, ResourceNotFound
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from tagging.domain.governance.life import HistoryEntry, Moved, TagLife, TagState, Taking
from tagging.domain.governance.people import Actor
from tagging.errors import nearest
from tagging.store.governance_ports import GovernanceStores
from tagging.store.ports import FactStores


@dataclass(frozen=True, slots=True)
class Request:
    """A caller's wish to take a step of one tag. `etag` "" skips the check."""

    actor: Actor
    tag_id: str
    etag: str = ""
    reason: str = ""
    force: bool = False


@dataclass(frozen=True, slots=True)
class Stepped:
    """A step taken; `revision` covers it."""

    life: TagLife
    revision: Revision
    warnings: tuple[str, ...] = ()


class Lives:
    """Steps of one tenant take turns: `begin` holds its lock."""

    def __init__(
        self, facts: FactStores, governance: GovernanceStores, changelog: Changelog, clock: Clock
    ) -> None:
        self._facts = facts
        self._governance = governance
        self._changelog = changelog
        self._clock = clock

    def begin(self, connection: Connection, tenant: str, request: Request) -> tuple[TagLife, Taking]:
        """Raises ResourceNotFound, EtagStale."""
        self._facts.tenants.lock(connection, tenant)
        return self.read(connection, tenant, request.tag_id, request.etag), self.taking(request)

    def taking(self, request: Request) -> Taking:
        return Taking(request.actor, self._clock.now(), request.reason, request.force)

    def read(self, connection: Connection, tenant: str, tag_id: str, etag: str = "") -> TagLife:
        """Raises ResourceNotFound, EtagStale."""
        life = self._governance.lives.get(connection, tenant, tag_id)
        if life is None:
            names = self._governance.lives.names(connection, tenant)
            raise ResourceNotFound(f"tag {tag_id}", nearest(tag_id, names))
        require_etag(life, etag)
        return life

    def page(
        self, connection: Connection, tenant: str, states: Collection[TagState], after: str, limit: int
    ) -> tuple[list[TagLife], Revision]:
        return self._governance.lives.page(connection, tenant, states, after, limit), self.revision(
            connection
        )

    def history(
        self, connection: Connection, tenant: str, tag_id: str, tag_request_id: str, after: int, limit: int
    ) -> tuple[list[HistoryEntry], Revision]:
        found = self._governance.history.page(connection, tenant, tag_id, tag_request_id, after, limit)
        return found, self.revision(connection)

    def keep(self, connection: Connection, tenant: str, moved: Moved) -> Stepped:
        """A step that leaves what is in force as it is."""
        self._governance.lives.put(connection, tenant, [moved.life])
        self._governance.history.append(connection, tenant, [moved.entry])
        return Stepped(moved.life, self._changelog.append(connection, Lane.LIVE, []))

    def revision(self, connection: Connection) -> Revision:
        """What this snapshot holds."""
        head = self._changelog.head(connection)
        return Revision(self._changelog.service, head.epoch, head.position, head.position)


def require_etag(life: TagLife, etag: str) -> None:
    """Raises EtagStale."""
    if etag and etag != life.etag:
        raise EtagStale(f"tag {life.tag_id}", life.etag)
