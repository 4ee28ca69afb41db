"""Keyed hashes under one master secret, and sealing under a ring of keys: HMAC-SHA256 and AES-256-GCM, keys by
HKDF-SHA256.

Each tenant and purpose has a key of its own, so that hashes of one tenant or purpose say nothing about
another's. Hashes are what lookups go by, so their secret cannot change; sealing keys can (keyring.py).

A sealed text is a format byte, the id of its key (2 bytes, big-endian), a nonce and the ciphertext. Format 1, from
before there were key ids, has none: its key is the first.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import count
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from identity.domain.consents import Channel
from identity.domain.record import Identifier, StatedAddress
from identity.store.keyring import (
    FIRST_KEY_ID,
    SECRET_BYTES,
    KeyRing,
    SecretUnusable,
    check_of,
    derive,
    read_private_file,
)
from identity.store.privacy_ports import Kms

__all__ = ["KeyVault", "SecretUnusable", "VaultDamaged", "read_secret_file", "write_secret_file"]

HASH_BYTES = 16
NONCE_BYTES = 12
KEY_ID_BYTES = 2
CACHED_KEYS = 1_024
CACHED_HASHES = 100_000
_SHA256_BLOCK_BYTES = 64
_FORMAT_WITHOUT_KEY_ID = 1
_FORMAT = 2
_FORMATS = (bytes([_FORMAT_WITHOUT_KEY_ID]), bytes([_FORMAT]))
"""Numbers that no protobuf message begins with."""


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
        secret = base64.b64decode(read_private_file(path, "secret file").strip(), validate=True)
    except binascii.Error as error:
        raise SecretUnusable(f"secret file {path} is not base64: {advice}") from error
    if len(secret) != SECRET_BYTES:
        raise SecretUnusable(f"secret file {path} holds {len(secret)} bytes: {advice}")
    return secret


class KeyVault:
    """The Vault of one master secret and one ring of sealing keys; safe to use from any threads."""

    def __init__(self, secret: bytes, kms: Kms | None = None) -> None:
        """Without a Kms the first sealing key, which comes from the secret, is the only one."""
        if len(secret) != SECRET_BYTES:
            raise ValueError(f"a master secret has {SECRET_BYTES} bytes, not {len(secret)}")
        self._secret = secret
        self._kms = kms or KeyRing({FIRST_KEY_ID: secret})
        self._key = lru_cache(CACHED_KEYS)(self._derive)
        self._mac = lru_cache(CACHED_KEYS)(self._make_mac)
        self._identifier_hash = lru_cache(CACHED_HASHES)(self._hash_identifier)
        self._cipher = lru_cache(CACHED_KEYS)(self._make_cipher)

    @property
    def newest_key_id(self) -> int:
        return self._kms.newest

    def key_checks(self) -> dict[int, bytes]:
        """What tells each key from another, by key id; 0 is the secret of hashes."""
        return {0: check_of(self._secret)} | {key_id: self._kms.check(key_id) for key_id in self._kms.key_ids}

    def identifier_hash(self, tenant: str, identifier: Identifier) -> bytes:
        return self._identifier_hash(tenant, identifier.namespace, identifier.scope, identifier.value)

    def _hash_identifier(self, tenant: str, namespace: str, scope: str, value: str) -> bytes:
        message = f"{namespace}\0{scope}\0{value}".encode()
        return self._mac(tenant, "identifier")(message)[:HASH_BYTES]

    def identifier_hashes(
        self, tenant: str, namespace: str, scope: str, values: Sequence[str | None]
    ) -> list[bytes | None]:
        return self._hash_column(tenant, "identifier", f"{namespace}\0{scope}\0", values)

    def address_hashes(
        self, tenant: str, channel: Channel, scope: str, addresses: Sequence[str | None]
    ) -> list[bytes | None]:
        return self._hash_column(tenant, "address", f"{int(channel)}\0{scope}\0", addresses)

    def birth_hashes(self, tenant: str, identifier_hashes: Sequence[bytes]) -> list[int]:
        found = self._hash_bytes(tenant, "birth", b"", identifier_hashes)
        return [0 if hash_ is None else int.from_bytes(hash_[:8], "big") for hash_ in found]

    def _hash_column(
        self, tenant: str, purpose: str, before: str, values: Sequence[str | None]
    ) -> list[bytes | None]:
        """The hash of each text behind the same beginning."""
        encoded = [None if value is None else value.encode() for value in values]
        return self._hash_bytes(tenant, purpose, before.encode(), encoded)

    def _hash_bytes(
        self, tenant: str, purpose: str, before: bytes, values: Sequence[bytes | None]
    ) -> list[bytes | None]:
        return _Mac(self._key(tenant, purpose), before).column(values)

    def address_hash(self, tenant: str, address: StatedAddress) -> bytes:
        message = f"{int(address.channel)}\0{address.scope}\0{address.address}".encode()
        return self._mac(tenant, "address")(message)[:HASH_BYTES]

    def birth_hash(self, tenant: str, identifier_hash: bytes) -> int:
        return int.from_bytes(self._mac(tenant, "birth")(identifier_hash)[:8], "big")

    def tombstone(self, tenant: str, hash_: bytes) -> bytes:
        return self._mac(tenant, "tombstone")(hash_)[:HASH_BYTES]

    def seal(self, tenant: str, text: str, bound_to: bytes) -> bytes:
        return self.seal_bytes(tenant, text.encode(), bound_to)

    def seal_bytes(self, tenant: str, content: bytes, bound_to: bytes) -> bytes:
        key_id = self._kms.newest
        nonce = os.urandom(NONCE_BYTES)
        header = bytes([_FORMAT]) + key_id.to_bytes(KEY_ID_BYTES, "big")
        return header + nonce + self._cipher(key_id, tenant).encrypt(nonce, content, header + bound_to)

    def seal_column(
        self, tenant: str, texts: Sequence[str | None], bound_to: Sequence[bytes | None]
    ) -> list[bytes | None]:
        key_id = self._kms.newest
        header = bytes([_FORMAT]) + key_id.to_bytes(KEY_ID_BYTES, "big")
        encrypt = self._cipher(key_id, tenant).encrypt
        nonces = os.urandom(NONCE_BYTES * len(texts))
        found: list[bytes | None] = []
        for start, text, bound in zip(count(0, NONCE_BYTES), texts, bound_to, strict=False):
            if text is None or bound is None:
                found.append(None)
                continue
            nonce = nonces[start : start + NONCE_BYTES]
            found.append(header + nonce + encrypt(nonce, text.encode(), header + bound))
        return found

    def open(self, tenant: str, sealed: bytes, bound_to: bytes) -> str:
        return self.open_bytes(tenant, sealed, bound_to).decode()

    def open_bytes(self, tenant: str, sealed: bytes, bound_to: bytes) -> bytes:
        key_id, body, bound_to = _taken_apart(sealed, bound_to)
        nonce, ciphertext = body[:NONCE_BYTES], body[NONCE_BYTES:]
        try:
            return self._cipher(key_id, tenant).decrypt(nonce, ciphertext, bound_to)
        except (InvalidTag, ValueError) as error:
            raise VaultDamaged(
                "a sealed value does not open: the secret file is not the one it was written with"
            ) from error

    def key_id_of(self, sealed: bytes) -> int:
        return _taken_apart(sealed, b"")[0]

    def is_sealed(self, content: bytes) -> bool:
        return content[:1] in _FORMATS

    def _make_mac(self, tenant: str, purpose: str) -> "_Mac":
        return _Mac(self._key(tenant, purpose))

    def _make_cipher(self, key_id: int, tenant: str) -> AESGCM:
        return AESGCM(self._kms.sealing_key(key_id, tenant))

    def _derive(self, tenant: str, purpose: str) -> bytes:
        return derive(self._secret, tenant, purpose)


class _Mac:
    """HMAC-SHA256 of texts that all begin with `before`. What follows from the key and that beginning is reckoned once
    and copied, which takes less than half the time of hmac.digest."""

    def __init__(self, key: bytes, before: bytes = b"") -> None:
        block = key.ljust(_SHA256_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block) + before)
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def __call__(self, message: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()

    def column(self, messages: Iterable[bytes | None]) -> list[bytes | None]:
        """HASH_BYTES of each; None for None."""
        return [None if message is None else self(message)[:HASH_BYTES] for message in messages]


def _taken_apart(sealed: bytes, bound_to: bytes) -> tuple[int, bytes, bytes]:
    """The id of a sealed text's key, what follows, and what it is bound to. Raises VaultDamaged."""
    if sealed[:1] == bytes([_FORMAT]) and len(sealed) > KEY_ID_BYTES:
        start = 1 + KEY_ID_BYTES
        return int.from_bytes(sealed[1:start], "big"), sealed[start:], sealed[:start] + bound_to
    if sealed[:1] == bytes([_FORMAT_WITHOUT_KEY_ID]):
        return FIRST_KEY_ID, sealed[1:], bound_to
    raise VaultDamaged("a sealed value has no format that this release knows: the data are damaged")
