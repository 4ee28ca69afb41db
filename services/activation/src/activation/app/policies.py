"""GetPolicy and UpdatePolicy, and the named periods: one person proposes, another approves."""

from dataclasses import replace

from activation.domain.policy import NamedPeriod, Policy, StoredPolicy, period_problem, problem_of
from activation.domain.proposal import Proposal, Standing
from activation.errors import SecondPersonNeeded
from activation.store.policy_ports import PolicyStore
from servicekit.changelog import Changelog, Entry
from servicekit.clock import Clock
from servicekit.errors import EtagStale, InvalidField, ResourceExists, ResourceNotFound, WrongState
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
        """Puts a policy in force, the approved periods stay; an equal one changes nothing. Raises InvalidField,
        EtagStale."""
        if problem := problem_of(policy):
            raise InvalidField(*problem)
        self._store.gate(connection, tenant)
        current = self._store.current(connection, tenant)
        if etag not in ("", current.etag):
            raise EtagStale("the policy", current.etag)
        policy = replace(policy, periods=current.policy.periods)
        return self._put(connection, tenant, subject, current, policy)

    def propose(
        self, connection: Connection, tenant: str, subject: str, period: NamedPeriod
    ) -> tuple[Proposal, Revision]:
        """Stores a proposal; the same again answers the stored one. Raises InvalidField, ResourceExists."""
        if problem := period_problem(period):
            raise InvalidField(*problem)
        proposal = Proposal(period, Standing.PROPOSED, subject)
        if not self._store.propose(connection, tenant, proposal):
            proposal = self._proposal(connection, tenant, period.name)
            if proposal.period != period:
                raise ResourceExists(f"period {period.name!r}")
        return proposal, self._changelog.append(connection, Lane.LIVE, [])

    def approve(
        self, connection: Connection, tenant: str, subject: str, name: str
    ) -> tuple[Proposal, Revision]:
        """Puts a proposed period into the policy. Raises ResourceNotFound, SecondPersonNeeded, WrongState."""
        self._store.gate(connection, tenant)
        proposal = self._proposal(connection, tenant, name)
        if proposal.standing is Standing.APPROVED:
            return proposal, self._changelog.append(connection, Lane.LIVE, [])
        resource = f"period {name!r}"
        if proposal.standing is Standing.WITHDRAWN:
            raise WrongState(resource, proposal.standing.value, "propose it anew under another name")
        if subject == proposal.proposed_by:
            raise SecondPersonNeeded(resource)
        current = self._store.current(connection, tenant)
        for other in current.policy.periods:
            if other.meets(proposal.period):
                problem = f"its days meet those of {other.name!r}: withdraw that one first"
                raise WrongState(resource, proposal.standing.value, problem)
        proposal = replace(proposal, standing=Standing.APPROVED, approved_by=subject)
        self._store.put_proposal(connection, tenant, proposal)
        periods = sorted((*current.policy.periods, proposal.period), key=lambda each: each.first_day)
        policy = replace(current.policy, periods=tuple(periods))
        return proposal, self._put(connection, tenant, subject, current, policy)[1]

    def withdraw(
        self, connection: Connection, tenant: str, subject: str, name: str
    ) -> tuple[Proposal, Revision]:
        """Takes a period back, out of the policy when it was approved. Raises ResourceNotFound."""
        self._store.gate(connection, tenant)
        proposal = replace(self._proposal(connection, tenant, name), standing=Standing.WITHDRAWN)
        self._store.put_proposal(connection, tenant, proposal)
        current = self._store.current(connection, tenant)
        periods = tuple(each for each in current.policy.periods if each.name != name)
        policy = replace(current.policy, periods=periods)
        return proposal, self._put(connection, tenant, subject, current, policy)[1]

    def proposals(self, connection: Connection, tenant: str, after: str, limit: int) -> list[Proposal]:
        """In order of name."""
        return self._store.proposals(connection, tenant, after, limit)

    # -------------------------------------------------------------------------------------------- parts

    def _proposal(self, connection: Connection, tenant: str, name: str) -> Proposal:
        found = self._store.proposal(connection, tenant, name)
        if found is None:
            raise ResourceNotFound(f"period {name!r}")
        return found

    def _put(
        self, connection: Connection, tenant: str, subject: str, current: StoredPolicy, policy: Policy
    ) -> tuple[StoredPolicy, Revision]:
        """A new version, unless nothing changes. The gate is held."""
        if policy == current.policy:
            return current, self._changelog.append(connection, Lane.LIVE, [])
        stored = StoredPolicy(policy, current.version + 1, self._clock.now(), subject)
        self._store.add(connection, tenant, stored)
        payload = str(stored.version).encode()
        return stored, self._changelog.append(connection, Lane.LIVE, [Entry(POLICY_KIND, tenant, payload)])
