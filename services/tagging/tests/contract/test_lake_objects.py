"""Where the lake's files lie: one suite for the local folder and an S3-compatible store."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from s3_server import ACCESS_KEY, REGION, SECRET_KEY, make_bucket, s3_server
from tagging.store.lake_objects import LocalLakeObjects
from tagging.store.lake_ports import LakeObjects
from tagging.store.s3_lake_objects import S3LakeObjects, S3Place

FIRST, SECOND = "t1/day=2026-05-01/a.parquet", "t1/day=2026-05-02/b.parquet"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture(params=["local", "s3"])
def reopened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., LakeObjects]:
    """Opens the same store again; `fresh` as on another machine."""
    if request.param == "local":
        return lambda fresh=False: LocalLakeObjects(tmp_path / "lake")
    place = s3_place(request.getfixturevalue("s3"), tmp_path.name)
    return lambda fresh=False: S3LakeObjects(place, tmp_path / ("other" if fresh else "lake"))


def s3_place(url: str, bucket: str) -> S3Place:
    name = bucket.replace("_", "-").lower()
    make_bucket(url, f"bucket-{name}")
    return S3Place(f"bucket-{name}", "suite/lake", url, REGION, ACCESS_KEY, SECRET_KEY)


@pytest.fixture
def objects(reopened: Callable[..., LakeObjects]) -> LakeObjects:
    return reopened()


def put(objects: LakeObjects, path: str, content: bytes) -> int:
    objects.stage(path).write_bytes(content)
    return objects.keep(path)


def test_what_is_kept_is_visible_and_readable(
    objects: LakeObjects, reopened: Callable[..., LakeObjects]
) -> None:
    large = bytes(range(256)) * 100_000
    assert put(objects, FIRST, large) == len(large)
    assert put(objects, SECOND, b"x") == 1
    for each in (objects, reopened(), reopened(fresh=True)):
        assert each.paths() == {FIRST, SECOND}
        assert each.open(FIRST).read_bytes() == large
        assert each.open(SECOND).read_bytes() == b"x"


def test_what_is_staged_is_not_visible_and_goes_when_cleared(objects: LakeObjects) -> None:
    place = objects.stage(FIRST)
    place.write_bytes(b"half")
    assert objects.paths() == set()
    with pytest.raises(FileNotFoundError):
        objects.open(FIRST)
    assert objects.clear() == 1
    assert not place.exists()
    assert objects.clear() == 0


def test_keeping_the_same_content_again_is_fine(objects: LakeObjects) -> None:
    for _ in range(2):
        assert put(objects, FIRST, b"same") == 4
    assert objects.paths() == {FIRST}
    assert objects.open(FIRST).read_bytes() == b"same"


def test_what_is_removed_is_gone_and_may_be_removed_again(objects: LakeObjects) -> None:
    put(objects, FIRST, b"x")
    for _ in range(2):
        objects.remove(FIRST)
        assert objects.paths() == set()
        with pytest.raises(FileNotFoundError):
            objects.open(FIRST)


def test_trimming_removes_nothing_that_is_visible(objects: LakeObjects) -> None:
    put(objects, FIRST, b"x")
    objects.trim(lambda path: False)
    assert objects.open(FIRST).read_bytes() == b"x"


def test_copies_above_the_budget_go_but_not_those_that_are_held(s3: str, tmp_path: Path) -> None:
    objects = S3LakeObjects(s3_place(s3, tmp_path.name), tmp_path / "lake", copies_bytes=1)
    put(objects, FIRST, b"first")
    put(objects, SECOND, b"second")
    assert objects.trim(lambda path: path == FIRST) == 1
    assert (tmp_path / "lake" / FIRST).exists()
    assert not (tmp_path / "lake" / SECOND).exists()
    assert objects.open(SECOND).read_bytes() == b"second"
    assert objects.trim(lambda path: False) == 2


def test_a_store_that_does_not_take_a_file_leaves_nothing_visible(s3: str, tmp_path: Path) -> None:
    objects = S3LakeObjects(S3Place("no-such-bucket", "", s3, REGION, ACCESS_KEY, SECRET_KEY), tmp_path)
    with pytest.raises(OSError, match="no-such-bucket"):
        put(objects, FIRST, b"x")
    assert not (tmp_path / FIRST).exists()


def test_keys_are_not_told() -> None:
    assert SECRET_KEY not in repr(S3Place("b", "p", "", REGION, ACCESS_KEY, SECRET_KEY))
