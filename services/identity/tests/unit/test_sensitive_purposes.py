"""A sensitive purpose needs a consent of its own; declaring one, or joining persons, never widens permission."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from identity.domain.consents import (
    ALWAYS_SENSITIVE,
    Address,
    Channel,
    Consent,
    Permission,
    permission,
    permitted_purposes,
)

NOW = 100
AT = Address(Channel.SMS, "", b"h")
PURPOSES = ("marketing", "service", "health", "minors", "credit")
STATEMENTS = st.lists(
    st.builds(
        Consent,
        st.just(AT),
        st.sampled_from(PURPOSES),
        st.sampled_from(["", "one"]),
        st.booleans(),
        st.integers(1, 110),
        st.none() | st.integers(50, 150),
        st.just("v1"),
        st.sampled_from(["", "form 1", "form 2"]),
    ),
    max_size=6,
)


def grant(purpose: str, evidence: str = "form 1", **changes: object) -> Consent:
    return replace(Consent(AT, purpose, "", True, 10, None, "v1", evidence), **changes)


def permits(statements: list[Consent], purpose: str, sensitive: frozenset[str] = ALWAYS_SENSITIVE) -> bool:
    return permission(statements, purpose, "", NOW, sensitive) is Permission.GRANTED


def test_marketing_covers_no_sensitive_purpose() -> None:
    assert not permits([grant("marketing")], "health")
    assert permitted_purposes([grant("marketing")], NOW) == ("marketing",)


def test_a_consent_of_its_own_counts() -> None:
    statements = [grant("marketing"), grant("health", "form 2")]
    assert permits(statements, "health")
    assert permits(statements, "marketing")
    assert not permits(statements, "minors")


def test_one_signature_for_two_purposes_is_no_consent_to_the_sensitive_one() -> None:
    statements = [grant("marketing"), grant("health")]
    assert permits(statements, "marketing")
    assert not permits(statements, "health")
    assert not permits([grant("health", "")], "health"), "without evidence"


def test_a_tenant_declares_more() -> None:
    statements = [grant("credit", "")]
    assert permits(statements, "credit")
    assert not permits(statements, "credit", ALWAYS_SENSITIVE | {"credit"})


@given(
    STATEMENTS, st.sets(st.sampled_from(PURPOSES)), st.sampled_from(PURPOSES), st.sampled_from(["", "one"])
)
def test_declaring_purposes_sensitive_never_widens(
    statements: list[Consent], declared: set[str], purpose: str, brand: str
) -> None:
    wide = permission(statements, purpose, brand, NOW, frozenset())
    for sensitive in (ALWAYS_SENSITIVE, ALWAYS_SENSITIVE | declared):
        narrow = permission(statements, purpose, brand, NOW, sensitive)
        assert narrow is wide or narrow is Permission.NEVER


@given(STATEMENTS, st.sampled_from(PURPOSES), st.sampled_from(["", "one"]), st.integers(60, NOW))
def test_taking_back_ends_it_whatever_was_said_before(
    statements: list[Consent], purpose: str, brand: str, when: int
) -> None:
    earlier = [said for said in statements if said.time_us <= when]
    back = grant(purpose, "", granted=False, brand=brand, time_us=when)
    assert permission([*earlier, back], purpose, brand, NOW) is not Permission.GRANTED
