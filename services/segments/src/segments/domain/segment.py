"""A segment: a named rule over a population, and where its members stand."""

import datetime as dt
import hashlib
import json
import re
from dataclasses import dataclass, replace
from enum import Enum

from rules.check import Population
from segments.domain.frozen import Frozen

MAX_ID_CHARS = 64
MAX_NAME_CHARS = 128
MAX_DESCRIPTION_CHARS = 2_000
MAX_OWNER_CHARS = 128
RECYCLE_KEEP = dt.timedelta(days=30)
SEGMENT_ID = re.compile(r"[a-z][a-z0-9_-]{0,63}")
BRAND = re.compile(r"[a-z0-9_-]{0,64}")


class State(Enum):
    """PREPARING: a feature is being computed. FAILED: a feature or tag of the rule failed or is gone."""

    PREPARING = "preparing"
    LIVE = "live"
    FAILED = "failed"


class Kind(Enum):
    """DYNAMIC: members follow the rule. ONE_OFF: they are computed once. STATIC: they come from lists."""

    DYNAMIC = "dynamic"
    ONE_OFF = "one_off"
    STATIC = "static"


STATIC_RULE = "TRUE"
"""What stands for the rule of a static segment, which has none."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a caller states of a segment. `folder` "" is none; `owner` "" is not said, and in a stored one anybody."""

    segment_id: str
    display_name: str
    description: str
    rule: str
    population: Population
    brand: str
    folder: str = ""
    owner: str = ""
    kind: Kind = Kind.DYNAMIC


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment as stored. `note` says what it waits for, or why it failed."""

    draft: Draft
    canonical_rule: str
    etag: str
    create_time: dt.datetime
    update_time: dt.datetime
    state: State = State.PREPARING
    note: str = ""
    version: int = 1

    @property
    def segment_id(self) -> str:
        return self.draft.segment_id

    def at(self, state: State, note: str = "") -> "Segment":
        """The segment in another state."""
        return replace(self, state=state, note=note)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Members of a segment, frozen. `members` is a portable roaring bitmap of person ids; `purposes` what the sensitive
    tags of its rule are kept for, in order; `version` that of the definition, 0 when it is not known."""

    snapshot_id: str
    segment_id: str
    canonical_rule: str
    count: int
    create_time: dt.datetime
    population_count: int
    as_of: dt.datetime
    revision_token: str
    members: bytes
    purposes: tuple[str, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True)
class Deletion:
    """A segment in the recycle bin, as it stood, with its members if they do not follow a rule."""

    segment: Segment
    time: dt.datetime
    subject: str
    reason: str
    forced: bool
    frozen: Frozen | None = None

    @property
    def purge_time(self) -> dt.datetime:
        """From then on it cannot be restored."""
        return self.time + RECYCLE_KEEP


def etag_of(draft: Draft) -> str:
    """16 hex digits that change with any field."""
    fields = [
        draft.segment_id,
        draft.display_name,
        draft.description,
        draft.rule,
        draft.population.value,
        draft.brand,
        draft.folder,
        draft.owner,
        draft.kind.value,
    ]
    return hashlib.blake2b(json.dumps(fields).encode(), digest_size=8).hexdigest()


def problem_of(draft: Draft) -> tuple[str, str] | None:
    """The first field that breaks its limits and how, None when all is well."""
    if not SEGMENT_ID.fullmatch(draft.segment_id):
        return (
            "segment.segment_id",
            "is a lower-case letter, then letters, digits, _ and -, 64 characters at most",
        )
    if len(draft.display_name) > MAX_NAME_CHARS:
        return (
            "segment.display_name",
            f"has {len(draft.display_name)} characters, the limit is {MAX_NAME_CHARS}",
        )
    if len(draft.description) > MAX_DESCRIPTION_CHARS:
        return "segment.description", f"is longer than {MAX_DESCRIPTION_CHARS} characters"
    if not BRAND.fullmatch(draft.brand):
        return "segment.brand", "is not at most 64 of a-z, 0-9, _ and -"
    if len(draft.owner) > MAX_OWNER_CHARS:
        return "segment.owner", f"is longer than {MAX_OWNER_CHARS} characters"
    if not draft.rule.strip():
        return "segment.rule", "is empty: state whom the segment holds for, for example gender = 'female'"
    return None
