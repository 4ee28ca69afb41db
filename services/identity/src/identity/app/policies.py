"""The linking policy that is in force for each tenant."""

import json
from threading import Lock

from identity.domain.policy import Policy, parse_policy
from identity.store.linking_ports import Policies
from identity.store.ports import Stores

MAX_REMEMBERED = 1_000
"""Tenants whose parsed policy is kept in memory, at most."""


class PolicyBook:
    """Answers with the built-in policy for tenants that have none of their own. Remembers parsed policies; a version
    that is in force never changes. Safe to use from any threads."""

    def __init__(self, built_in: Policy) -> None:
        self.built_in = built_in
        self._parsed: dict[str, tuple[int, Policy]] = {}
        self._remembering = Lock()

    def of(self, stores: Stores, tenant: str) -> Policy:
        """The policy in force in this transaction."""
        return self.of_version(stores.policies, tenant, stores.policies.in_force(tenant))

    def of_version(self, policies: Policies, tenant: str, version: int) -> Policy:
        """A stored version; 0 is the built-in policy."""
        known = self._parsed.get(tenant)
        if known is not None and known[0] == version:
            return known[1]
        parsed = self.built_in
        if version:
            stored = policies.get(tenant, version)
            if stored is None:
                raise LookupError(f"the linking policy {version} of a tenant is missing from the store")
            parsed = parse_policy(json.loads(stored.document))
        if known is None or version > known[0]:  # a reader may see an earlier version than a writer did
            self._remember(tenant, version, parsed)
        return parsed

    def remembered(self, tenant: str) -> Policy | None:
        """What was in force when the tenant was asked for last; None when nobody asked, or long ago."""
        known = self._parsed.get(tenant)
        return None if known is None else known[1]

    def latest_known(self, tenant: str) -> tuple[int, Policy]:
        """What is remembered with its version, else the built-in policy, without a look at the store."""
        return self._parsed.get(tenant, (0, self.built_in))

    def _remember(self, tenant: str, version: int, policy: Policy) -> None:
        with self._remembering:
            self._parsed.pop(tenant, None)
            if len(self._parsed) >= MAX_REMEMBERED:
                del self._parsed[next(iter(self._parsed))]
            self._parsed[tenant] = (version, policy)
