"""Keyed hashes and sealing: separate per tenant and purpose, bound to their place."""

import base64
import hmac
from pathlib import Path

import pytest
from identity.domain.consents import Channel
from identity.domain.record import Identifier, StatedAddress
from identity.store.keyring import derive
from identity.store.vault import KeyVault, SecretUnusable, VaultDamaged, read_secret_file, write_secret_file

VAULT = KeyVault(b"s" * 32)
PHONE = Identifier("phone", "", "+8613912345670")


def test_hashes_depend_on_secret_tenant_namespace_scope_and_value() -> None:
    others = [
        PHONE._replace(namespace="email"),
        PHONE._replace(scope="x"),
        PHONE._replace(value="+8613912345671"),
    ]
    hashes = {
        VAULT.identifier_hash("t", PHONE),
        VAULT.identifier_hash("u", PHONE),
        KeyVault(b"r" * 32).identifier_hash("t", PHONE),
        VAULT.address_hash("t", StatedAddress(Channel.SMS, "", PHONE.value)),
        *(VAULT.identifier_hash("t", other) for other in others),
    }
    assert len(hashes) == 7
    assert {len(hash_) for hash_ in hashes} == {16}
    assert VAULT.identifier_hash("t", PHONE) == KeyVault(b"s" * 32).identifier_hash("t", PHONE)


@pytest.mark.parametrize("value", ["", "+8613912345670", "字" * 256])
def test_a_hash_is_the_hmac_that_rfc_2104_says(value: str) -> None:
    key = derive(b"s" * 32, "t", "identifier")
    expected = hmac.digest(key, f"phone\0x\0{value}".encode(), "sha256")[:16]
    assert VAULT.identifier_hash("t", Identifier("phone", "x", value)) == expected
    assert VAULT.identifier_hashes("t", "phone", "x", [None, value]) == [None, expected]


def test_a_sealed_text_opens_only_in_its_place() -> None:
    sealed = VAULT.seal("t", PHONE.value, b"here")
    assert PHONE.value.encode() not in sealed
    assert VAULT.open("t", sealed, b"here") == PHONE.value
    for vault, tenant, place, text in (
        (VAULT, "t", b"there", sealed),
        (VAULT, "u", b"here", sealed),
        (KeyVault(b"r" * 32), "t", b"here", sealed),
        (VAULT, "t", b"here", sealed[:-1]),
        (VAULT, "t", b"here", b""),
    ):
        with pytest.raises(VaultDamaged):
            vault.open(tenant, text, place)


def test_a_secret_file_is_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_secret_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(read_secret_file(path)) == 32
    with pytest.raises(FileExistsError):
        write_secret_file(path)


@pytest.mark.parametrize("content", [None, b"", b"not base64!", base64.b64encode(b"short")])
def test_a_missing_or_damaged_secret_file_says_what_to_do(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o600)
    with pytest.raises(SecretUnusable, match="restore it from your backup"):
        read_secret_file(path)


def test_a_secret_file_that_every_user_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_secret_file(path)
    path.chmod(0o644)
    with pytest.raises(SecretUnusable, match="chmod 600"):
        read_secret_file(path)
