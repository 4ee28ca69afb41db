"""From requests about who belongs together to the domain, limits checked."""

from huaxiang.identity.v1 import (
    explain_service_pb2,
    link_pb2,
    operation_service_pb2,
)
from servicekit.errors import BatchTooLarge, InvalidField, PageTokenMalformed
from servicekit.principal import Principal

from identity.api.parse_records import MAX_RECORD_ID_CHARS
from identity.api.values import name_is_valid
from identity.app.key_refs import KeyRef
from identity.app.operate import Decider
from identity.domain.groups import Reason
from identity.domain.linking import Conflict
from identity.domain.normalise import Normaliser, Unusable, scope_is_valid
from identity.domain.policy import Policy
from identity.domain.record import MAX_KEY_ID, Identifier

MAX_SPLIT_KEYS = 1_000
MAX_REASON_CHARS = 500


class OperationParser:
    """Parses under one policy."""

    def __init__(self, policy: Policy, normaliser: Normaliser) -> None:
        self._policy = policy
        self._normaliser = normaliser

    def under(self, policy: Policy) -> "OperationParser":
        """A parser under another policy."""
        return OperationParser(policy, self._normaliser.under(policy))

    def key_ref(self, field: str, ref: link_pb2.KeyRef) -> KeyRef:
        """A named key. Raises InvalidField."""
        match ref.WhichOneof("by"):
            case "key_id":
                if not 0 < ref.key_id <= MAX_KEY_ID:
                    raise InvalidField(f"{field}.key_id", f"is not from 1 to {MAX_KEY_ID}")
                return KeyRef(field, ref.key_id)
            case "identifier":
                return KeyRef(field, self._identifier(field, ref))
            case "record":
                source, record_id = ref.record.source, ref.record.record_id
                if not name_is_valid(source):
                    raise InvalidField(
                        f"{field}.record.source", "is not 1 to 64 characters of a-z, 0-9 and _"
                    )
                if not 1 <= len(record_id) <= MAX_RECORD_ID_CHARS:
                    problem = f"is not 1 to {MAX_RECORD_ID_CHARS} characters"
                    raise InvalidField(f"{field}.record.record_id", problem)
                return KeyRef(field, (source, record_id))
        raise InvalidField(field, "names no identifier: set key_id, identifier or record")

    def split_keys(self, request: operation_service_pb2.SplitRequest) -> list[KeyRef]:
        """The keys that leave."""
        if not request.keys:
            raise InvalidField("keys", f"is empty: name 1 to {MAX_SPLIT_KEYS}")
        if len(request.keys) > MAX_SPLIT_KEYS:
            raise BatchTooLarge("keys", len(request.keys), MAX_SPLIT_KEYS)
        return [self.key_ref(f"keys[{index}]", ref) for index, ref in enumerate(request.keys)]

    def _identifier(self, field: str, ref: link_pb2.KeyRef) -> Identifier:
        stated = ref.identifier
        normal = self._normaliser.value(stated.namespace, stated.value)
        if isinstance(normal, Unusable):
            raise InvalidField(f"{field}.identifier", normal.hint)
        declared = self._policy.namespaces[stated.namespace]
        if declared.scoped_by_source and not stated.scope:
            raise InvalidField(f"{field}.identifier.scope", "is empty: name the source that numbers it")
        if not scope_is_valid(stated.scope):
            raise InvalidField(f"{field}.identifier.scope", "is not at most 64 of A-Z, a-z, 0-9 and _ . : -")
        return Identifier(stated.namespace, stated.scope, normal.text, normal.blocked)


def decider(reason: str, principal: Principal) -> Decider:
    """Who decides and why."""
    if not 1 <= len(reason) <= MAX_REASON_CHARS or not reason.isprintable():
        raise InvalidField("reason", f"is not 1 to {MAX_REASON_CHARS} printable characters")
    return Decider(principal.require_tenant(), principal.subject, reason)


def two_persons(request: operation_service_pb2.MergeRequest) -> tuple[int, int]:
    """The persons to merge."""
    return (
        person_id("person_id", request.person_id),
        person_id("other_person_id", request.other_person_id),
    )


def person_id(field: str, stated: int) -> int:
    """A person id."""
    if stated <= 0:
        raise InvalidField(field, "is not positive")
    return stated


def filtered_person(
    request: explain_service_pb2.ListConflictsRequest | explain_service_pb2.ListMergeHistoryRequest,
) -> int:
    """A person id, or 0 for everybody."""
    if request.person_id < 0:
        raise InvalidField("person_id", "is negative")
    return int(request.person_id)


def last_conflict(key: tuple[int, int, int] | None) -> Conflict | None:
    """Where a page of conflicts starts. Raises PageTokenMalformed."""
    if key is None:
        return None
    key_id, other, reason = key
    if reason not in set(Reason):
        raise PageTokenMalformed("its content is not that of this list's")
    return Conflict(key_id, other, Reason(reason))


def operation_id(stated: int) -> int:
    """An operation id."""
    if stated <= 0:
        raise InvalidField("operation_id", "is not positive")
    return stated
