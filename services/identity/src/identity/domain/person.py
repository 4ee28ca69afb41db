"""A person as others see one: state, keys, open attributes, reachable channels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from identity.domain.consents import Channel
from identity.domain.linking import Standing
from identity.domain.policy import Grade, Policy

MEMBER_NAMESPACE = "member_id"


class PersonState(IntEnum):
    """The numbers are those of huaxiang.identity.v1.PersonState."""

    ANONYMOUS = 1
    KNOWN = 2
    MEMBER = 3
    REDIRECTED = 4
    ERASED = 5


@dataclass(frozen=True, slots=True)
class PersonKey:
    """A key of a person."""

    key_id: int
    namespace: str


@dataclass(frozen=True, slots=True)
class ReachableChannel:
    """A channel with at least one address, and the purposes that one of them permits, in order of name."""

    channel: Channel
    purposes: tuple[str, ...]


@dataclass(frozen=True)
class Person:
    """What is published of a person. `attributes` are the open ones, encoded; a redirected id has none of
    it, an erased one the keys that are masked.
    """

    person_id: int
    state: PersonState
    birth_hash: int
    redirect_person_id: int = 0
    keys: tuple[PersonKey, ...] = ()
    attributes: Mapping[str, bytes] = field(default_factory=dict)
    channels: tuple[ReachableChannel, ...] = ()


def state_of(keys: Iterable[tuple[str, Standing]], policy: Policy) -> PersonState:
    """The state that a person's keys give it; keys that do not link make nobody known."""
    linking = {namespace for namespace, standing in keys if standing is Standing.LINKING}
    if MEMBER_NAMESPACE in linking:
        return PersonState.MEMBER
    if any(policy.namespaces[namespace].grade is Grade.STRONG for namespace in linking):
        return PersonState.KNOWN
    return PersonState.ANONYMOUS
