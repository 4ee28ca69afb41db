"""Wishes for tags: asked for, decided by somebody else, taken back."""

import datetime as dt
from collections.abc import Callable, Collection
from dataclasses import dataclass

from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.errors import InvalidField, ResourceNotFound
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from tagging.app.governance.places import Places
from tagging.app.governance.refusals import reason_of, told_of_request
from tagging.domain.definition import MAX_NAME_CHARACTERS, MAX_OWNER_CHARACTERS, Wording
from tagging.domain.governance import requests as steps
from tagging.domain.governance.life import Taking
from tagging.domain.governance.people import Actor
from tagging.domain.governance.requests import Decided, RequestState, TagRequest
from tagging.errors import RequestQuota, nearest
from tagging.store.governance_ports import GovernanceStores
from tagging.store.ports import FactStores

MAX_OPEN_REQUESTS = 1_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for. `due` "" is no day."""

    name: Wording
    why: str
    wanted_use: str
    due: str = ""
    tag_id: str = ""


class Requests:
    """One method per step; each holds the tenant's lock."""

    def __init__(
        self,
        facts: FactStores,
        governance: GovernanceStores,
        places: Places,
        changelog: Changelog,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._facts = facts
        self._governance = governance
        self._places = places
        self._changelog = changelog
        self._clock = clock
        self._new_id = new_id

    def ask(
        self, connection: Connection, tenant: str, actor: Actor, wish: Wish
    ) -> tuple[TagRequest, Revision]:
        """Raises InvalidField, ResourceNotFound (the tag to change), RequestQuota."""
        self._facts.tenants.lock(connection, tenant)
        now = self._clock.now()
        named = max(len(wish.name.zh), len(wish.name.en))
        if not 1 <= named <= MAX_NAME_CHARACTERS:
            raise InvalidField("name", f"zh or en has 1 to {MAX_NAME_CHARACTERS} characters")
        if wish.tag_id and self._governance.lives.get(connection, tenant, wish.tag_id) is None:
            names = self._governance.lives.names(connection, tenant)
            raise ResourceNotFound(f"tag {wish.tag_id}", nearest(wish.tag_id, names))
        count = self._governance.requests.open_count(connection, tenant)
        if count >= MAX_OPEN_REQUESTS:
            raise RequestQuota(count, MAX_OPEN_REQUESTS)
        request = TagRequest(
            tag_request_id=self._new_id(),
            sequence=self._governance.requests.next_sequence(connection, tenant),
            requester=actor.subject,
            name=wish.name,
            why=reason_of(wish.why, needed=True, field="why"),
            wanted_use=reason_of(wish.wanted_use, needed=True, field="wanted_use"),
            create_time=now,
            update_time=now,
            due=_day(wish.due, now),
            tag_id=wish.tag_id,
        )
        return self._keep(connection, tenant, Decided(request, steps.asked(request)))

    def accept(
        self,
        connection: Connection,
        tenant: str,
        actor: Actor,
        tag_request_id: str,
        *,
        tag_id: str,
        owner: str,
        reason: str,
    ) -> tuple[TagRequest, Revision]:
        """Raises ResourceNotFound, RequestClosed, OwnReview, InvalidField, NamingRefused."""
        if len(owner) > MAX_OWNER_CHARACTERS:
            raise InvalidField("owner", f"has {len(owner)} characters, the limit is {MAX_OWNER_CHARACTERS}")
        request, taking = self._begin(connection, tenant, actor, tag_request_id, reason)
        with told_of_request():
            decided = steps.accept(request, taking, tag_id, owner)
        if self._governance.lives.get(connection, tenant, decided.request.tag_id) is None:
            self._places.require_name(connection, tenant, decided.request.tag_id)
        return self._keep(connection, tenant, decided)

    def decline(
        self, connection: Connection, tenant: str, actor: Actor, tag_request_id: str, reason: str
    ) -> tuple[TagRequest, Revision]:
        """Raises ResourceNotFound, RequestClosed, OwnReview."""
        request, taking = self._begin(connection, tenant, actor, tag_request_id, reason)
        with told_of_request():
            return self._keep(connection, tenant, steps.decline(request, taking))

    def take_back(
        self, connection: Connection, tenant: str, actor: Actor, tag_request_id: str, reason: str
    ) -> tuple[TagRequest, Revision]:
        """Raises ResourceNotFound, RequestClosed, StepForbidden."""
        request, taking = self._begin(connection, tenant, actor, tag_request_id, reason)
        with told_of_request():
            return self._keep(connection, tenant, steps.take_back(request, taking))

    def page(
        self,
        connection: Connection,
        tenant: str,
        states: Collection[RequestState],
        requester: str,
        before: int | None,
        limit: int,
    ) -> list[TagRequest]:
        return self._governance.requests.page(connection, tenant, states, requester, before, limit)

    def _begin(
        self, connection: Connection, tenant: str, actor: Actor, tag_request_id: str, reason: str
    ) -> tuple[TagRequest, Taking]:
        self._facts.tenants.lock(connection, tenant)
        found = self._governance.requests.get(connection, tenant, tag_request_id)
        if found is None:
            raise ResourceNotFound(f"request {tag_request_id}")
        return found, Taking(actor, self._clock.now(), reason)

    def _keep(self, connection: Connection, tenant: str, decided: Decided) -> tuple[TagRequest, Revision]:
        self._governance.requests.put(connection, tenant, decided.request)
        self._governance.history.append(connection, tenant, [decided.entry])
        return decided.request, self._changelog.append(connection, Lane.LIVE, [])


def _day(text: str, now: dt.datetime) -> dt.date | None:
    if not text:
        return None
    try:
        due = dt.date.fromisoformat(text)
    except ValueError:
        raise InvalidField("due", f"'{text}' is no day, write YYYY-MM-DD") from None
    if due < now.date():
        raise InvalidField("due", f"{text} is over")
    return due
