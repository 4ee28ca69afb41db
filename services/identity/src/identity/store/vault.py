"""Keyed hashes and sealing under one master secret: HMAC-SHA256 and AES-256-GCM with keys from HKDF-SHA256.

Each tenant and purpose has a key of its own, so that hashes of one tenant or purpose say nothing about
another's.
"""

import base64
import binascii
import hmac
import os
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from identity.domain.record import Identifier, StatedAddress

SECRET_BYTES = 32
HASH_BYTES = 16
NONCE_BYTES = 12
CACHED_KEYS = 1_024
CACHED_HASHES = 100_000
_SEALED_FORMAT = b"\x01"


class SecretUnusable(Exception):
    """The secret file is missing or holds no secret; the message names the file and how to mend it."""


class VaultDamaged(Exception):
    """A sealed text does not open: another secret, or damaged data."""


def write_secret_file(path: Path) -> None:
    """Makes a new secret readable by its owner alone. Raises FileExistsError rather than overwrite one:
    without the old secret nothing sealed can be read again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(os.urandom(SECRET_BYTES)) + b"\n")


def read_secret_file(path: Path) -> bytes:
    """The secret. Raises SecretUnusable."""
    advice = (
        "it must hold 32 random bytes in base64; restore it from your backup, a new one cannot read old data"
    )
    try:
        secret = base64.b64decode(path.read_bytes().strip(), validate=True)
    except OSError as error:
        raise SecretUnusable(f"secret file {path} cannot be read ({error.strerror}): {advice}") from error
    except binascii.Error as error:
        raise SecretUnusable(f"secret file {path} is not base64: {advice}") from error
    if len(secret) != SECRET_BYTES:
        raise SecretUnusable(f"secret file {path} holds {len(secret)} bytes: {advice}")
    return secret


class KeyVault:
    """The Vault of one master secret; safe to use from any threads."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SECRET_BYTES:
            raise ValueError(f"a master secret has {SECRET_BYTES} bytes, not {len(secret)}")
        self._secret = secret
        self._key = lru_cache(CACHED_KEYS)(self._derive)
        self._identifier_hash = lru_cache(CACHED_HASHES)(self._hash_identifier)
        self._cipher = lru_cache(CACHED_KEYS)(lambda tenant: AESGCM(self._key(tenant, "seal")))

    def identifier_hash(self, tenant: str, identifier: Identifier) -> bytes:
        return self._identifier_hash(tenant, identifier.namespace, identifier.scope, identifier.value)

    def _hash_identifier(self, tenant: str, namespace: str, scope: str, value: str) -> bytes:
        message = f"{namespace}\0{scope}\0{value}".encode()
        return hmac.digest(self._key(tenant, "identifier"), message, "sha256")[:HASH_BYTES]

    def address_hash(self, tenant: str, address: StatedAddress) -> bytes:
        message = f"{int(address.channel)}\0{address.scope}\0{address.address}".encode()
        return hmac.digest(self._key(tenant, "address"), message, "sha256")[:HASH_BYTES]

    def birth_hash(self, tenant: str, identifier_hash: bytes) -> int:
        return int.from_bytes(hmac.digest(self._key(tenant, "birth"), identifier_hash, "sha256")[:8], "big")

    def seal(self, tenant: str, text: str, bound_to: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return _SEALED_FORMAT + nonce + self._cipher(tenant).encrypt(nonce, text.encode(), bound_to)

    def open(self, tenant: str, sealed: bytes, bound_to: bytes) -> str:
        nonce, ciphertext = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            if sealed[:1] != _SEALED_FORMAT:
                raise InvalidTag
            return self._cipher(tenant).decrypt(nonce, ciphertext, bound_to).decode()
        except (InvalidTag, ValueError) as error:
            raise VaultDamaged(
                "a sealed value does not open: the secret file is not the one it was written with"
            ) from error

    def _derive(self, tenant: str, purpose: str) -> bytes:
        info = f"huaxiang identity v1\0{purpose}\0{tenant}".encode()
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(self._secret)
