"""GetPolicy and UpdatePolicy."""

from activation.domain.policy import Policy, StoredPolicy, problem_of
from activation.store.policy_ports import PolicyStore
from servicekit.changelog import Changelog, Entry
from servicekit.clock import Clock
from servicekit.errors import EtagStale, InvalidField, ResourceNotFound
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection

POLICY_KIND = "policy"


class Policies:
    """The use cases of PolicyService, each in one transaction."""

    def __init__(self, store: PolicyStore, changelog: Changelog, clock: Clock) -> None:
        self._store = store
        self._changelog = changelog
        self._clock = clock

    def get(self, connection: Connection, tenant: str, version: int) -> StoredPolicy:
        """The policy in force when `version` is 0, otherwise that version. Raises ResourceNotFound."""
        found = (
            self._store.version(connection, tenant, version)
            if version
            else self._store.current(connection, tenant)
        )
        if found is None:
            raise ResourceNotFound(f"version {version} of the policy")
        return found

    def update(
        self, connection: Connection, tenant: str, subject: str, policy: Policy, etag: str
    ) -> tuple[StoredPolicy, Revision]:
        """Puts a policy in force; an equal one changes nothing. Raises InvalidField, EtagStale."""
        if problem := problem_of(policy):
            raise InvalidField(*problem)
        self._store.gate(connection, tenant)
        current = self._store.current(connection, tenant)
        if etag not in ("", current.etag):
            raise EtagStale("the policy", current.etag)
        if policy == current.policy:
            return current, self._changelog.append(connection, Lane.LIVE, [])
        stored = StoredPolicy(policy, current.version + 1, self._clock.now(), subject)
        self._store.add(connection, tenant, stored)
        payload = str(stored.version).encode()
        return stored, self._changelog.append(connection, Lane.LIVE, [Entry(POLICY_KIND, tenant, payload)])
