"""Rights: what each rpc declares in its proto option, and which roles carry it.

A right is "<service>.<noun>.<verb>". The verbs `watch` and `bootstrap` cover all tenants, so only the role
`service` carries them whatever else a role may do.
"""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from huaxiang.type.v1 import right_pb2

from servicekit.principal import SERVICE_ROLE, Principal

ALL_TENANTS_VERBS = frozenset({"watch", "bootstrap"})
PERSON_DATA_NOUN = "person_data"
"""All that a service holds of a person: no pattern of a service's rights carries it, only the roles that may do all."""

SERVICE_RIGHTS = frozenset({"identity.identifiers.export"})
"""Only the role `service` carries these, whatever else a role may do: a service uses them by rules of its own, which a
person that held them would go round."""

NAMED_RIGHTS = frozenset(
    {
        "segments.exports.approve",
        "segments.identifiers.export",
        "segments.index.read",
        "segments.segment_uses.write",
        "segments.segments.administer",
        "segments.small_cells.read",
        "tagging.behaviour.read",
        "tagging.event_retention.write",
        "tagging.naming_rules.write",
        "tagging.reviews.write",
        "tagging.tag_uses.write",
        "tagging.tags.write",
        "tagging.values.read_sensitive",
        "tagging.values.write_sensitive",
    }
)
"""No pattern of a service's rights carries these: a role names them, or may do all."""

RIGHTS_OF_ROLE: Mapping[str, tuple[str, ...]] = {
    SERVICE_ROLE: ("*",),
    "admin": ("*",),
    "source": ("identity.events.write",),
    "app": ("tagging.*.read", "segments.*.read"),
    "analyst": (
        "identity.persons.read",
        "identity.settings.read",
        "tagging.*.*",
        "segments.*.*",
        "activation.*.read",
    ),
    "reviewer": (
        "tagging.*.read",
        "tagging.requests.*",
        "tagging.reviews.write",
        "tagging.categories.write",
        "tagging.naming_rules.write",
        "segments.exports.approve",
        "segments.exports.read",
    ),
    "sensitive_reader": (
        "tagging.values.read_personal",
        "tagging.values.read_sensitive",
        "segments.small_cells.read",
    ),
    "identifier_exporter": ("segments.identifiers.export",),
    "marketer": ("tagging.*.read", "tagging.requests.write", "segments.*.*", "activation.*.*"),
    "viewer": ("tagging.*.read", "segments.*.read", "activation.*.read"),
}
"""admin: everything of its tenant. source: a system that sends facts. app: a back end that reads portraits
and memberships. analyst, marketer, viewer: people. reviewer: approves what others define as tags, and what they export.
sensitive_reader, identifier_exporter (of lists with identifiers): additions to another role, for named people."""

_RIGHT = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){2}")


class RightsUndeclared(Exception):
    """A server refuses to start: `methods` declare no right, or one that is not "<service>.<noun>.<verb>"."""

    def __init__(self, methods: list[str]) -> None:
        self.methods = tuple(methods)
        super().__init__(
            'every rpc declares option (huaxiang.type.v1.right) = "<service>.<noun>.<verb>"; these do not: '
            + ", ".join(methods)
        )


def require_rights_declared(services: Iterable[ServiceDescriptor]) -> dict[str, str]:
    """The right of each method path ("/huaxiang.x.v1.XService/Method"). Raises RightsUndeclared naming all
    faults."""
    rights: dict[str, str] = {}
    undeclared: list[str] = []
    for service in services:
        for method in service.methods:
            right = right_of(method)
            if _RIGHT.fullmatch(right):
                rights[method_path(method)] = right
            else:
                undeclared.append(method.full_name)
    if undeclared:
        raise RightsUndeclared(undeclared)
    return rights


def right_of(method: MethodDescriptor) -> str:
    """The right a method declares, "" when it declares none."""
    return str(method.GetOptions().Extensions[right_pb2.right])


def method_path(method: MethodDescriptor) -> str:
    """The path gRPC calls a method by."""
    return f"/{method.containing_service.full_name}/{method.name}"


def may(principal: Principal, right: str) -> bool:
    """Whether any of the principal's roles carries the right; an unknown role carries nothing."""
    return _carried(principal.roles, right)


@lru_cache(maxsize=4_096)
def _carried(roles: frozenset[str], right: str) -> bool:
    if SERVICE_ROLE in roles:
        return True
    if right in SERVICE_RIGHTS or right.rpartition(".")[2] in ALL_TENANTS_VERBS:
        return False
    if right.split(".")[1:2] == [PERSON_DATA_NOUN]:
        return any("*" in RIGHTS_OF_ROLE.get(role, ()) for role in roles)
    if right in NAMED_RIGHTS:
        return any({"*", right} & {*RIGHTS_OF_ROLE.get(role, ())} for role in roles)
    return any(fnmatchcase(right, pattern) for role in roles for pattern in RIGHTS_OF_ROLE.get(role, ()))
