"""Paths of folders."""

import pytest
from segments.domain.folders import Folder, NoSuchFolder, PathInvalid, check_path, counts, moved

STORED = {path: Folder(path, path) for path in ("a", "a/b", "a/b/c", "ab", "z")}


@pytest.mark.parametrize("path", ["", "a//b", "a/ b", "/a", "1/2/3/4/5/6", "x" * 65])
def test_a_path_has_its_limits(path: str) -> None:
    with pytest.raises(PathInvalid):
        check_path(path)


def test_a_folder_moves_with_all_below_it_and_nothing_beside_it() -> None:
    assert moved(STORED, "a", "z/a") == {"a": "z/a", "a/b": "z/a/b", "a/b/c": "z/a/b/c"}
    assert moved(STORED, "a", "a") == {"a": "a", "a/b": "a/b", "a/b/c": "a/b/c"}
    with pytest.raises(PathInvalid):
        moved({**STORED, **{each: Folder(each, each) for each in ("z/2", "z/2/3")}}, "a", "z/2/3/4")
    with pytest.raises(FileExistsError):
        moved(STORED, "a", "ab")
    with pytest.raises(NoSuchFolder):
        moved(STORED, "b", "c")


def test_segments_count_here_and_above() -> None:
    here, total = counts(["a/b", "a/b", "a", ""])
    assert (here, total) == ({"a/b": 2, "a": 1}, {"a/b": 2, "a": 3})
