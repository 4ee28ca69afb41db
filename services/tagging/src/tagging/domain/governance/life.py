"""The life of a tag: which step leads from where to where, who may take it, and the line it leaves in the history.

    draft --submit--> in review --approve--> approved --activate--> active --deprecate--> deprecated --retire--> retired

A draft stands beside what is in force: changing an active tag leaves it active until the new definition is activated.
Two ways lead into force: `activate`, of what somebody else approved, and `apply`, for those who hold the right to.
"""

import datetime as dt
from dataclasses import dataclass, replace
from enum import Enum

from tagging.domain.definition import TagDefinition

from .people import Actor, OwnReview, Power, StepForbidden, StepRefused

RECYCLE_DAYS = 30
"""A deleted tag can be restored for so long, on the suite's clock."""


class TagState(Enum):
    DRAFT = "draft"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    ACTIVE = "active"
    DEPRECATED = "deprecated"
    RETIRED = "retired"
    DELETED = "deleted"


DRAFT_STATES = frozenset({TagState.DRAFT, TagState.IN_REVIEW, TagState.APPROVED})
IN_FORCE = frozenset({TagState.ACTIVE, TagState.DEPRECATED})


class Step(Enum):
    """What can be done with a request or a tag; the values are the verbs that refusals use."""

    REQUEST = "request"
    ACCEPT = "accept"
    DECLINE = "decline"
    TAKE_BACK = "take back"
    EDIT = "edit"
    SUBMIT = "submit"
    APPROVE = "approve"
    RETURN = "return"
    WITHDRAW = "withdraw"
    DISCARD = "discard"
    ACTIVATE = "activate"
    APPLY = "apply"
    MOVE = "move"
    DEPRECATE = "deprecate"
    REINSTATE = "reinstate"
    RETIRE = "retire"
    DELETE = "delete"
    RESTORE = "restore"
    PURGE = "purge"


@dataclass(frozen=True, slots=True)
class Draft:
    """A definition under way.

    base          the etag of what was in force when it was last written, "" for nothing; `base_version` its number
    authors       everybody who wrote a part of it, first to last
    """

    definition: TagDefinition
    state: TagState = TagState.DRAFT
    base: str = ""
    base_version: int = 0
    authors: tuple[str, ...] = ()
    submitter: str = ""
    reviewer: str = ""


@dataclass(frozen=True, slots=True)
class Deletion:
    time: dt.datetime
    subject: str

    @property
    def purge_time(self) -> dt.datetime:
        return self.time + dt.timedelta(days=RECYCLE_DAYS)


@dataclass(frozen=True, slots=True)
class TagLife:
    """Where a tag stands.

    standing  of the tag itself: DRAFT while nothing was ever in force, else ACTIVE, DEPRECATED or RETIRED
    version   the latest that was ever in force, 0 before the first
    number    rises with every step
    """

    tag_id: str
    standing: TagState = TagState.DRAFT
    draft: Draft | None = None
    version: int = 0
    owner: str = ""
    replacement: str = ""
    tag_request_id: str = ""
    deletion: Deletion | None = None
    number: int = 0
    update_time: dt.datetime | None = None

    @property
    def state(self) -> TagState:
        if self.deletion:
            return TagState.DELETED
        if self.standing is TagState.DRAFT and self.draft:
            return self.draft.state
        return self.standing

    @property
    def etag(self) -> str:
        """Changes with every step."""
        return f"{self.tag_id}-{self.number}"

    @property
    def in_force(self) -> bool:
        return self.standing in IN_FORCE and not self.deletion


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One step. The store adds its number; `from_state` and `to_state` are "" for nothing."""

    subject: str
    step: Step
    time: dt.datetime
    tag_id: str = ""
    tag_request_id: str = ""
    reason: str = ""
    from_state: str = ""
    to_state: str = ""
    version: int = 0
    forced: bool = False
    number: int = 0


@dataclass(frozen=True, slots=True)
class Moved:
    """A step taken: the life after it, and its line."""

    life: TagLife
    entry: HistoryEntry


@dataclass(frozen=True, slots=True)
class Taking:
    """Who takes a step, when and why."""

    actor: Actor
    time: dt.datetime
    reason: str = ""
    forced: bool = False


# ------------------------------------------------------------------------------------------------- drafts


def edit(
    life: TagLife | None,
    taking: Taking,
    definition: TagDefinition,
    base: str,
    base_version: int,
    request_id: str = "",
) -> Moved:
    """Writes the draft. An empty owner becomes the present one, or the author."""
    tag_id = definition.tag_id
    if life is None:
        life = TagLife(tag_id, owner=definition.owner or taking.actor.subject, tag_request_id=request_id)
        before = ""
    else:
        _fits(life, Step.EDIT, _draft_state(life), {"", TagState.DRAFT.value}, "withdraw it first")
        _require_hand(life, taking.actor, Step.EDIT)
        before = _draft_state(life)
    owner = definition.owner or life.owner or taking.actor.subject
    authors = life.draft.authors if life.draft else ()
    if taking.actor.subject not in authors:
        authors = (*authors, taking.actor.subject)
    draft = Draft(replace(definition, owner=owner), TagState.DRAFT, base, base_version, authors)
    life = replace(life, tag_request_id=request_id or life.tag_request_id, draft=draft)
    if life.standing is TagState.DRAFT:
        life = replace(life, owner=owner)
    return _moved(life, taking, Step.EDIT, before, TagState.DRAFT.value)


def submit(life: TagLife, taking: Taking) -> Moved:
    draft = _draft_in(life, Step.SUBMIT, TagState.DRAFT)
    _require_hand(life, taking.actor, Step.SUBMIT)
    draft = replace(draft, state=TagState.IN_REVIEW, submitter=taking.actor.subject, reviewer="")
    return _draft_moved(life, taking, Step.SUBMIT, draft)


def approve(life: TagLife, taking: Taking) -> Moved:
    draft = _reviewed(life, taking.actor, Step.APPROVE)
    return _draft_moved(
        life, taking, Step.APPROVE, replace(draft, state=TagState.APPROVED, reviewer=taking.actor.subject)
    )


def send_back(life: TagLife, taking: Taking) -> Moved:
    draft = _reviewed(life, taking.actor, Step.RETURN)
    return _draft_moved(life, taking, Step.RETURN, replace(draft, state=TagState.DRAFT))


def withdraw(life: TagLife, taking: Taking) -> Moved:
    """Out of review or approval; the approval is void."""
    draft = _draft_in(life, Step.WITHDRAW, TagState.IN_REVIEW, TagState.APPROVED)
    _require_hand(life, taking.actor, Step.WITHDRAW)
    return _draft_moved(life, taking, Step.WITHDRAW, replace(draft, state=TagState.DRAFT, reviewer=""))


def discard(life: TagLife, taking: Taking) -> Moved:
    if life.standing is TagState.DRAFT and not life.deletion:
        raise StepRefused(
            life.tag_id, life.state.value, Step.DISCARD.value, _in_force_names(), "delete it instead"
        )
    _draft_in(life, Step.DISCARD, *DRAFT_STATES)
    _require_hand(life, taking.actor, Step.DISCARD)
    return _moved(replace(life, draft=None), taking, Step.DISCARD, _draft_state(life), "")


def activate(life: TagLife, taking: Taking, version: int) -> Moved:
    """The approved draft is in force as `version`. A deprecated tag stays so; a retired one is active again."""
    draft = _draft_in(life, Step.ACTIVATE, TagState.APPROVED)
    _require_hand(life, taking.actor, Step.ACTIVATE)
    return _in_force(life, taking, Step.ACTIVATE, draft.definition, version, TagState.APPROVED.value)


# ------------------------------------------------------------------------------------------ what is in force


def apply(life: TagLife | None, taking: Taking, definition: TagDefinition, version: int) -> Moved:
    """Into force without a review. A draft under way stays, and is outdated by this."""
    if Power.DIRECT not in taking.actor.powers:
        raise StepForbidden(definition.tag_id, Step.APPLY.value, f"holders of {Power.DIRECT.value}")
    life = life or TagLife(definition.tag_id)
    before = "" if life.standing is TagState.DRAFT else life.standing.value
    if life.deletion:
        before = TagState.DELETED.value
    if life.standing is TagState.RETIRED and not life.deletion:
        raise StepRefused(life.tag_id, life.state.value, Step.APPLY.value, _in_force_names())
    kept = life.draft
    life = replace(life, deletion=None, standing=TagState.ACTIVE if life.deletion else life.standing)
    moved = _in_force(life, taking, Step.APPLY, definition, version, before)
    return replace(moved, life=replace(moved.life, draft=kept))


def deprecate(life: TagLife, taking: Taking, replacement: str = "") -> Moved:
    _standing_in(life, Step.DEPRECATE, TagState.ACTIVE)
    _require_hand(life, taking.actor, Step.DEPRECATE)
    life = replace(life, standing=TagState.DEPRECATED, replacement=replacement)
    return _moved(
        life, taking, Step.DEPRECATE, TagState.ACTIVE.value, TagState.DEPRECATED.value, life.version
    )


def reinstate(life: TagLife, taking: Taking) -> Moved:
    _standing_in(life, Step.REINSTATE, TagState.DEPRECATED)
    _require_hand(life, taking.actor, Step.REINSTATE)
    life = replace(life, standing=TagState.ACTIVE, replacement="")
    return _moved(
        life, taking, Step.REINSTATE, TagState.DEPRECATED.value, TagState.ACTIVE.value, life.version
    )


def retire(life: TagLife, taking: Taking, replacement: str = "") -> Moved:
    """A draft under way stays: it is the way back."""
    _standing_in(life, Step.RETIRE, TagState.DEPRECATED)
    _require_hand(life, taking.actor, Step.RETIRE)
    _require_force(life, taking, Step.RETIRE)
    life = replace(life, standing=TagState.RETIRED, replacement=replacement or life.replacement)
    return _moved(life, taking, Step.RETIRE, TagState.DEPRECATED.value, TagState.RETIRED.value, life.version)


def delete(life: TagLife, taking: Taking) -> Moved:
    if life.deletion:
        raise StepRefused(life.tag_id, TagState.DELETED.value, Step.DELETE.value, _not_deleted_names())
    _require_hand(life, taking.actor, Step.DELETE)
    if life.in_force and Power.DIRECT not in taking.actor.powers:
        fitting = sorted(each.value for each in {*DRAFT_STATES, TagState.RETIRED})
        raise StepRefused(
            life.tag_id,
            life.standing.value,
            Step.DELETE.value,
            fitting,
            f"deprecate and retire it first, or hold {Power.DIRECT.value}",
        )
    _require_force(life, taking, Step.DELETE)
    before = life.state.value
    life = replace(life, deletion=Deletion(taking.time, taking.actor.subject))
    return _moved(life, taking, Step.DELETE, before, TagState.DELETED.value, life.version)


def restore(life: TagLife, taking: Taking) -> Moved:
    """As it stood when it was deleted."""
    if life.deletion is None or taking.time >= life.deletion.purge_time:
        raise StepRefused(life.tag_id, life.state.value, Step.RESTORE.value, (TagState.DELETED.value,))
    _require_hand(life, taking.actor, Step.RESTORE)
    life = replace(life, deletion=None)
    if life.in_force and Power.DIRECT not in taking.actor.powers:
        raise StepForbidden(
            life.tag_id, Step.RESTORE.value, f"holders of {Power.DIRECT.value}: it was in force"
        )
    return _moved(life, taking, Step.RESTORE, TagState.DELETED.value, life.state.value, life.version)


def move(life: TagLife, taking: Taking, draft: Draft | None) -> Moved:
    """Its category moved with the tree; states stay. `draft` is the one under way in its new place."""
    return _moved(replace(life, draft=draft), taking, Step.MOVE, life.state.value, life.state.value)


def purge(life: TagLife, taking: Taking) -> HistoryEntry:
    """The last line: 30 days are over."""
    if life.deletion is None or taking.time < life.deletion.purge_time:
        raise StepRefused(life.tag_id, life.state.value, Step.PURGE.value, (TagState.DELETED.value,))
    return _moved(life, taking, Step.PURGE, TagState.DELETED.value, "").entry


# --------------------------------------------------------------------------------------------------- rules


def may_change(life: TagLife, actor: Actor) -> bool:
    """The owner, the draft's authors, holders of the right to act directly; anybody where no owner is named."""
    authors = life.draft.authors if life.draft else ()
    return (
        Power.DIRECT in actor.powers
        or not life.owner
        or actor.subject == life.owner
        or actor.subject in authors
    )


def require_no_draft(life: TagLife) -> None:
    """What would be overwritten is thrown away first, on purpose. Raises StepRefused."""
    if life.draft:
        hint = "another draft is under way: discard it first"
        raise StepRefused(
            life.tag_id, life.draft.state.value, "restore a version of", ("without a draft",), hint
        )


def _require_hand(life: TagLife, actor: Actor, step: Step) -> None:
    if not may_change(life, actor):
        who = f"its owner {life.owner}, the authors of its draft, and holders of {Power.DIRECT.value}"
        raise StepForbidden(life.tag_id, step.value, who)


def _require_force(life: TagLife, taking: Taking, step: Step) -> None:
    if taking.forced and Power.DIRECT not in taking.actor.powers:
        raise StepForbidden(life.tag_id, f"{step.value} by force", f"holders of {Power.DIRECT.value}")


def _reviewed(life: TagLife, actor: Actor, step: Step) -> Draft:
    draft = _draft_in(life, step, TagState.IN_REVIEW)
    if Power.REVIEW not in actor.powers:
        raise StepForbidden(life.tag_id, step.value, f"holders of {Power.REVIEW.value}")
    if actor.subject in draft.authors:
        raise OwnReview(life.tag_id, step.value, "wrote a part of it")
    if actor.subject == draft.submitter:
        raise OwnReview(life.tag_id, step.value, "submitted it")
    if actor.subject in {life.owner, draft.definition.owner}:
        raise OwnReview(life.tag_id, step.value, "own it")
    return draft


def _in_force(
    life: TagLife, taking: Taking, step: Step, definition: TagDefinition, version: int, before: str
) -> Moved:
    standing = life.standing if life.standing is TagState.DEPRECATED else TagState.ACTIVE
    replacement = life.replacement if standing is TagState.DEPRECATED else ""
    life = replace(
        life, standing=standing, draft=None, version=version, owner=definition.owner, replacement=replacement
    )
    return _moved(life, taking, step, before, standing.value, version)


def _draft_state(life: TagLife) -> str:
    return life.draft.state.value if life.draft else ""


def _draft_in(life: TagLife, step: Step, *states: TagState) -> Draft:
    if life.deletion or life.draft is None or life.draft.state not in states:
        found = life.state.value if life.deletion or life.draft is None else life.draft.state.value
        raise StepRefused(life.tag_id, found, step.value, sorted(each.value for each in states))
    return life.draft


def _standing_in(life: TagLife, step: Step, *states: TagState) -> None:
    if life.deletion or life.standing not in states:
        raise StepRefused(life.tag_id, life.state.value, step.value, sorted(each.value for each in states))


def _fits(life: TagLife, step: Step, found: str, fitting: set[str], hint: str) -> None:
    if life.deletion:
        raise StepRefused(life.tag_id, life.state.value, step.value, _not_deleted_names(), "restore it first")
    if found not in fitting:
        raise StepRefused(life.tag_id, found, step.value, (TagState.DRAFT.value,), hint)


def _draft_moved(life: TagLife, taking: Taking, step: Step, draft: Draft) -> Moved:
    return _moved(replace(life, draft=draft), taking, step, _draft_state(life), draft.state.value)


def _moved(life: TagLife, taking: Taking, step: Step, before: str, after: str, version: int = 0) -> Moved:
    life = replace(life, number=life.number + 1, update_time=taking.time)
    entry = HistoryEntry(
        taking.actor.subject,
        step,
        taking.time,
        life.tag_id,
        life.tag_request_id,
        taking.reason,
        before,
        after,
        version,
        taking.forced,
    )
    return Moved(life, entry)


def _in_force_names() -> list[str]:
    return sorted(each.value for each in IN_FORCE)


def _not_deleted_names() -> list[str]:
    return sorted(each.value for each in TagState if each is not TagState.DELETED)
