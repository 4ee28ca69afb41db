"""The tree of folders: places are paths, "campaigns/618"."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

MAX_FOLDERS = 1_000
MAX_FOLDER_DEPTH = 5
MAX_PART_CHARS = 64


class PathInvalid(ValueError):
    """A path breaks its limits."""


class NoSuchFolder(LookupError):
    """There is no folder with this path."""

    def __init__(self, path: str) -> None:
        super().__init__(f"there is no folder '{path}'")
        self.path = path


@dataclass(frozen=True, slots=True)
class Folder:
    path: str
    display_name: str


def check_path(path: str) -> None:
    """Raises PathInvalid."""
    parts = path.split("/")
    if len(parts) > MAX_FOLDER_DEPTH:
        raise PathInvalid(f"is {len(parts)} deep, the limit is {MAX_FOLDER_DEPTH}")
    for part in parts:
        if not part or part != part.strip():
            raise PathInvalid("has an empty part, or spaces around one")
        if len(part) > MAX_PART_CHARS:
            raise PathInvalid(f"has a part of {len(part)} characters, the limit is {MAX_PART_CHARS}")


def is_below(path: str, top: str) -> bool:
    """At or below; everything is below ""."""
    return not top or path == top or path.startswith(f"{top}/")


def require_place(path: str, stored: Collection[str]) -> None:
    """Raises NoSuchFolder when the folder above does not exist, PathInvalid."""
    check_path(path)
    above = path.rpartition("/")[0]
    if above and above not in stored:
        raise NoSuchFolder(above)


def moved(stored: Mapping[str, Folder], path: str, new_path: str) -> dict[str, str]:
    """Old path -> new path of a folder and all below it. Raises NoSuchFolder, PathInvalid, and FileExistsError when the
    new place is taken."""
    if path not in stored:
        raise NoSuchFolder(path)
    if is_below(new_path, path) and new_path != path:
        raise PathInvalid(f"'{new_path}' lies below '{path}' itself")
    require_place(new_path, stored)
    found = {each: new_path + each[len(path) :] for each in stored if is_below(each, path)}
    for old, new in found.items():
        check_path(new)
        if new in stored and new not in found and new != old:
            raise FileExistsError(new)
    return found


def counts(places: Iterable[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Exactly at each place, and at or below it."""
    here: dict[str, int] = {}
    total: dict[str, int] = {}
    for path in filter(None, places):
        here[path] = here.get(path, 0) + 1
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            above = "/".join(parts[:depth])
            total[above] = total.get(above, 0) + 1
    return here, total
