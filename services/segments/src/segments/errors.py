"""Errors of this service, by what the caller should do. Reasons stand in segments/v1/error_reason.proto."""

import datetime as dt
import re
from collections.abc import Sequence

from servicekit.errors import (
    AlreadyExists,
    Exhausted,
    Forbidden,
    InvalidInput,
    NotFound,
    StateConflict,
    Unavailable,
)

DOMAIN = "segments.huaxiang"
ADMINISTER = "segments.segments.administer"
"""The right to act on any owner's segments."""
_SUGGESTED = re.compile(r"did you mean '([^']+)'")


class RuleInvalid(InvalidInput):
    """A rule is malformed or names something unknown. `line` and `column` of the first problem start at 1; `further`
    are the other problems, with their places. `readable`: the text is a rule, but its names or types do not fit what
    is known by now."""

    domain = DOMAIN
    reason = "RULE_INVALID"

    def __init__(
        self, problem: str, line: int, column: int, hint: str, *, readable: bool, further: Sequence[str] = ()
    ) -> None:
        suggested = _SUGGESTED.search(hint)
        told = f" ({hint})" if hint else ""
        super().__init__(
            "; ".join([f"line {line}, column {column}: {problem}{told}", *further]),
            problem=problem,
            line=line,
            column=column,
            suggestion=suggested[1] if suggested else hint,
        )
        self.readable = readable


class SegmentNotLive(StateConflict):
    """The segment has no members to speak of."""

    domain = DOMAIN
    reason = "SEGMENT_NOT_LIVE"

    def __init__(self, segment_id: str, state: str, note: str) -> None:
        super().__init__(
            f"segment {segment_id!r} is {state}: {note}", segment_id=segment_id, state=state, note=note
        )
        self.state = state


class ColumnDamaged(Unavailable):
    """The file of a column is not what was written; its values are told anew by themselves."""

    domain = DOMAIN
    reason = "COLUMN_DAMAGED"

    def __init__(self, column: str, file: str) -> None:
        super().__init__(
            f"the file {file} of {column!r} is damaged, its values are being told anew; repeat later",
            column=column,
            file=file,
        )


class PersonUnknown(NotFound):
    """No living person has this id."""

    domain = DOMAIN
    reason = "PERSON_UNKNOWN"

    def __init__(self, person_id: int) -> None:
        super().__init__(f"no living person has the id {person_id}", person_id=person_id)


class SegmentInUse(StateConflict):
    """Segments or campaigns rest on it."""

    domain = DOMAIN
    reason = "SEGMENT_IN_USE"

    def __init__(self, segment_id: str, used_by: list[str]) -> None:
        names = ", ".join(used_by)
        super().__init__(
            f"segment {segment_id!r} is used by {names}; change those first, or force it with a reason",
            segment_id=segment_id,
            used_by=names,
        )


class SegmentDeleted(AlreadyExists):
    """The id lies in the recycle bin."""

    domain = DOMAIN
    reason = "SEGMENT_DELETED"

    def __init__(self, segment_id: str, purge_time: dt.datetime) -> None:
        super().__init__(
            f"segment {segment_id!r} lies in the recycle bin until {purge_time.isoformat()}: restore it, purge it, or "
            "take another id",
            segment_id=segment_id,
            purge_time=purge_time.isoformat(),
        )


class SegmentCycle(InvalidInput):
    """Segments refer to each other in a circle."""

    domain = DOMAIN
    reason = "SEGMENT_CYCLE"

    def __init__(self, path: list[str]) -> None:
        text = " -> ".join(path)
        super().__init__(f"segments refer to each other in a circle: {text}", path=text)


class CatchingUp(Unavailable):
    """What a rule names may be defined, but tagging's changes have not come in that far; the same call again may
    succeed."""

    domain = DOMAIN
    reason = "CATCHING_UP"

    def __init__(self, service: str) -> None:
        super().__init__(
            f"still catching up with {service}: the rule may name what is not known here yet; try again",
            service=service,
        )


class FeatureQuota(Exhausted):
    """The rule needs more features than tagging allows the tenant."""

    domain = DOMAIN
    reason = "FEATURE_QUOTA"

    def __init__(self, count: str, limit: str) -> None:
        super().__init__(
            f"the tenant's segments need {count} behavioural features, the limit is {limit}; delete segments or "
            "rewrite rules to share aggregates",
            count=count,
            limit=limit,
        )


class SegmentQuota(Exhausted):
    """The tenant has as many segments as may stand at a time."""

    domain = DOMAIN
    reason = "SEGMENT_QUOTA"

    def __init__(self, count: int, limit: int) -> None:
        super().__init__(
            f"the tenant would have {count} segments, the limit is {limit}; delete some that nobody uses",
            count=count,
            limit=limit,
        )


class StepForbidden(Forbidden):
    """The step is for the segment's owner."""

    domain = DOMAIN
    reason = "STEP_FORBIDDEN"

    def __init__(self, segment_id: str, step: str, owner: str) -> None:
        super().__init__(
            f"segment {segment_id!r}: to {step} it is for {owner!r}, and for who holds {ADMINISTER}",
            segment_id=segment_id,
            step=step,
            who=owner,
        )


class FolderUnknown(InvalidInput):
    """There is no such folder."""

    domain = DOMAIN
    reason = "FOLDER_UNKNOWN"

    def __init__(self, folder: str, suggestion: str = "") -> None:
        hint = f"; did you mean {suggestion!r}?" if suggestion else ": make it first"
        details = {"suggestion": suggestion} if suggestion else {}
        super().__init__(f"there is no folder {folder!r}{hint}", folder=folder, **details)


class FolderInUse(StateConflict):
    """Folders or segments stand there."""

    domain = DOMAIN
    reason = "FOLDER_IN_USE"

    def __init__(self, folder: str, used_by: list[str]) -> None:
        users = ", ".join(used_by)
        super().__init__(f"folder {folder!r} holds {users}: move them first", folder=folder, used_by=users)


class FolderQuota(Exhausted):
    """The tree is full."""

    domain = DOMAIN
    reason = "FOLDER_QUOTA"

    def __init__(self, count: int, limit: int) -> None:
        super().__init__(
            f"the tree would have {count} folders, the limit is {limit}", count=count, limit=limit
        )


class TagNotReadable(Forbidden):
    """Tags asked for are of grades that the caller may not read."""

    domain = DOMAIN
    reason = "TAG_NOT_READABLE"

    def __init__(self, tags: Sequence[str], rights: Sequence[str]) -> None:
        names, needed = ", ".join(tags), ", ".join(rights)
        super().__init__(
            f"tags {names} are not yours to read: leave them out, or ask for the rights {needed}",
            tags=names,
            rights=needed,
        )


class SeedTooSmall(StateConflict):
    """A lookalike cannot be learned from so few persons, or against so few others."""

    domain = DOMAIN
    reason = "SEED_TOO_SMALL"

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(
            f"{what}: too few persons to learn from, it takes {limit}; choose a wider audience",
            what=what,
            limit=limit,
        )


class EvaluationUnseen(StateConflict):
    """An expansion comes after the evaluation of the same question."""

    domain = DOMAIN
    reason = "EVALUATION_UNSEEN"

    def __init__(self) -> None:
        super().__init__(
            "the token is of no evaluation of this question: call EvaluateLookalike with it, look at the quality, then "
            "repeat with its token"
        )


class ExportDecided(StateConflict):
    """Somebody has approved or rejected the export before. `decision`: approved or rejected."""

    domain = DOMAIN
    reason = "EXPORT_DECIDED"

    def __init__(self, export_id: str, decision: str, who: str, time: dt.datetime) -> None:
        when = time.isoformat(timespec="seconds")
        super().__init__(
            f"export {export_id!r} was {decision} by {who!r} at {when}: there is nothing left to decide",
            export_id=export_id,
            decision=decision,
            who=who,
            time=when,
        )


class ExportForbidden(Forbidden):
    """The step is for somebody else."""

    domain = DOMAIN
    reason = "EXPORT_FORBIDDEN"

    def __init__(self, export_id: str, step: str, who: str) -> None:
        super().__init__(
            f"export {export_id!r}: to {step} it is for {who}", export_id=export_id, step=step, who=who
        )
