"""Policies are read whole or refused with the place."""

import re
from copy import deepcopy
from typing import Any

import pytest
from identity.domain.policy import Grade, PersonLimit, parse_policy
from identity.standards.load import load_standards

NAMESPACE: dict[str, Any] = {"name": "phone", "grade": "strong", "scope": "tenant", "form": "phone"}
DOCUMENT: dict[str, Any] = {"version": 1, "max_person_keys": 10, "namespaces": [NAMESPACE]}


def changed(**words: Any) -> dict[str, Any]:
    return dict(DOCUMENT, namespaces=[NAMESPACE | words])


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (changed(colour="red"), "namespace phone: it has unknown words: colour"),
        (changed(grade="medium"), "namespace phone: 'medium'"),
        (changed(scope="galaxy"), "scope is tenant or source"),
        (changed(validity_days=-1), "validity_days is not a number from 0 to 3650"),
        (changed(person_limit={"count": 1}), "window_days is not a number"),
        (changed(person_limit={"count": 0, "window_days": 7}), "count is not a number"),
        (changed(limits={"nobody": 1}), "a limit is for a grade or a namespace"),
        (changed(blocked_patterns=["("]), "not an RE2 expression"),
        (changed(blocked_patterns=["(a)\\1"]), "not an RE2 expression"),
        (changed(blocked_patterns=["a" * 257]), "not 1 to 256 characters"),
        (dict(DOCUMENT, max_person_keys="ten"), "max_person_keys is not a number"),
        (dict(DOCUMENT, namespaces=[NAMESPACE, NAMESPACE]), "name of its own"),
        (dict(DOCUMENT, namespaces=[]), "is not a list of 1 to"),
        (dict(DOCUMENT, extra=1), "the policy has unknown words: extra"),
    ],
)
def test_a_policy_with_a_mistake_is_refused_with_its_place(document: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        parse_policy(deepcopy(document))


def test_blocked_values_and_patterns_hold_normal_forms_whole_and_without_case() -> None:
    policy = parse_policy(changed(blocked_values=["Test", "13900000001"], blocked_patterns=["1700000.*"]))
    assert policy.blocks("phone", "test")
    assert policy.blocks("phone", "TEST")
    assert policy.blocks("phone", "+8613900000001")
    assert policy.blocks("phone", "+8617000001234")
    assert not policy.blocks("phone", "+8613900000002")
    assert not policy.blocks("phone", "a test")
    assert not parse_policy(DOCUMENT).blocks("phone", "test")


def test_a_hostile_pattern_costs_time_linear_in_the_value() -> None:
    policy = parse_policy(changed(blocked_patterns=["(a+)+b", "(a|a)*c"]))
    assert not policy.blocks("phone", "a" * 256)


def test_by_default_a_silent_phone_is_given_out_again_and_a_script_has_no_owner() -> None:
    namespaces = load_standards().policy.namespaces
    assert namespaces["phone"].validity_days == 180
    weak = [declared for declared in namespaces.values() if declared.grade is Grade.WEAK]
    assert {declared.person_limit for declared in weak} == {PersonLimit(20, 30)}
    assert all(declared.limit_for(namespaces["phone"]) == 20 for declared in weak)
