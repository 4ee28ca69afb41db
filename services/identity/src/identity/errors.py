"""Errors of this service beyond the shared ones; reasons are those of huaxiang.identity.v1.ErrorReason."""

from collections.abc import Iterable

from servicekit.errors import AlreadyExists, InvalidField, InvalidInput, StateConflict

DOMAIN = "identity.huaxiang"


class ConsumerUnknown(InvalidInput):
    """The consumer is not named in the configuration."""

    domain = DOMAIN
    reason = "CONSUMER_UNKNOWN"

    def __init__(self, consumer: str, known: Iterable[str]) -> None:
        listed = ", ".join(known)
        super().__init__(
            f"no consumer is named {consumer!r}; configured are: {listed}", consumer=consumer, known=listed
        )


class ServiceUnknown(InvalidInput):
    """The service is not one of those that erase."""

    domain = DOMAIN
    reason = "SERVICE_UNKNOWN"

    def __init__(self, service: str, known: Iterable[str]) -> None:
        listed = ", ".join(known)
        super().__init__(
            f"no service that erases is named {service!r}; configured are: {listed}",
            service=service,
            known=listed,
        )


class PersonErased(StateConflict):
    """The person was erased; nothing is left to read."""

    domain = DOMAIN
    reason = "PERSON_ERASED"

    def __init__(self, person_id: int) -> None:
        super().__init__(f"person {person_id} was erased: nothing is left to read", person_id=person_id)


class CannotLink(StateConflict):
    """A human keeps the two apart."""

    domain = DOMAIN
    reason = "CANNOT_LINK"

    def __init__(self, operation_id: int) -> None:
        super().__init__(
            f"operation {operation_id} keeps the two apart: undo it first", operation_id=operation_id
        )


class OperationNotInForce(StateConflict):
    """The operation, or what it did, was undone."""

    domain = DOMAIN
    reason = "OPERATION_NOT_IN_FORCE"

    def __init__(self, operation_id: int, undone_by: int) -> None:
        super().__init__(
            f"operation {operation_id} is not in force: operation {undone_by} undid it",
            operation_id=operation_id,
            undone_by_operation_id=undone_by,
        )


class ConfirmationNeeded(StateConflict):
    """The policy would split half of all persons or more."""

    domain = DOMAIN
    reason = "CONFIRMATION_NEEDED"

    def __init__(self, persons_split: int, persons: int) -> None:
        super().__init__(
            f"the policy would split {persons_split} of {persons} persons: look at it with SimulatePolicy, and repeat "
            f"with confirm set to {persons_split} if that is meant",
            persons_split=persons_split,
            persons=persons,
        )


class PolicyForbids(StateConflict):
    """The policy lets no person hold the identifiers of both."""

    domain = DOMAIN
    reason = "POLICY_FORBIDS"

    def __init__(self, conflict: str, namespace: str = "") -> None:
        why = f"two values of {namespace}" if namespace else "too many identifiers"
        details = {"namespace": namespace} if namespace else {}
        super().__init__(
            f"together they would have {why}: split what is another's first", conflict=conflict, **details
        )


class ImportDiffers(AlreadyExists):
    """The import id is known with another opening."""

    domain = DOMAIN
    reason = "IMPORT_DIFFERS"

    def __init__(self, import_id: str) -> None:
        super().__init__(
            f"import {import_id!r} was opened with other columns or another source: choose another id",
            import_id=import_id,
        )


class RowsMissing(InvalidField):
    """Rows before those of a message were never committed."""

    def __init__(self, committed: int, first_row: int) -> None:
        super().__init__(
            "rows.first_row",
            f"is {first_row}, but {committed} rows are committed: go on with row {committed}",
        )


class NamespaceGone(InvalidField):
    """A column of an import is of a namespace that the policy in force does not declare."""

    def __init__(self, index: int, namespace: str) -> None:
        super().__init__(
            f"opening.identifiers[{index}].namespace",
            f"is {namespace}, which a policy that came into force since does not declare: "
            "declare it again, or leave the column out of another import",
        )
