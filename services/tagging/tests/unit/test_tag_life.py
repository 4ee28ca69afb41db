"""No path skips review, nobody reviews their own, and the history says exactly where a tag stands."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.values import Kind
from tagging.domain.definition import StatisticKind, TagDefinition, TagValueType, Wording
from tagging.domain.governance import life as steps
from tagging.domain.governance.life import HistoryEntry, Moved, Step, TagLife, TagState, Taking
from tagging.domain.governance.people import Actor, OwnReview, Power, StepForbidden, StepRefused

NOW = dt.datetime(2026, 3, 10, tzinfo=dt.UTC)
PEOPLE = {
    "ann": Actor.of("ann"),
    "ben": Actor.of("ben"),
    "rita": Actor.of("rita", [Power.REVIEW]),
    "rob": Actor.of("rob", [Power.REVIEW]),
    "ada": Actor.of("ada", [Power.REVIEW, Power.DIRECT]),
}
STEPS = ("edit", "submit", "approve", "send_back", "withdraw", "discard", "activate", "apply", "deprecate")
STEPS += ("reinstate", "retire", "delete", "restore")


def definition(number: int = 1, owner: str = "") -> TagDefinition:
    kind = StatisticKind(f"COUNT(order_paid) IN LAST {number} DAYS")
    return TagDefinition("orders", Wording("订单", "Orders"), TagValueType(Kind.NUMBER), kind, owner=owner)


@dataclass(frozen=True)
class Act:
    step: str
    who: str
    number: int
    days: int
    forced: bool


def straight(*taken: tuple[str, str]) -> list[Act]:
    return [Act(step, who, 1, 0, False) for step, who in taken]


ACT = st.builds(
    Act,
    st.sampled_from(STEPS),
    st.sampled_from(sorted(PEOPLE)),
    st.integers(1, 9),
    st.integers(0, 40),
    st.booleans(),
)
# Chance alone seldom comes far: some stretches go straight ahead.
APPROVED = straight(("edit", "ann"), ("submit", "ann"), ("approve", "rita"))
ENDED = straight(("deprecate", "ann"), ("retire", "ann"))
STRETCH = st.one_of(
    ACT.map(lambda each: [each]),
    st.sampled_from([APPROVED, [*APPROVED, *straight(("activate", "ann"))], ENDED]),
)
ACTS = st.lists(STRETCH, max_size=30).map(lambda found: [each for stretch in found for each in stretch])


def act(life: TagLife | None, each: Act, now: dt.datetime) -> Moved:
    """Raises what the domain refuses; a step needs a life, except the first two."""
    taking = Taking(PEOPLE[each.who], now, "because", each.forced)
    if each.step == "edit":
        return steps.edit(life, taking, definition(each.number), "", life.version if life else 0)
    if each.step == "apply":
        return steps.apply(life, taking, definition(each.number), life.version + 1 if life else 1)
    if life is None:
        raise StepRefused("orders", "", each.step, ())
    if each.step == "activate":
        return steps.activate(life, taking, life.version + 1)
    step: Callable[[TagLife, Taking], Moved] = getattr(steps, each.step)
    return step(life, taking)


def walked(acts: list[Act]) -> list[tuple[TagLife | None, Moved]]:
    """Whatever is not refused, each with the life before it."""
    life: TagLife | None = None
    found: list[tuple[TagLife | None, Moved]] = []
    now = NOW
    for each in acts:
        now += dt.timedelta(days=each.days)
        try:
            moved = act(life, each, now)
        except (StepRefused, StepForbidden, OwnReview):
            continue
        found.append((life, moved))
        life = moved.life
    return found


def replayed(entries: list[HistoryEntry]) -> tuple[str, str, bool]:
    """(standing, draft's state, deleted) from the lines alone."""
    standing, draft, deleted = "draft", "", False
    for each in entries:
        match each.step:
            case Step.DELETE:
                deleted = True
            case Step.RESTORE:
                deleted = False
            case Step.ACTIVATE:
                standing, draft = each.to_state, ""
            case Step.APPLY:
                standing, deleted = each.to_state, False
            case Step.DEPRECATE | Step.REINSTATE | Step.RETIRE:
                standing = each.to_state
            case _:
                draft = each.to_state
    return standing, draft, deleted


@given(ACTS)
def test_the_history_says_where_a_tag_stands(acts: list[Act]) -> None:
    taken = walked(acts)
    entries = [moved.entry for _, moved in taken]
    for place, (_, moved) in enumerate(taken):
        life = moved.life
        draft = life.draft.state.value if life.draft else ""
        assert replayed(entries[: place + 1]) == (life.standing.value, draft, life.deletion is not None)
        assert life.number == place + 1
        assert (moved.entry.subject, moved.entry.tag_id) in {(who, "orders") for who in PEOPLE}


@given(ACTS)
def test_what_comes_into_force_was_approved_by_somebody_else_or_applied_by_right(acts: list[Act]) -> None:
    approved: tuple[TagDefinition, tuple[str, ...], str, str] | None = None
    versions = []
    for before, moved in walked(acts):
        match moved.entry.step:
            case Step.APPROVE:
                assert before
                assert before.draft
                draft = before.draft
                approved = (draft.definition, draft.authors, draft.submitter, moved.entry.subject)
                own = {*draft.authors, draft.submitter, before.owner, draft.definition.owner}
                assert moved.entry.subject not in own
                assert Power.REVIEW in PEOPLE[moved.entry.subject].powers
            case Step.EDIT | Step.WITHDRAW | Step.RETURN | Step.DISCARD:
                approved = None
            case Step.ACTIVATE:
                assert before
                assert before.draft
                assert approved
                assert before.draft.definition == approved[0]
                assert approved[3] not in {*approved[1], approved[2]}
                assert before.draft.reviewer == approved[3]
                approved = None
            case Step.APPLY:
                assert Power.DIRECT in PEOPLE[moved.entry.subject].powers
            case _:
                pass
        was = before.in_force if before else False
        if moved.life.in_force and not was:
            assert moved.entry.step in {Step.ACTIVATE, Step.APPLY, Step.RESTORE}
        if moved.entry.step in {Step.ACTIVATE, Step.APPLY}:
            versions.append(moved.life.version)
    assert versions == sorted(set(versions))


@given(ACTS)
def test_only_those_concerned_take_steps(acts: list[Act]) -> None:
    for before, moved in walked(acts):
        actor = PEOPLE[moved.entry.subject]
        if before and moved.entry.step not in {Step.APPROVE, Step.RETURN, Step.APPLY}:
            assert steps.may_change(before, actor)
        if moved.entry.forced and moved.entry.step in {Step.RETIRE, Step.DELETE}:
            assert Power.DIRECT in actor.powers


def taking(who: str, days: int = 0) -> Taking:
    return Taking(PEOPLE[who], NOW + dt.timedelta(days=days), "because")


def drafted() -> TagLife:
    return steps.edit(None, taking("ann"), definition(), "", 0).life


def active() -> TagLife:
    life = steps.submit(drafted(), taking("ann")).life
    return steps.activate(steps.approve(life, taking("rita")).life, taking("ann"), 1).life


def test_a_tag_goes_from_draft_to_retired() -> None:
    life = active()
    assert (life.state, life.version, life.owner, life.draft) == (TagState.ACTIVE, 1, "ann", None)
    life = steps.deprecate(life, taking("ann"), "orders_30d").life
    assert steps.retire(life, taking("ann")).life.replacement == "orders_30d"


@pytest.mark.parametrize("who", ["ann", "ben", "rob"])
def test_a_reviewer_who_wrote_submitted_or_owns_it_is_refused(who: str) -> None:
    people = {"ann": "own it", "ben": "submitted it", "rob": "wrote a part of it"}
    life = steps.edit(None, taking("ada"), definition(owner="ann"), "", 0).life
    # rob is made an author by the owner of the draft handing it on.
    life = steps.edit(
        steps.TagLife("orders", draft=life.draft, number=1), taking("rob"), definition(2, "ann"), "", 0
    ).life
    life = steps.TagLife("orders", draft=life.draft, owner="", number=2)
    life = steps.submit(life, taking("ben")).life
    reviewer = Taking(Actor.of(who, [Power.REVIEW]), NOW)
    with pytest.raises(OwnReview, match=people[who]):
        steps.approve(life, reviewer)
    with pytest.raises(OwnReview, match=people[who]):
        steps.send_back(life, reviewer)


def test_a_change_leaves_what_is_in_force() -> None:
    life = steps.edit(active(), taking("ann"), definition(2), "e1", 1).life
    assert (life.state, life.draft and life.draft.state) == (TagState.ACTIVE, TagState.DRAFT)
    assert steps.discard(life, taking("ann")).life.state is TagState.ACTIVE


def test_a_draft_in_review_is_withdrawn_before_it_is_changed_and_the_approval_is_void() -> None:
    life = steps.submit(drafted(), taking("ann")).life
    with pytest.raises(StepRefused, match="withdraw it first"):
        steps.edit(life, taking("ann"), definition(2), "", 0)
    life = steps.withdraw(steps.approve(life, taking("rita")).life, taking("ann")).life
    assert life.draft
    assert (life.draft.state, life.draft.reviewer) == (TagState.DRAFT, "")
    with pytest.raises(StepRefused):
        steps.activate(life, taking("ann"), 1)


def test_an_active_tag_is_deleted_by_right_only_and_restored_as_it_stood() -> None:
    with pytest.raises(StepRefused, match="deprecate and retire it first"):
        steps.delete(active(), taking("ann"))
    gone = steps.delete(active(), taking("ada")).life
    assert gone.state is TagState.DELETED
    assert steps.restore(gone, taking("ada", 29)).life.state is TagState.ACTIVE
    with pytest.raises(StepRefused):
        steps.restore(gone, taking("ada", 30))
    assert steps.purge(gone, taking("ada", 30)).to_state == ""
    with pytest.raises(StepRefused):
        steps.purge(gone, taking("ada", 29))


def test_a_draft_of_nothing_in_force_is_deleted_not_discarded() -> None:
    with pytest.raises(StepRefused, match="delete it instead"):
        steps.discard(drafted(), taking("ann"))
    assert (
        steps.restore(steps.delete(drafted(), taking("ann")).life, taking("ann")).life.draft
        == drafted().draft
    )


def test_a_retired_tag_comes_back_through_a_draft_only() -> None:
    life = steps.retire(steps.deprecate(active(), taking("ann")).life, taking("ann")).life
    with pytest.raises(StepRefused):
        steps.apply(life, taking("ada"), definition(3), 2)
    life = steps.edit(life, taking("ann"), definition(3), "", 1).life
    life = steps.approve(steps.submit(life, taking("ann")).life, taking("rita")).life
    life = steps.activate(life, taking("ann"), 2).life
    assert (life.state, life.version, life.replacement) == (TagState.ACTIVE, 2, "")


def test_a_tag_without_an_owner_is_anybodys() -> None:
    life = steps.apply(None, taking("ada"), definition(), 1).life
    assert steps.deprecate(life, taking("ben")).life.state is TagState.DEPRECATED
    with pytest.raises(StepForbidden, match="its owner ann"):
        steps.deprecate(active(), taking("ben"))
