"""Permissions: given or taken back for a purpose, kept per address, looked up by address.

A merge never widens permission: nothing here knows persons.

A sensitive purpose needs a consent of its own: permission for another purpose never covers it, and a grant counts only
when it names its evidence and no grant for another purpose at the address rests on the same evidence.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum, IntEnum

ALWAYS_SENSITIVE = frozenset({"health", "minors"})
"""Purposes that are sensitive for every tenant; a tenant's settings add to them."""


class Channel(IntEnum):
    """A way to reach a person; the numbers are those of huaxiang.identity.v1.Channel."""

    SMS = 1
    WECHAT = 2
    PUSH = 3
    EMAIL = 4


class Permission(Enum):
    """What the latest statements say. WITHDRAWN includes a permission that has lapsed."""

    GRANTED = "granted"
    NEVER = "never"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """An address on a channel as others may know it: by its keyed hash."""

    channel: Channel
    scope: str
    hash: bytes


@dataclass(frozen=True, slots=True)
class Consent:
    """One statement. `brand` "" is the whole group. Times are microseconds since 1970; `expire_us` None is
    never.
    """

    address: Address
    purpose: str
    brand: str
    granted: bool
    time_us: int
    expire_us: int | None
    text_version: str
    evidence: str


def permission(
    statements: Iterable[Consent],
    purpose: str,
    brand: str,
    now_us: int,
    sensitive: Collection[str] = ALWAYS_SENSITIVE,
) -> Permission:
    """What is permitted at one address for a purpose on behalf of a brand; `statements` are all that were made there.

    The latest statement among the brand's and the group's decides; at one time taking back wins, then the one
    that lapses first. A statement for another brand says nothing.
    """
    known = list(statements)
    relevant = [
        statement
        for statement in known
        if statement.purpose == purpose and statement.brand in ("", brand) and statement.time_us <= now_us
    ]
    if not relevant:
        return Permission.NEVER
    latest = max(relevant, key=_precedence)
    if not latest.granted or (latest.expire_us is not None and latest.expire_us <= now_us):
        return Permission.WITHDRAWN
    if purpose in sensitive and not is_separate(latest, known):
        return Permission.NEVER
    return Permission.GRANTED


def is_separate(grant: Consent, statements: Iterable[Consent]) -> bool:
    """Whether a grant was asked for by itself: its evidence is named, and proves nothing else at the address."""
    return bool(grant.evidence) and not any(
        other.granted and other.purpose != grant.purpose and other.evidence == grant.evidence
        for other in statements
    )


def permitted_purposes(
    statements: Iterable[Consent], now_us: int, sensitive: Collection[str] = ALWAYS_SENSITIVE
) -> tuple[str, ...]:
    """The purposes that an address permits for the group or for any brand, in order of name."""
    known = list(statements)
    asked = {(statement.purpose, statement.brand) for statement in known}
    return tuple(
        sorted(
            {
                purpose
                for purpose, brand in asked
                if permission(known, purpose, brand, now_us, sensitive) is Permission.GRANTED
            }
        )
    )


def _precedence(statement: Consent) -> tuple[int, bool, float]:
    lapse = float("inf") if statement.expire_us is None else float(statement.expire_us)
    return statement.time_us, not statement.granted, -lapse
