"""What every Kms does: the key ring of a file, and that of an environment variable."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from identity.store.keyring import KeyMissing, SecretUnusable, add_key, open_key_ring
from identity.store.privacy_ports import Kms
from identity.store.vault import KeyVault

SECRET = b"s" * 32
KEYS = {2: b"2" * 32, 7: b"7" * 32}
MakeKms = Callable[[dict[int, bytes]], Kms]


def lines(keys: dict[int, bytes]) -> str:
    return "".join(f"{key_id} {base64.b64encode(key).decode()}\n" for key_id, key in keys.items())


@pytest.fixture(params=["file", "environment"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> MakeKms:
    def from_file(keys: dict[int, bytes]) -> Kms:
        path = tmp_path / "keys"
        path.write_text("# sealing keys\n\n" + lines(keys))
        path.chmod(0o600)
        return open_key_ring(SECRET, str(path))

    def from_environment(keys: dict[int, bytes]) -> Kms:
        return open_key_ring(SECRET, "env:SEALING", {"SEALING": lines(keys)})

    return from_file if request.param == "file" else from_environment


def test_the_newest_is_the_highest_and_the_secret_is_the_first(make: MakeKms) -> None:
    kms = make(KEYS)
    assert (kms.key_ids, kms.newest) == ((1, 2, 7), 7)


def test_keys_differ_by_id_and_tenant_and_never_by_time(make: MakeKms) -> None:
    one, other = make(KEYS), make(KEYS)
    asked = [(key_id, tenant) for key_id in (1, 2, 7) for tenant in ("t", "u")]
    keys = [one.sealing_key(*each) for each in asked]
    assert len(set(keys)) == len(asked)
    assert {len(key) for key in keys} == {32}
    assert keys == [other.sealing_key(*each) for each in asked]


def test_checks_tell_keys_apart_and_hold_nothing_of_them(make: MakeKms) -> None:
    kms = make(KEYS)
    checks = [kms.check(key_id) for key_id in kms.key_ids]
    assert len(set(checks)) == 3
    assert not {key[:16] for key in KEYS.values()} & set(checks)


def test_a_key_that_is_not_there_is_named(make: MakeKms) -> None:
    kms = make(KEYS)
    for asked in (lambda: kms.sealing_key(3, "t"), lambda: kms.check(3)):
        with pytest.raises(KeyMissing, match="3"):
            asked()


def test_new_texts_use_the_newest_key_and_old_ones_stay_readable(make: MakeKms) -> None:
    before, after = KeyVault(SECRET, make({2: KEYS[2]})), KeyVault(SECRET, make(KEYS))
    first, old = KeyVault(SECRET).seal("t", "first", b"here"), before.seal("t", "old", b"here")
    new = after.seal("t", "new", b"here")
    assert [after.key_id_of(sealed) for sealed in (first, old, new)] == [1, 2, 7]
    assert [after.open("t", sealed, b"here") for sealed in (first, old, new)] == ["first", "old", "new"]
    with pytest.raises(KeyMissing):
        before.open("t", new, b"here")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "holds no key"),
        ("2", "line 1"),
        ("two " + "A" * 44, "line 1"),
        ("1 " + base64.b64encode(KEYS[2]).decode(), "not above 1"),
        (lines({3: KEYS[2]}) + lines({2: KEYS[2]}), "line 2"),
        ("2 not-base64!", "not base64"),
        ("2 " + base64.b64encode(b"short").decode(), "holds 5 bytes"),
        ("\x00\x13", "line 1"),
        ("密钥", "is no text"),
    ],
)
def test_a_damaged_ring_says_where_and_never_what(content: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(SecretUnusable, match=problem) as refused:
        open_key_ring(SECRET, str(path))
    for word in content.split():
        assert len(word) < 5 or word not in str(refused.value)


def test_a_key_file_that_is_missing_or_open_to_all_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    with pytest.raises(SecretUnusable, match="cannot be read"):
        open_key_ring(SECRET, str(path))
    path.write_text(lines(KEYS))
    path.chmod(0o604)
    with pytest.raises(SecretUnusable, match="chmod 600"):
        open_key_ring(SECRET, str(path))
    with pytest.raises(SecretUnusable, match="NOWHERE"):
        open_key_ring(SECRET, "env:NOWHERE", {})


def test_keys_are_added_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "keys"
    assert [add_key(path), add_key(path)] == [2, 3]
    assert path.stat().st_mode & 0o777 == 0o600
    assert open_key_ring(SECRET, str(path)).key_ids == (1, 2, 3)
