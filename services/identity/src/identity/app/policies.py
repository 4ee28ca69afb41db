"""The linking policy that is in force for each tenant."""

import json

from identity.domain.policy import Policy, parse_policy
from identity.store.linking_ports import Policies
from identity.store.ports import Stores

MAX_REMEMBERED = 1_000
"""Tenants whose parsed policy is kept in memory, at most."""


class PolicyBook:
    """Answers with the built-in policy for tenants that have none of their own. Remembers parsed policies; a version
    never changes."""

    def __init__(self, built_in: Policy) -> None:
        self.built_in = built_in
        self._parsed: dict[str, tuple[int, Policy]] = {}

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

    def is_known(self, tenant: str) -> bool:
        """Whether the tenant was ever asked for, so that `latest_known` says what is in force."""
        return tenant in self._parsed

    def latest_known(self, tenant: str) -> tuple[int, Policy]:
        """What was in force when the tenant was asked for last, without a look at the store."""
        return self._parsed.get(tenant, (0, self.built_in))

    def _remember(self, tenant: str, version: int, policy: Policy) -> None:
        if len(self._parsed) >= MAX_REMEMBERED:
            self._parsed.pop(next(iter(self._parsed)))
        self._parsed[tenant] = (version, policy)
