"""What identity says, as it arrives."""

from dataclasses import dataclass

from tagging.domain.events import Event
from tagging.domain.persons import Person
from tagging.domain.tenants import TenantSettings

EPOCH_SHIFT = 48
"""Positions are below 2^48: the bits above count identity's epochs."""


@dataclass(frozen=True, slots=True)
class Fact:
    """An entry of identity's changelog. `what` is None for a kind that this release does not know."""

    tenant: str
    position: int
    what: Event | Person | TenantSettings | None


@dataclass(frozen=True, slots=True)
class EpochStated:
    """The first part of a bootstrap: the epoch that the rest is of."""

    epoch: str


@dataclass(frozen=True, slots=True)
class FactChunk:
    """A part of a bootstrap, of one tenant. `settings` come with the tenant's first."""

    tenant: str
    settings: TenantSettings | None = None
    persons: tuple[Person, ...] = ()
    events: tuple[Event, ...] = ()


def version_of(position: int, epoch_number: int) -> int:
    """A version that rises over restores of identity, after which positions start from an earlier one."""
    return epoch_number << EPOCH_SHIFT | position


def first_version(epoch_number: int) -> int:
    """The least version of an epoch."""
    return version_of(0, epoch_number)
