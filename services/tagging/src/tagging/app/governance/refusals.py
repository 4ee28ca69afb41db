"""What the domain of governance refuses, as callers hear it; and texts of the caller's, checked."""

from collections.abc import Iterator
from contextlib import contextmanager

from servicekit.errors import InvalidField
from tagging.domain.governance import people, requests
from tagging.errors import OwnReview, RequestClosed, StepForbidden, TagStateConflict

MAX_REASON_CHARACTERS = 2_000


@contextmanager
def told() -> Iterator[None]:
    """Of tags."""
    try:
        yield
    except people.StepRefused as error:
        raise TagStateConflict(str(error), error.name, error.state, error.step, error.fitting) from error
    except people.StepForbidden as error:
        raise StepForbidden(str(error), error.name, error.step, error.who) from error
    except people.OwnReview as error:
        raise OwnReview(str(error), error.step, error.because, tag_id=error.name) from error


@contextmanager
def told_of_request() -> Iterator[None]:
    """Of requests."""
    try:
        yield
    except people.StepRefused as error:
        raise RequestClosed(error.name, error.state) from error
    except people.StepForbidden as error:
        raise StepForbidden(str(error), error.name, error.step, error.who) from error
    except people.OwnReview as error:
        raise OwnReview(str(error), error.step, error.because, tag_request_id=error.name) from error
    except requests.RequestInvalid as error:
        raise InvalidField(error.field, error.problem) from error


def reason_of(text: str, *, needed: bool = False, field: str = "reason") -> str:
    """A reason within its limits. Raises InvalidField."""
    stripped = text.strip()
    if needed and not stripped:
        raise InvalidField(field, "is empty; say why, the history keeps it")
    if len(stripped) > MAX_REASON_CHARACTERS:
        raise InvalidField(field, f"has {len(stripped)} characters, the limit is {MAX_REASON_CHARACTERS}")
    return stripped
