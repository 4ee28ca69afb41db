"""Who may be sent what, decided over a real store: caps across campaigns, merges, hours, on every adapter."""

import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from activation.app.claiming import Reached
from activation.domain.caps import Cap, Period
from activation.domain.hours import Hours
from activation.domain.ledger import Move
from activation.domain.policy import NamedPeriod, Policy
from activation.domain.suppression import Scope
from activation.main import MIGRATIONS
from deciding_world import Decisions, S
from hypothesis import given
from hypothesis import strategies as st
from servicekit.database import Database
from servicekit.testing.migrated import SqliteTemplates
from sqlalchemy import Connection, text

A_DAY = Cap("marketing", "sms", "", Period.DAY, 1)
ONE_A_DAY = Policy(caps=(A_DAY,))


@pytest.fixture
def world(database: Database) -> Decisions:
    return Decisions(database)


def test_a_cap_holds_across_campaigns_until_the_persons_day_ends(world: Decisions) -> None:
    world.allow(Policy(caps=(replace(A_DAY, limit=2), replace(A_DAY, period=Period.WEEK, limit=3))))
    for name in ("c1", "c2", "c3"):
        world.run(name, [1, 2])
    assert world.send() == {(name, person) for name in ("c1", "c2") for person in (1, 2)}
    assert {(row.state, row.reason) for row in world.rows("c3").values()} == {(S.SUPPRESSED, "capped_day")}
    world.clock.advance(timedelta(days=1))
    world.run("c4", [1, 2])
    world.run("c5", [1])
    assert world.send() == {("c4", 1), ("c4", 2)}
    assert world.rows("c5")[1].reason == "capped_week"
    world.clock.advance(timedelta(days=4))
    world.run("c6", [1])
    assert world.send() == {("c6", 1)}


def test_class_channel_and_brand_have_caps_of_their_own(world: Decisions) -> None:
    brand = replace(A_DAY, channel="", brand="north", limit=1)
    world.allow(Policy(caps=(A_DAY, brand)))
    world.run("c1", [1], brand="north")
    world.run("c2", [1], brand="north", account="push")
    world.run("c3", [1], account="push")
    world.run("c4", [1], message_class="transactional")
    world.run("c5", [1], message_class="otp")
    world.run("c6", [1])
    assert world.send() == {("c1", 1), ("c4", 1), ("c5", 1)}
    assert world.send("push") == {("c3", 1)}
    assert world.rows("c2")[1].reason == world.rows("c6")[1].reason == "capped_day"


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        *((state, True) for state in (S.SUBMITTING, S.UNKNOWN, S.ACCEPTED, S.DELIVERED, S.UNDELIVERED)),
        *((state, True) for state in (S.NO_RECEIPT, S.ABANDONED)),
        *((state, False) for state in (S.REJECTED, S.READY, S.RETRY_WAIT, S.EXPIRED, S.CANCELLED)),
    ],
)
def test_what_may_have_been_sent_counts_and_what_was_certainly_not_does_not(
    sqlite_decisions: Decisions, state: S, counts: bool
) -> None:
    world = sqlite_decisions
    world.allow(ONE_A_DAY)
    world.run("c1", [1])
    claimed = world.claim()
    assert claimed is not None
    (chosen,) = world.decide(claimed)
    world.move(state, [chosen.claim.delivery_id])
    world.do(world.campaigns.pause, "t1", "c1", "")
    world.run("c2", [1])
    assert world.send() == (set() if counts else {("c2", 1)})


def test_what_turns_out_to_have_been_sent_after_it_was_taken_anew_counts(world: Decisions) -> None:
    world.allow(ONE_A_DAY)
    world.run("c1", [1])
    first = world.claim()
    assert first is not None
    (chosen,) = world.decide(first)
    world.move(S.READY, [chosen.claim.delivery_id])  # the provider did not know it
    assert world.claim() is not None
    receipt = Move(chosen.claim.delivery_id, S.DELIVERED, accepted=True)
    world.do(world.ledger.move, "t1", [receipt], world.clock.now())
    world.run("c2", [1])
    assert world.send() == set()


def test_a_claim_counts_from_its_decision_and_a_second_look_counts_once(world: Decisions) -> None:
    world.allow(Policy(caps=(replace(A_DAY, limit=2),)))
    world.run("c1", [1])
    first = world.claim()
    assert first is not None
    assert len(world.decide(first)) == 1
    world.do(world.claiming.give_back, first)
    for _ in range(3):
        again = world.claim()
        assert again is not None
        assert len(world.decide(again)) == len(world.decide(again)) == 1
        world.do(world.claiming.give_back, again)
    world.run("c2", [1])
    world.run("c3", [1])
    assert world.send() == {("c1", 1), ("c2", 1)}


def test_caps_follow_a_merge_and_its_undo(world: Decisions) -> None:
    world.allow(Policy(caps=(replace(A_DAY, limit=2, period=Period.MONTH),)))
    world.run("c1", [1, 2])
    world.run("c2", [2])
    assert world.send() == {("c1", 1), ("c1", 2), ("c2", 2)}
    world.merged = {2: 1}
    world.run("c3", [1])
    world.run("c4", [2])
    assert world.send() == set()
    world.merged = {}
    world.run("c5", [1, 2])
    assert world.send() == {("c5", 1)}
    world.merged = {1: 3, 2: 3}
    world.run("c6", [3])
    assert world.send() == set()


def test_two_rows_of_one_merged_person_in_one_claim_count_together(world: Decisions) -> None:
    world.allow(ONE_A_DAY)
    world.merged = {2: 1}
    world.run("c1", [1, 2, 3])
    assert len(world.send()) == 2
    assert sorted(row.state for row in world.rows("c1").values()) == [S.SUPPRESSED, S.ACCEPTED, S.ACCEPTED]


def test_a_cap_that_comes_later_counts_what_was_sent_before(world: Decisions) -> None:
    world.run("c1", [1])
    assert world.send() == {("c1", 1)}
    world.allow(ONE_A_DAY)
    world.run("c2", [1])
    assert world.send() == set()
    told = world.rows("c2")[1].grounds
    assert told == '[1, "Asia/Shanghai", "2026-06-11", 1]'


def test_outside_the_hours_of_its_zone_a_row_waits_for_the_opening(world: Decisions) -> None:
    world.zones = {2: "America/New_York", 3: "Europe/London"}
    world.run("c1", [1, 2, 3], account="push")
    assert world.send("push") == {("c1", 1)}
    rows = world.rows("c1")
    assert {(rows[each].state, rows[each].reason) for each in (2, 3)} == {(S.RETRY_WAIT, "quiet_hours")}
    assert rows[2].grounds == '[0, "America/New_York", "2026-06-11"]'
    world.clock.advance(timedelta(hours=3, minutes=30))
    assert world.send("push") == {("c1", 3)}
    world.clock.advance(timedelta(hours=5))
    assert world.send("push") == {("c1", 2)}


def test_marketing_sms_to_the_mainland_keeps_the_laws_hours_there(world: Decisions) -> None:
    world.allow(Policy(marketing_hours=Hours(0, 1_440)))
    world.zones = {1: "America/New_York"}
    world.clock.advance(timedelta(hours=10))
    world.run("c1", [1])
    world.run("c2", [1], account="push")
    world.run("c3", [1], message_class="transactional")
    assert world.send() == {("c3", 1)}
    assert world.send("push") == {("c2", 1)}
    assert world.rows("c1")[1].reason == "quiet_hours"


def test_what_is_let_through_is_good_until_the_hours_or_the_day_end(world: Decisions) -> None:
    world.run("c1", [1])
    world.run("c2", [1], message_class="otp")
    ends = []
    for _ in range(2):
        claimed = world.claim()
        assert claimed is not None
        ends += [each.until - world.clock.now() for each in world.decide(claimed)]
    assert sorted(ends) == [timedelta(hours=9), timedelta(hours=12)]


def test_the_control_group_of_the_quarter_is_held_back_from_all_marketing(world: Decisions) -> None:
    world.allow(Policy(control_basis_points=5_000))
    people = range(1, 41)
    world.run("c1", people)
    world.run("c2", people, account="push")
    world.run("c3", people, message_class="transactional")
    held = {person for person, row in world.rows("c1").items() if row.state is S.HOLDOUT}
    assert 5 < len(held) < 35
    assert {row.reason for row in world.rows("c1").values()} == {"", "control_group"}
    assert held == {person for person, row in world.rows("c2").items() if row.state is S.HOLDOUT}
    assert not any(row.state is S.HOLDOUT for row in world.rows("c3").values())
    world.clock.advance(timedelta(days=30))
    world.run("c4", people)
    assert held != {person for person, row in world.rows("c4").items() if row.state is S.HOLDOUT}


def test_campaigns_go_by_class_and_priority(world: Decisions) -> None:
    world.run("c1", [1])
    world.run("c2", [1], priority=7)
    world.run("c3", [1], message_class="transactional")
    world.run("c4", [1], message_class="otp")
    order = []
    while (claimed := world.claim()) is not None:
        order.append(claimed.campaign.campaign_id)
    assert order == ["c4", "c3", "c2", "c1"]


def test_decisions_at_the_same_time_share_one_cap(world: Decisions) -> None:
    if world.database.dialect == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    world.allow(ONE_A_DAY)
    names = ["c1", "c2", "c3", "c4"]
    for name in names:
        world.run(name, range(1, 51))
    claims = [world.claim() for _ in names]
    chosen: Counter[int] = Counter()
    barrier = threading.Barrier(len(names))

    def decide(claimed) -> None:
        barrier.wait(10)
        chosen.update(each.claim.person_id for each in world.decide(claimed))

    threads = [threading.Thread(target=decide, args=(claimed,)) for claimed in claims]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert chosen == dict.fromkeys(range(1, 51), 1)


def test_who_is_about_to_send_is_waited_for_by_what_forbids_it(world: Decisions) -> None:
    """Once an address is on the list, or a policy in force, nothing begins any more that it forbids."""
    if world.database.dialect == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    world.run("c1", [1])
    claimed = world.claim()
    assert claimed is not None
    rows = world.decide(claimed)
    forbids = [
        threading.Thread(target=world.leave_in_peace, args=(1, Scope.GLOBAL)),
        threading.Thread(target=world.allow, args=(Policy(caps=(replace(A_DAY, limit=0),)),)),
    ]
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")

    def about_to_send(connection: Connection) -> None:
        assert world.deciding.still_allows(connection, world.accounts["sms"], claimed.campaign, rows)
        for thread in forbids:
            thread.start()
        while all(thread.is_alive() for thread in forbids):
            if world.database.read_now(lambda other: other.execute(waiting).scalar_one()) == len(forbids):
                return
        pytest.fail("a change did not wait")

    world.do(about_to_send)
    for thread in forbids:
        thread.join()
    assert not world.still_allows(claimed, rows)


def test_a_second_submission_keeps_to_hours_list_and_address(sqlite_decisions: Decisions) -> None:
    world = sqlite_decisions
    world.run("c1", [1, 2])
    claimed = world.claim()
    assert claimed is not None
    ids = [each.claim.delivery_id for each in world.decide(claimed)]
    persons = {person: world.reached(person) for person in (1, 2)}

    def reaches(persons: dict[int, Reached] = persons) -> bool:
        rows = [*world.do(world.ledger.held, "t1", ids).values()]
        arguments = (world.accounts["sms"], claimed.campaign, rows, persons)
        return world.do(world.deciding.still_reaches, *arguments)

    assert reaches()
    assert not reaches({1: persons[1]})
    assert not reaches(persons | {2: replace(persons[2], address="+8613900000000")})
    assert not reaches(persons | {2: replace(persons[2], no_profiling=True)})
    world.clock.advance(timedelta(hours=9))
    assert not reaches()
    world.clock.advance(timedelta(hours=15))
    assert reaches()
    world.leave_in_peace(2, Scope.GLOBAL)
    assert not reaches()


def test_what_another_policy_let_through_is_decided_anew(sqlite_decisions: Decisions) -> None:
    world = sqlite_decisions
    world.run("c1", [1])
    claimed = world.claim()
    assert claimed is not None
    rows = world.decide(claimed)
    assert world.still_allows(claimed, rows)
    world.allow(Policy(caps=(replace(A_DAY, limit=0),)))
    assert not world.still_allows(claimed, rows)
    world.do(world.claiming.give_back, claimed)
    assert world.send() == set()
    assert world.rows("c1")[1].reason == "capped_day"


@pytest.fixture
def sqlite_decisions(migrated_sqlite_url: str) -> Iterator[Decisions]:
    database = Database.open(migrated_sqlite_url, synchronous="NORMAL")
    yield Decisions(database)
    database.close_now()


PEOPLE = st.integers(1, 4)
STEPS = st.one_of(
    st.tuples(st.just("run"), st.sets(PEOPLE, min_size=1), st.sampled_from(["sms", "push"])),
    st.tuples(st.just("send"), st.sampled_from(["ACCEPTED", "REJECTED", "UNKNOWN", "READY"])),
    st.tuples(st.just("merge"), PEOPLE, PEOPLE),
    st.tuples(st.just("undo")),
    st.tuples(st.just("time"), st.sampled_from([1, 14, 24])),
)


@given(st.lists(STEPS, max_size=14))
def test_in_any_story_nobody_gets_more_than_allowed_of_what_counts_for_her(
    sqlite_templates: SqliteTemplates, story: list[tuple]
) -> None:
    """A cap holds for the person as identity has it at the decision: what two persons got before they were merged may
    be more, and nothing is added to it then."""
    with tempfile.TemporaryDirectory() as folder:
        url = sqlite_templates.copy(MIGRATIONS, Path(folder) / "store.db")
        database = Database.open(url, synchronous="NORMAL")
        try:
            _live(Decisions(database), story)
        finally:
            database.close_now()


def _live(world: Decisions, story: list[tuple]) -> None:
    world.allow(
        Policy(caps=(A_DAY, Cap("marketing", "", "", Period.WEEK, 2)), marketing_hours=Hours(0, 1_440))
    )
    effects: list[tuple[int, object, str]] = []
    for number, (name, *said) in enumerate(story):
        match name:
            case "run":
                world.run(f"c{number}", said[0], said[1])
            case "merge" if said[0] != said[1] and said[1] not in world.merged:
                world.merged = {who: whom for who, whom in world.merged.items() if whom != said[0]}
                world.merged[said[0]] = said[1]
            case "undo":
                world.merged = {}
            case "time":
                world.clock.advance(timedelta(hours=said[0]))
            case "send":
                for account in ("sms", "push"):
                    if (claimed := world.claim(account)) is not None:
                        chosen = world.decide(claimed, account)
                        _check(world, effects, account, [each.claim.person_id for each in chosen])
                        world.move(S[said[0]], [each.claim.delivery_id for each in chosen])
                        if said[0] in ("REJECTED", "READY"):
                            del effects[len(effects) - len(chosen) :]


def _check(world: Decisions, effects: list, account: str, persons: list[int]) -> None:
    day = (world.clock.now() + timedelta(hours=8)).date()
    for person in persons:
        whom = world.merged.get(person, person)
        hers = {whom, *(who for who, now in world.merged.items() if now == whom)}
        before = [each for each in effects if each[0] in hers]
        monday = day - timedelta(days=day.weekday())
        assert account != "sms" or not any(on == day and how == "sms" for _, on, how in before)
        assert sum(on >= monday for _, on, _ in before) < 2
        effects.append((whom, day, account))


def test_an_address_on_the_list_gets_nothing_of_the_entrys_scope(world: Decisions) -> None:
    world.leave_in_peace(1, Scope.GLOBAL)
    world.leave_in_peace(2, Scope.BRAND, "north")
    world.leave_in_peace(3, Scope.TOPIC, "new_arrivals")
    world.leave_in_peace(4, Scope.CHANNEL, "push")
    world.leave_in_peace(5, Scope.CHANNEL, "sms", every_class=True)
    people = range(1, 7)
    world.run("c1", people)
    world.run("c2", people, brand="north", topic="new_arrivals")
    world.run("c3", people, message_class="otp")
    world.run("c4", people, account="push")
    sent = world.send() | world.send("push")
    assert {person for name, person in sent if name == "c1"} == {2, 3, 4, 6}
    assert {person for name, person in sent if name == "c2"} == {4, 6}
    assert {person for name, person in sent if name == "c3"} == {1, 2, 3, 4, 6}
    assert {person for name, person in sent if name == "c4"} == set(people)
    assert {world.rows("c1")[each].reason for each in (1, 5)} == {"suppressed"}
    assert {world.rows("c1")[each].grounds for each in (1, 5)} == {'[0, "Asia/Shanghai", "2026-06-11"]'}


def test_what_was_let_through_is_looked_at_again_when_it_is_written_down(world: Decisions) -> None:
    world.run("c1", [1, 2])
    claimed = world.claim()
    assert claimed is not None
    one, two = world.decide(claimed)
    assert world.still_allows(claimed, [one, two])
    world.leave_in_peace(two.claim.person_id, Scope.TOPIC, "other")
    assert world.still_allows(claimed, [one, two])
    world.leave_in_peace(two.claim.person_id, Scope.GLOBAL)
    assert not world.still_allows(claimed, [one, two])
    assert world.still_allows(claimed, [one])
    world.clock.advance(timedelta(hours=9))
    assert not world.still_allows(claimed, [one])


def test_a_higher_campaign_takes_its_place_before_it_has_sent(world: Decisions) -> None:
    world.allow(Policy(caps=(replace(A_DAY, channel=""),)))
    world.run("low", [1, 2, 3])
    world.run("high", [1, 2], account="push", priority=5)
    world.run("equal", [3], account="push")
    world.run("notice", [1], message_class="transactional", priority=9)
    world.merged = {2: 4}
    assert world.send() == {("notice", 1), ("low", 3)}
    waiting = world.rows("low")
    assert {(waiting[each].state, waiting[each].reason) for each in (1, 2)} == {(S.RETRY_WAIT, "reserved")}
    high = world.claim("push")
    assert high is not None
    world.clock.advance(timedelta(minutes=11))
    assert world.send() == set()
    chosen = world.decide(high, "push")
    assert {each.claim.person_id for each in chosen} == {1, 2}
    world.move(S.REJECTED, [each.claim.delivery_id for each in chosen if each.claim.person_id == 1])
    world.clock.advance(timedelta(minutes=11))
    assert world.send() == {("low", 1)}
    assert world.rows("low")[2].reason == "capped_day"


def test_a_place_is_kept_for_a_day_and_not_for_a_campaign_that_stands_still(world: Decisions) -> None:
    world.allow(Policy(caps=(replace(A_DAY, channel=""),), marketing_hours=Hours(0, 1_440)))
    world.run("far", [1], account="push", priority=5)
    (row,) = world.rows("far").values()
    world.move(S.RETRY_WAIT, [row.delivery_id], due=timedelta(hours=25))
    world.run("paused", [2], account="push", priority=5)
    world.do(world.campaigns.pause, "t1", "paused", "")
    world.run("low", [1, 2])
    assert world.send() == {("low", 1), ("low", 2)}


def test_an_approved_period_has_caps_of_its_own_on_the_recipients_days(world: Decisions) -> None:
    world.allow(Policy(caps=(A_DAY,), marketing_hours=Hours(0, 1_440)))
    period = NamedPeriod("june", date(2026, 6, 11), date(2026, 6, 11), (replace(A_DAY, limit=2),))
    world.do(world.policies.propose, "t1", "ann", period)
    world.zones = {2: "Pacific/Kiritimati"}
    world.clock.advance(timedelta(hours=7))
    for name in ("c1", "c2"):
        world.run(name, [1, 2])
    assert world.send() == {("c1", 1), ("c1", 2)}
    world.do(world.policies.approve, "t1", "bob", "june")
    world.run("c3", [1, 2])
    world.run("c4", [1])
    assert world.send() == {("c3", 1)}
    assert world.rows("c4")[1].grounds == '[2, "Asia/Shanghai", "2026-06-11", 2]'
    world.do(world.policies.withdraw, "t1", "ann", "june")
    world.clock.advance(timedelta(hours=18))
    world.run("c5", [1])
    world.run("c6", [1])
    assert world.send() == {("c5", 1)}
