"""Permissions: given or taken back for a purpose, kept per address, looked up by address.

A merge never widens permission: nothing here knows persons.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, IntEnum


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


def permission(statements: Iterable[Consent], purpose: str, brand: str, now_us: int) -> Permission:
    """What is permitted at one address for a purpose on behalf of a brand.

    The latest statement among the brand's and the group's decides; at one time taking back wins, then the one
    that lapses first. A statement for another brand says nothing.
    """
    relevant = [
        statement
        for statement in statements
        if statement.purpose == purpose and statement.brand in ("", brand) and statement.time_us <= now_us
    ]
    if not relevant:
        return Permission.NEVER
    latest = max(relevant, key=_precedence)
    if not latest.granted or (latest.expire_us is not None and latest.expire_us <= now_us):
        return Permission.WITHDRAWN
    return Permission.GRANTED


def permitted_purposes(statements: Iterable[Consent], now_us: int) -> tuple[str, ...]:
    """The purposes that an address permits for the group or for any brand, in order of name."""
    known = list(statements)
    asked = {(statement.purpose, statement.brand) for statement in known}
    return tuple(
        sorted(
            {
                purpose
                for purpose, brand in asked
                if permission(known, purpose, brand, now_us) is Permission.GRANTED
            }
        )
    )


def _precedence(statement: Consent) -> tuple[int, bool, float]:
    lapse = float("inf") if statement.expire_us is None else float(statement.expire_us)
    return statement.time_us, not statement.granted, -lapse
