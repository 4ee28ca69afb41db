"""What the use cases need of stored policies. Every method takes the connection of the caller's transaction."""

from typing import Protocol

from activation.domain.policy import StoredPolicy
from sqlalchemy import Connection


class PolicyStore(Protocol):
    """Every version of every tenant's policy."""

    def current(self, connection: Connection, tenant: str) -> StoredPolicy:
        """The version in force; the default when the tenant never stored one."""
        ...

    def version(self, connection: Connection, tenant: str, version: int) -> StoredPolicy | None:
        """One version, 0 is the default; None when there is none."""
        ...

    def add(self, connection: Connection, tenant: str, stored: StoredPolicy) -> None:
        """Puts a version in force. Hold the tenant's gate."""
        ...

    def gate(self, connection: Connection, tenant: str) -> None:
        """Waits for and holds what only one transaction of a tenant may do at a time: replace the policy, or count what
        was sent to persons and add to it. Take it after all other locks, and count after it is taken."""
        ...
