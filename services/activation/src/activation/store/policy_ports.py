"""What the use cases need of policies and of the suppression list. Every method takes the connection of the caller's
transaction."""

from collections.abc import Collection, Sequence
from typing import Protocol

from activation.domain.policy import StoredPolicy
from activation.domain.proposal import Proposal
from activation.domain.suppression import Scope, Suppression
from sqlalchemy import Connection


class PolicyStore(Protocol):
    """Every version of every tenant's policy, and what periods are proposed for it."""

    def current(self, connection: Connection, tenant: str) -> StoredPolicy:
        """The version in force; the default when the tenant never stored one."""
        ...

    def version(self, connection: Connection, tenant: str, version: int) -> StoredPolicy | None:
        """One version, 0 is the default; None when there is none."""
        ...

    def add(self, connection: Connection, tenant: str, stored: StoredPolicy) -> None:
        """Puts a version in force once nobody holds the rules steady. Hold the tenant's gate."""
        ...

    def propose(self, connection: Connection, tenant: str, proposal: Proposal) -> bool:
        """Stores a new proposal; false when there is one of its name, which stays as it is."""
        ...

    def proposal(self, connection: Connection, tenant: str, name: str) -> Proposal | None:
        """One proposal; None when there is none of this name."""
        ...

    def put_proposal(self, connection: Connection, tenant: str, proposal: Proposal) -> None:
        """Replaces a stored proposal. Hold the tenant's gate."""
        ...

    def proposals(self, connection: Connection, tenant: str, after: str, limit: int) -> list[Proposal]:
        """In order of name, after one."""
        ...

    def gate(self, connection: Connection, tenant: str) -> None:
        """Waits for and holds what only one transaction of a tenant may do at a time: replace the policy, or count what
        was sent to persons and add to it. Take it after all other locks, and count after it is taken."""
        ...

    def steady(self, connection: Connection, tenant: str) -> int:
        """Keeps the policy, and what the suppression list holds back, from changing until the transaction ends, and
        answers the version in force; many may. Take it after all other locks."""
        ...


class SuppressionList(Protocol):
    """Addresses that are left in peace, by (tenant, dest_hash, scope, name)."""

    def add(self, connection: Connection, tenant: str, entries: Sequence[Suppression]) -> None:
        """Adds entries once nobody holds the rules steady; one that is there stays, and is about every class from now
        on if the new one is. Take no other lock after it but the changelog's."""
        ...

    def remove(
        self, connection: Connection, tenant: str, dest_hashes: Collection[str], scope: Scope, name: str
    ) -> int:
        """Takes entries away; returns how many there were."""
        ...

    def of(self, connection: Connection, tenant: str, dest_hashes: Collection[str]) -> list[Suppression]:
        """Every entry of these addresses."""
        ...

    def page(
        self, connection: Connection, tenant: str, after: tuple[str, str, str], limit: int
    ) -> list[Suppression]:
        """In order of (dest_hash, scope, name), after one."""
        ...
