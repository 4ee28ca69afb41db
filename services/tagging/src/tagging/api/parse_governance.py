"""Requests of governance as the use cases take them, limits checked."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from huaxiang.tagging.v1 import (
    naming_rule_service_pb2,
    tag_life_pb2,
    tag_pb2,
    tag_request_service_pb2,
    tag_use_service_pb2,
)
from rules.calendars.periods import MAX_PERIODS
from rules.values import normal_text
from servicekit.calls import current_principal
from servicekit.errors import InvalidField, RightMissing
from servicekit.principal import Principal
from servicekit.rights import may
from tagging.api.parse_tags import at_most
from tagging.app.governance.lives import Request
from tagging.app.governance.refusals import reason_of
from tagging.domain.definition import Layer, Wording
from tagging.domain.governance.life import Step, TagState
from tagging.domain.governance.lineage import DEFAULT_DEPTH, MAX_DEPTH, Direction
from tagging.domain.governance.naming import MAX_RULES, MAX_WORDS, NamingRule, NamingRules
from tagging.domain.governance.people import Actor, Power
from tagging.domain.governance.requests import RequestState
from tagging.domain.governance.uses import MAX_USES, TagUse, UserKind

STATES: Mapping[TagState, "tag_pb2.TagState.ValueType"] = {
    TagState.DRAFT: tag_pb2.TAG_STATE_DRAFT,
    TagState.IN_REVIEW: tag_pb2.TAG_STATE_IN_REVIEW,
    TagState.APPROVED: tag_pb2.TAG_STATE_APPROVED,
    TagState.ACTIVE: tag_pb2.TAG_STATE_ACTIVE,
    TagState.DEPRECATED: tag_pb2.TAG_STATE_DEPRECATED,
    TagState.RETIRED: tag_pb2.TAG_STATE_RETIRED,
    TagState.DELETED: tag_pb2.TAG_STATE_DELETED,
}
REQUEST_STATES: Mapping[RequestState, "tag_request_service_pb2.TagRequestState.ValueType"] = {
    RequestState.OPEN: tag_request_service_pb2.TAG_REQUEST_STATE_OPEN,
    RequestState.ACCEPTED: tag_request_service_pb2.TAG_REQUEST_STATE_ACCEPTED,
    RequestState.DECLINED: tag_request_service_pb2.TAG_REQUEST_STATE_DECLINED,
    RequestState.WITHDRAWN: tag_request_service_pb2.TAG_REQUEST_STATE_WITHDRAWN,
    RequestState.FULFILLED: tag_request_service_pb2.TAG_REQUEST_STATE_FULFILLED,
}
STEPS: Mapping[Step, "tag_life_pb2.LifeStep.ValueType"] = {
    step: tag_life_pb2.LifeStep.Value(f"LIFE_STEP_{step.name}") for step in Step
}
LAYERS: Mapping[Layer, "tag_pb2.TagLayer.ValueType"] = {
    Layer.BASIC: tag_pb2.TAG_LAYER_BASIC,
    Layer.DERIVED: tag_pb2.TAG_LAYER_DERIVED,
    Layer.BUSINESS: tag_pb2.TAG_LAYER_BUSINESS,
}
_KINDS = {
    tag_use_service_pb2.TAG_USER_KIND_SEGMENT: UserKind.SEGMENT,
    tag_use_service_pb2.TAG_USER_KIND_CAMPAIGN: UserKind.CAMPAIGN,
}
_DIRECTIONS = {
    tag_use_service_pb2.LINEAGE_DIRECTION_UNSPECIFIED: Direction.BOTH,
    tag_use_service_pb2.LINEAGE_DIRECTION_UPSTREAM: Direction.UPSTREAM,
    tag_use_service_pb2.LINEAGE_DIRECTION_DOWNSTREAM: Direction.DOWNSTREAM,
    tag_use_service_pb2.LINEAGE_DIRECTION_BOTH: Direction.BOTH,
}
Named = TypeVar("Named")


class StepRequest(Protocol):
    """What every request for a step of a tag has."""

    @property
    def tag_id(self) -> str: ...

    @property
    def etag(self) -> str: ...

    @property
    def reason(self) -> str: ...


def actor_of(principal: Principal) -> Actor:
    """The caller with its powers."""
    return Actor.of(principal.subject, [power for power in Power if may(principal, power.value)])


def step_of(
    request: StepRequest, *, force: bool = False, reason_needed: bool = False, etag_needed: bool = False
) -> Request:
    """Raises InvalidField, RightMissing (to force)."""
    actor = actor_of(current_principal())
    reason = reason_of(request.reason, needed=reason_needed or force)
    if etag_needed and not request.etag:
        raise InvalidField("etag", "is empty; say what was read, so that nothing else is approved")
    if force and Power.DIRECT not in actor.powers:
        raise RightMissing(Power.DIRECT.value)
    return Request(actor, request.tag_id, request.etag, reason, force)


def states_of(numbers: Iterable[int]) -> list[TagState]:
    """Raises InvalidField."""
    return [_named("states", STATES, each) for each in numbers]


def request_states_of(numbers: Iterable[int]) -> list[RequestState]:
    """Raises InvalidField."""
    return [_named("states", REQUEST_STATES, each) for each in numbers]


def wording(message: tag_pb2.TagText) -> Wording:
    return Wording(normal_text(message.zh), normal_text(message.en))


def uses_of(messages: "Iterable[tag_use_service_pb2.TagUse]") -> list[TagUse]:
    """Raises BatchTooLarge, InvalidField."""
    listed = list(messages)
    at_most("uses", listed, MAX_USES)
    found = []
    for place, each in enumerate(listed):
        kind = _KINDS.get(each.kind)
        if kind is None:
            raise InvalidField(f"uses[{place}].kind", "is not said")
        tags, segments = sorted(set(each.tag_ids)), sorted(set(each.segments))
        found.append(TagUse(kind, each.name, tuple(tags), tuple(segments)))
    return found


def periods_of(names: Sequence[str]) -> list[str]:
    """Of periods of the calendar. Raises BatchTooLarge, InvalidField."""
    if not names:
        raise InvalidField("periods", "is empty")
    at_most("periods", names, MAX_PERIODS)
    return list(names)


def direction_of(number: int) -> Direction:
    """Raises InvalidField."""
    found: Direction | None = _DIRECTIONS.get(number)  # type: ignore[call-overload]  # an open enum
    if found is None:
        raise InvalidField("direction", "is upstream, downstream or both")
    return found


def depth_of(asked: int) -> int:
    """Raises InvalidField."""
    if not 0 <= asked <= MAX_DEPTH:
        raise InvalidField("depth", f"is 1 to {MAX_DEPTH}")
    return asked or DEFAULT_DEPTH


def naming_rules_of(message: naming_rule_service_pb2.NamingRules) -> NamingRules:
    """Raises BatchTooLarge, InvalidField."""
    at_most("naming_rules.rules", message.rules, MAX_RULES)
    at_most("naming_rules.reserved_words", message.reserved_words, MAX_WORDS)
    rules = [
        NamingRule(
            each.pattern,
            None if each.layer == tag_pb2.TAG_LAYER_UNSPECIFIED else _named("layer", LAYERS, each.layer),
            each.category,
            each.example,
            wording(each.description),
        )
        for each in message.rules
    ]
    return NamingRules(tuple(rules), tuple(message.reserved_words))


def _named(field: str, names: Mapping[Named, int], number: int) -> Named:
    for name, each in names.items():
        if each == number:
            return name
    raise InvalidField(field, f"{number} is not one of them")
