"""A namespace that a tenant declares links as a built-in one does, and goes only while it has no identifiers."""

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from identity.domain.evidence import LinkKind
from identity.domain.policy import parse_policy
from identity.main import Wiring
from linking_world import DOCUMENT, RECORDS, Said
from policy_tenants import Tenant
from servicekit.clock import ManualClock
from servicekit.errors import WrongState

OWN = "crm_id"
WITHOUT = {**DOCUMENT, "namespaces": [each for each in DOCUMENT["namespaces"] if each["name"] != OWN]}
BUILT_IN = parse_policy(WITHOUT)
RULES = st.fixed_dictionaries(
    {"grade": st.sampled_from(["strong", "weak"]), "unique": st.booleans()},
    optional={
        "limits": st.just({"strong": 1}),
        "validity_days": st.just(30),
        "person_limit": st.just({"count": 1, "window_days": 20}),
        "verified_only": st.booleans(),
    },
)


def document(place: int, form: str, rules: dict[str, Any]) -> dict[str, Any]:
    """The policy with the namespace at a place of the priority."""
    namespaces = copy.deepcopy(WITHOUT["namespaces"])
    namespaces.insert(place, {"name": OWN, "scope": "tenant", "form": form, **rules})
    return {**DOCUMENT, "namespaces": namespaces}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(RECORDS, RULES, st.integers(0, 4))
def test_it_links_as_a_built_in_one(
    wiring: Wiring,
    secret: bytes,
    clock: ManualClock,
    records: list[Said],
    rules: dict[str, Any],
    place: int,
) -> None:
    built_in = parse_policy(document(place, "text", rules))
    constant = Tenant(wiring.database, secret, clock, built_in=built_in)
    tenant = Tenant(wiring.database, secret, clock, built_in=BUILT_IN)
    tenant.replay(document(place, "id", rules))
    numbered = list(enumerate(records))
    for each in (tenant, constant):
        each.send(numbered[: len(numbered) // 2])
        each.send(numbered[len(numbered) // 2 :])
    assert tenant.state() == constant.state()


def test_it_stays_while_it_has_identifiers(wiring: Wiring, secret: bytes, clock: ManualClock) -> None:
    tenant = Tenant(wiring.database, secret, clock, built_in=BUILT_IN)
    declared = document(1, "id", {"grade": "strong"})
    tenant.replay(declared)
    tenant.replay(WITHOUT)
    tenant.replay(declared)
    said = [Said(((OWN, n), ("phone", n)), LinkKind.LOGIN, 1, False) for n in range(3)]
    tenant.send(list(enumerate(said)))
    state = tenant.state()
    by_source = document(1, "id", {"grade": "strong", "scope": "source"})
    for other in (WITHOUT, by_source):
        for attempt in (tenant.replay, tenant.simulate):
            with pytest.raises(WrongState) as refused:
                attempt(other)
            assert refused.value.metadata == {
                "resource": f"the namespace {OWN}",
                "state": "the one of 3 identifiers",
            }
    assert tenant.state() == state
    tenant.replay(document(3, "id", {"grade": "weak"}))


def test_what_was_parsed_before_a_namespace_went_is_kept_without_it(
    wiring: Wiring, secret: bytes, clock: ManualClock
) -> None:
    tenant = Tenant(wiring.database, secret, clock, built_in=BUILT_IN)
    tenant.replay(document(1, "id", {"grade": "strong"}))
    late = tenant.prepare([(1, Said(((OWN, 1), ("phone", 1)), LinkKind.LOGIN, 1, False))])
    tenant.replay(WITHOUT)
    (outcome,) = tenant.commit(late)
    assert [refusal.problem.name for refusal in outcome.refusals] == ["NAMESPACE_UNKNOWN"]
    assert tenant.state()[0] == {frozenset({("phone", 1)})}
