"""The tree of categories: places are paths, "transactions/frequency"."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from tagging.domain.definition import MAX_CATEGORY_DEPTH, Wording

MAX_CATEGORIES = 1_000
MAX_PART_CHARACTERS = 64


class PathInvalid(ValueError):
    """A path breaks its limits."""


class CategoryUnknown(LookupError):
    """There is no such category."""

    def __init__(self, path: str) -> None:
        super().__init__(f"there is no category '{path}'")
        self.path = path


@dataclass(frozen=True, slots=True)
class Category:
    path: str
    name: Wording = field(default_factory=Wording)


def check_path(path: str) -> None:
    """Raises PathInvalid."""
    parts = path.split("/")
    if len(parts) > MAX_CATEGORY_DEPTH:
        raise PathInvalid(f"is {len(parts)} deep, the limit is {MAX_CATEGORY_DEPTH}")
    for part in parts:
        if not part or part != part.strip():
            raise PathInvalid("has an empty part, or spaces around one")
        if len(part) > MAX_PART_CHARACTERS:
            raise PathInvalid(f"has a part of {len(part)} characters, the limit is {MAX_PART_CHARACTERS}")


def above(path: str) -> str:
    """The path of the category above; "" at the top."""
    return path.rpartition("/")[0]


def line_of(path: str) -> list[str]:
    """The path and every one above it, from the top."""
    parts = path.split("/") if path else []
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def is_below(path: str, top: str) -> bool:
    """At or below; everything is below ""."""
    return not top or path == top or path.startswith(f"{top}/")


def missing(paths: Iterable[str], stored: Collection[str]) -> list[str]:
    """What must be made so that these places exist, those above first."""
    needed = {each for path in paths for each in line_of(path)}
    return sorted(needed - set(stored))


def require_place(path: str, stored: Collection[str]) -> None:
    """Raises CategoryUnknown when the category above does not exist, PathInvalid."""
    check_path(path)
    parent = above(path)
    if parent and parent not in stored:
        raise CategoryUnknown(parent)


def moved(stored: Mapping[str, Category], path: str, new_path: str) -> dict[str, str]:
    """Old path -> new path of a category and all below it. Raises CategoryUnknown, PathInvalid, and FileExistsError
    when the new place is taken."""
    if path not in stored:
        raise CategoryUnknown(path)
    if is_below(new_path, path) and new_path != path:
        raise PathInvalid(f"'{new_path}' lies below '{path}' itself")
    require_place(new_path, stored)
    found = {each: new_path + each[len(path) :] for each in stored if is_below(each, path)}
    for old, new in found.items():
        check_path(new)
        if new in stored and new not in found and new != old:
            raise FileExistsError(new)
    return found


def counts(paths: Iterable[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Exactly at each place, and at or below it."""
    here: dict[str, int] = {}
    total: dict[str, int] = {}
    for path in paths:
        here[path] = here.get(path, 0) + 1
        for each in line_of(path):
            total[each] = total.get(each, 0) + 1
    return here, total
