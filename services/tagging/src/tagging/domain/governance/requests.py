"""Wishes for tags: asked for, accepted or declined by somebody else, taken back, fulfilled."""

import datetime as dt
from dataclasses import dataclass, replace
from enum import Enum

from tagging.domain.definition import TAG_ID, Wording

from .life import HistoryEntry, Step, Taking
from .people import OwnReview, Power, StepForbidden, StepRefused


class RequestState(Enum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    FULFILLED = "fulfilled"


class RequestInvalid(ValueError):
    """A field of a wish breaks its limits."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


@dataclass(frozen=True, slots=True)
class TagRequest:
    """`tag_id` is "" while an open wish for a new tag; `sequence` orders the tenant's wishes."""

    tag_request_id: str
    sequence: int
    requester: str
    name: Wording
    why: str
    wanted_use: str
    create_time: dt.datetime
    update_time: dt.datetime
    due: dt.date | None = None
    tag_id: str = ""
    state: RequestState = RequestState.OPEN
    decider: str = ""
    decision: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Decided:
    """A step taken: the wish after it, and its line."""

    request: TagRequest
    entry: HistoryEntry


def asked(request: TagRequest) -> HistoryEntry:
    """The first line of a wish."""
    return HistoryEntry(
        request.requester,
        Step.REQUEST,
        request.create_time,
        request.tag_id,
        request.tag_request_id,
        request.why,
        "",
        RequestState.OPEN.value,
    )


def accept(request: TagRequest, taking: Taking, tag_id: str, owner: str) -> Decided:
    """Raises StepRefused, OwnReview, RequestInvalid."""
    _decidable(request, taking, Step.ACCEPT)
    tag_id = tag_id or request.tag_id
    if request.tag_id and tag_id != request.tag_id:
        raise RequestInvalid("tag_id", f"the request is about '{request.tag_id}'")
    if not TAG_ID.fullmatch(tag_id):
        raise RequestInvalid(
            "tag_id", "is a lower-case letter, then letters, digits and _, at most 64 characters"
        )
    request = replace(request, tag_id=tag_id, owner=owner or taking.actor.subject)
    return _decided(request, taking, Step.ACCEPT, RequestState.ACCEPTED)


def decline(request: TagRequest, taking: Taking) -> Decided:
    """Raises StepRefused, OwnReview."""
    _decidable(request, taking, Step.DECLINE)
    return _decided(request, taking, Step.DECLINE, RequestState.DECLINED)


def take_back(request: TagRequest, taking: Taking) -> Decided:
    """Raises StepRefused, StepForbidden."""
    _open(request, Step.TAKE_BACK)
    if taking.actor.subject != request.requester and Power.DIRECT not in taking.actor.powers:
        who = f"its requester {request.requester} and holders of {Power.DIRECT.value}"
        raise StepForbidden(request.tag_request_id, Step.TAKE_BACK.value, who)
    return _decided(request, taking, Step.TAKE_BACK, RequestState.WITHDRAWN)


def fulfil(request: TagRequest, time: dt.datetime) -> TagRequest:
    """The tag came into force; its own line says so."""
    return replace(request, state=RequestState.FULFILLED, update_time=time)


def _decidable(request: TagRequest, taking: Taking, step: Step) -> None:
    _open(request, step)
    if taking.actor.subject == request.requester:
        raise OwnReview(request.tag_request_id, step.value, "asked for it")


def _open(request: TagRequest, step: Step) -> None:
    if request.state is not RequestState.OPEN:
        raise StepRefused(request.tag_request_id, request.state.value, step.value, (RequestState.OPEN.value,))


def _decided(request: TagRequest, taking: Taking, step: Step, state: RequestState) -> Decided:
    before = request.state.value
    request = replace(
        request,
        state=state,
        decider=taking.actor.subject,
        decision=taking.reason,
        update_time=taking.time,
    )
    entry = HistoryEntry(
        taking.actor.subject,
        step,
        taking.time,
        request.tag_id,
        request.tag_request_id,
        taking.reason,
        before,
        state.value,
    )
    return Decided(request, entry)
