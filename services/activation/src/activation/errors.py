"""Errors of this service, by what the caller should do. Reasons stand in activation/v1/error_reason.proto."""

from collections.abc import Iterable

from servicekit.errors import InvalidInput, StateConflict

DOMAIN = "activation.huaxiang"


class AccountUnknown(InvalidInput):
    """The provider account is not configured."""

    domain = DOMAIN
    reason = "ACCOUNT_UNKNOWN"

    def __init__(self, account: str, known: Iterable[str]) -> None:
        names = ", ".join(sorted(known))
        super().__init__(
            f"no provider account is named {account!r}; configured are {names}", account=account, known=names
        )


class MessageRefused(InvalidInput):
    """The channel cannot carry this message."""

    domain = DOMAIN
    reason = "MESSAGE_REFUSED"

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}", field=field, problem=problem)


class SnapshotUnknown(StateConflict):
    """The snapshot does not exist or is not the caller's."""

    domain = DOMAIN
    reason = "SNAPSHOT_UNKNOWN"

    def __init__(self, snapshot_id: str) -> None:
        super().__init__(f"no snapshot has the id {snapshot_id!r}", snapshot_id=snapshot_id)


class SecondPersonNeeded(StateConflict):
    """Who proposed it may not approve it."""

    domain = DOMAIN
    reason = "SECOND_PERSON_NEEDED"

    def __init__(self, resource: str) -> None:
        super().__init__(
            f"{resource}: somebody else than who proposed it has to approve it", resource=resource
        )
