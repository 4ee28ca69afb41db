"""GetPolicy and SimulatePolicy: which policy links persons, and what another would make of them."""

from dataclasses import dataclass

from servicekit.errors import ResourceNotFound
from servicekit.revision import Revision

from identity.app.policies import PolicyBook
from identity.app.policy_lab import PolicyLab
from identity.app.resolve_identifiers import read_revision
from identity.domain.policy_effect import PolicyEffect
from identity.store.linking_rows import StoredPolicy
from identity.store.ports import Stores


@dataclass(frozen=True)
class Simulated:
    """What a policy would do."""

    effect: PolicyEffect
    revision: Revision


class GetPolicy:
    """Reads a version; the built-in one has number 0 and nobody who took it."""

    def __init__(self, built_in: str) -> None:
        self._built_in = StoredPolicy(0, built_in, "", "", 0)

    def __call__(self, stores: Stores, tenant: str, version: int | None) -> tuple[StoredPolicy, bool]:
        """The version, by default the one in force, and whether it is in force. Raises ResourceNotFound."""
        current = stores.policies.in_force(tenant)
        asked = current if version is None else version
        found = stores.policies.get(tenant, asked) if asked else self._built_in
        if found is None:
            raise ResourceNotFound(f"linking policy {asked}")
        return found, asked == current


class SimulatePolicy:
    """Reads one snapshot."""

    def __init__(self, policies: PolicyBook, lab: PolicyLab, service: str) -> None:
        self._policies = policies
        self._lab = lab
        self._service = service

    def __call__(self, stores: Stores, tenant: str, document: str) -> Simulated:
        """Raises InvalidField."""
        policy, _ = self._lab.parse(document)
        rehearsal = self._lab.rehearse(stores, tenant, self._policies.of(stores, tenant), policy)
        return Simulated(rehearsal.effect, read_revision(stores, self._service))
