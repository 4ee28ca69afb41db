"""Whatever people do, in any order, what is in force, the lives, the versions and the history say the same."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servicekit.errors import ServiceError
from sqlalchemy import Connection
from tagging.app.governance.lives import Request
from tagging.catalogue.files import parse_definitions
from tagging.domain.definition import TagDefinition
from tagging.domain.governance.life import HistoryEntry, Step, TagLife
from tagging.domain.governance.people import Actor, Power
from tagging.domain.governance.uses import TagUse, UserKind
from tagging.governance_wiring import governance_stores

TAGS = {
    "a": "statistic: COUNT(order_paid) IN LAST {n} DAYS",
    "b": "statistic: a * {n}",
    "c": "statistic: b + {n}",
}
PEOPLE = {
    "ann": Actor.of("ann"),
    "rita": Actor.of("rita", [Power.REVIEW]),
    "ada": Actor.of("ada", [Power.REVIEW, Power.DIRECT]),
}
STORES = governance_stores()
STEPS = ("submit", "approve", "send_back", "withdraw", "discard", "activate")
TAG_STEPS = ("deprecate", "reinstate", "retire", "delete", "restore")


def definition(tag_id: str, number: int) -> TagDefinition:
    text = f"{{zh: {number}, en: {number}}}"
    (found,) = parse_definitions(
        f"- {{tag_id: {tag_id}, name: {text}, description: {text}, calculation: {text}, owner: ann, "
        f"type: number, {TAGS[tag_id].format(n=number)}}}",
        "test",
    )
    return found


@dataclass(frozen=True)
class Act:
    step: str
    tag_id: str
    who: str
    number: int
    force: bool


def act(step: str, tag_id: str, who: str = "ann") -> Act:
    return Act(step, tag_id, who, 1, False)


ACT = st.builds(
    Act,
    st.sampled_from((*STEPS, *TAG_STEPS, "write", "apply", "apply_all", "apply_only", "use", "wait")),
    st.sampled_from(sorted(TAGS)),
    st.sampled_from(sorted(PEOPLE)),
    st.integers(1, 3),
    st.booleans(),
)


def reviewed(tag_id: str) -> list[Act]:
    steps = (("write", "ann"), ("submit", "ann"), ("approve", "rita"), ("activate", "ann"))
    return [act(step, tag_id, who) for step, who in steps]


def ended(tag_id: str) -> list[Act]:
    return [act("deprecate", tag_id), act("retire", tag_id)]


# Chance alone seldom comes far: some stretches go straight ahead, and the admin's steps seldom fail.
DIRECT = st.builds(
    Act,
    st.sampled_from(("apply", "apply_all", "apply_only", "delete", "restore", "deprecate", "retire", "use")),
    st.sampled_from(sorted(TAGS)),
    st.just("ada"),
    st.integers(1, 3),
    st.booleans(),
)
STRETCH = st.one_of(
    ACT.map(lambda each: [each]),
    DIRECT.map(lambda each: [each]),
    DIRECT.map(lambda each: [each]),
    st.sampled_from([*map(reviewed, TAGS), *map(ended, TAGS), [act("apply_all", "a", "ada")]]),
)
ACTS = st.lists(STRETCH, min_size=8, max_size=24).map(
    lambda found: [each for stretch in found for each in stretch]
)


def do(world, connection: Connection, each: Act) -> None:
    """Raises what the use cases refuse."""
    governance, tenant = world.governance, world.tenant
    request = Request(PEOPLE[each.who], each.tag_id, "", "because", each.force)
    applied = {"actor": PEOPLE[each.who], "validate_only": False, "etag": "", "force": each.force}
    match each.step:
        case "write":
            governance.drafts.write(connection, tenant, request, definition(each.tag_id, each.number))
        case "apply":
            world.apply_tags(
                connection, tenant, [definition(each.tag_id, each.number)], delete_missing=False, **applied
            )
        case "apply_all":
            wanted = [definition(tag_id, each.number) for tag_id in TAGS]
            world.apply_tags(connection, tenant, wanted, delete_missing=False, **applied)
        case "apply_only":
            wanted = [definition(each.tag_id, each.number)]
            world.apply_tags(connection, tenant, wanted, delete_missing=True, **applied)
        case "use":
            uses = [TagUse(UserKind.SEGMENT, "s", (each.tag_id,))] if each.force else []
            governance.report_use(connection, tenant, "segments", uses)
        case "wait":
            governance.empty_bin(connection)
        case "deprecate" | "retire":
            getattr(governance.steps, each.step)(connection, tenant, request, "")
        case step if step in TAG_STEPS:
            getattr(governance.steps, step)(connection, tenant, request)
        case step:
            getattr(governance.drafts, step)(connection, tenant, request)


def lives(world, connection: Connection) -> dict[str, TagLife]:
    return STORES.lives.of(connection, world.tenant, TAGS)


def agree(connection: Connection, world, *, forced: bool) -> None:
    stored = world.tags.catalogue.all(connection, world.tenant)
    known = lives(world, connection)
    assert {tag_id for tag_id, life in known.items() if life.in_force} == stored.keys()
    assert world.tags.values.columns(connection, world.tenant).keys() == stored.keys()
    for tag_id, life in known.items():
        history = STORES.history.page(connection, world.tenant, tag_id, "", 0, 10_000)
        assert told(history) == (
            life.standing.value,
            life.draft.state.value if life.draft else "",
            bool(life.deletion),
        )
        if life.version:
            version = STORES.versions.get(connection, world.tenant, tag_id, life.version)
            assert version is not None
            assert tag_id not in stored or version.definition == stored[tag_id].definition
        if tag_id in stored:
            assert stored[tag_id].version == life.version
            assert stored[tag_id].deprecated is (life.standing.value == "deprecated")
    if not forced:
        assert world.columns.of(connection, world.tenant).broken == {}


def told(history: list[HistoryEntry]) -> tuple[str, str, bool]:
    """(standing, draft's state, deleted) from the lines since the last purge."""
    standing, draft, deleted = "draft", "", False
    for each in history:
        match each.step:
            case Step.PURGE:
                standing, draft, deleted = "draft", "", False
            case Step.DELETE | Step.RESTORE:
                deleted = each.step is Step.DELETE
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
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_in_force_is_what_the_records_say(small_world: Callable, acts: list[Act]) -> None:
    world, forced = small_world(), False
    for each in acts:
        if each.step == "wait":
            world.clock.advance(dt.timedelta(days=each.number * 15))
        before = world.database.read_now(lambda connection: lives(world, connection))
        used = world.database.read_now(lambda connection: STORES.uses.all(connection, world.tenant))
        try:
            world.database.write_now(lambda connection, each=each: do(world, connection, each))
        except ServiceError:
            after = world.database.read_now(lambda connection: lives(world, connection))
            assert after == before
            continue
        forced = forced or each.force
        world.database.read_now(agree, world, forced=forced)
        after = world.database.read_now(lambda connection: lives(world, connection))
        left = {tag_id for tag_id, life in before.items() if life.in_force} - {
            tag_id for tag_id, life in after.items() if life.in_force
        }
        if left and not each.force:
            assert not left & {tag_id for use in used for tag_id in use.tag_ids}
