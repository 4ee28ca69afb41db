"""Whoever is merged with whomever: GetContactPoints hands out no address that was not permitted before."""

from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from identity.api.encoding import ProtoEncoding
from identity.app.get_contact_points import ContactPointStatus, ContactQuestion, GetContactPoints
from identity.app.hot_keys import HotKeys
from identity.domain.consents import Channel
from identity.domain.evidence import LinkKind
from identity.domain.record import StatedAddress, StatedConsent
from identity.domain.verdicts import OperationKind
from identity.main import Wiring
from identity.store.vault import KeyVault
from linking_world import Said
from online_world import OnlineWorld
from servicekit.clock import ManualClock

MEMBERS, ADDRESSES = 4, 4
DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Statement:
    """A member's record that names an address and perhaps what it permits."""

    member: int
    address: int
    permission: tuple[bool, int, int | None] | None
    """Granted, the day it was said, the day it lapses."""


STATEMENTS = st.lists(
    st.builds(
        Statement,
        st.integers(0, MEMBERS - 1),
        st.integers(0, ADDRESSES - 1),
        st.none() | st.tuples(st.booleans(), st.integers(0, 9), st.none() | st.integers(5, 40)),
    ),
    min_size=1,
    max_size=12,
)
MERGES = st.lists(
    st.tuples(st.integers(0, MEMBERS - 1), st.integers(0, MEMBERS - 1)).filter(
        lambda pair: pair[0] != pair[1]
    ),
    min_size=1,
    max_size=3,
)
NOW_DAY = 20


def address(number: int) -> StatedAddress:
    return StatedAddress(Channel.SMS, "", f"+8613900000{number:03d}")


def key(member: int) -> tuple[str, int]:
    """Members with different cards may be merged."""
    return ("member_id", "crm_id", "phone", "device_id")[member], 0


def permits(statements: list[Statement], number: int) -> bool:
    """By the statements at an address alone: the latest, of equals the one that takes back, of those the shortest."""
    said = [each.permission for each in statements if each.address == number and each.permission]
    if not said:
        return False
    granted, _, lapses = max(said, key=lambda each: (each[1], not each[0], -(each[2] or 10**6)))
    return granted and (lapses is None or lapses > NOW_DAY)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(STATEMENTS, MERGES)
def test_a_merge_never_widens_permission(
    wiring: Wiring, secret: bytes, clock: ManualClock, statements: list[Statement], merges: Any
) -> None:
    today_us = int(clock.now().timestamp() * 1_000_000) - NOW_DAY * DAY_US
    world = OnlineWorld(wiring, secret, HotKeys())
    people = [Said((key(member),), LinkKind.CO_OCCURRENCE, 0, False) for member in range(MEMBERS)]
    world.send([*people, *(said(each, today_us) for each in statements)], range(MEMBERS + len(statements)))
    ask = GetContactPoints(KeyVault(secret), clock, ProtoEncoding(), "identity")
    before = {member: reached(world, ask, member) for member in range(MEMBERS)}
    held = {m: {each.address for each in statements if each.member == m} for m in range(MEMBERS)}
    allowed = {address(number).address for number in range(ADDRESSES) if permits(statements, number)}
    for member, found in before.items():
        own = {address(number).address for number in held[member]}
        assert found in own & allowed if own & allowed else found == ""
    for one, other in merges:
        world.decide(OperationKind.MERGE, (frozenset({key(one)}), frozenset({key(other)})))
    rows = {world.name_of(key_id): row.person_id for key_id, row in world.rows().items()}
    for member in range(MEMBERS):
        merged = [other for other in range(MEMBERS) if rows[key(other)] == rows[key(member)]]
        assert reached(world, ask, member) in {before[other] for other in merged}
        assert bool(reached(world, ask, member)) == any(before[other] for other in merged)


def said(statement: Statement, today_us: int) -> Said:
    at = address(statement.address)
    consents: tuple[StatedConsent, ...] = ()
    if statement.permission is not None:
        granted, day, lapses = statement.permission
        expire_us = None if lapses is None else today_us + lapses * DAY_US
        consents = (StatedConsent(at, "marketing", granted, today_us + day * DAY_US, expire_us, "v1", "e"),)
    return Said((key(statement.member),), LinkKind.CO_OCCURRENCE, 0, False, consents, (at,))


def reached(world: OnlineWorld, ask: GetContactPoints, member: int) -> str:
    """The address that is handed out for whoever a member is now; "" for none."""
    names = {world.name_of(key_id): row.person_id for key_id, row in world.rows().items()}
    question = ContactQuestion(
        world.tenant, "tester", [names[key(member)]], "marketing", Channel.SMS, "", "", "a test"
    )
    (result,) = world.look(lambda stores: ask(stores, question)).results
    assert bool(result.address) == (result.status is ContactPointStatus.PERMITTED)
    return result.address
