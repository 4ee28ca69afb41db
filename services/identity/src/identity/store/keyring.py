"""The keys that texts are sealed with: Kms from a key file or an environment variable.

A key file has one line per key, `<key id> <32 random bytes in base64>`, ids ascending from 2; empty lines and lines
that start with # say nothing. Key 1 comes from the master secret, so a store without a key file seals with it alone.
"""

import base64
import binascii
import hmac
import os
import re
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SECRET_BYTES = 32
FIRST_KEY_ID = 1
MAX_KEY_ID = 65_535
MAX_KEYS = 1_000
ENVIRONMENT_PREFIX = "env:"
CHECK_BYTES = 16
OTHERS_MAY = 0o007
"""Permissions that nobody but the owner and the group may have on a file of secrets."""
_LINE = re.compile(r"(\d{1,5})\s+(\S{1,64})")


class SecretUnusable(Exception):
    """A secret or key is missing or unusable; the message names where it is and how to mend it, never the secret."""


class KeyMissing(Exception):
    """A text was sealed with a key that is not in the ring."""

    def __init__(self, key_id: int) -> None:
        super().__init__(f"sealing key {key_id} is not in the key ring: put it back, old texts need it")
        self.key_id = key_id


class KeyRing:
    """A Kms that holds its keys in memory. Each tenant has a key of its own, derived (HKDF-SHA256) from the ring's."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        """Raises ValueError for a ring without keys, or a key of another length."""
        if not keys or any(len(key) != SECRET_BYTES for key in keys.values()):
            raise ValueError(f"a key ring holds at least one key, each of {SECRET_BYTES} bytes")
        self._keys = dict(sorted(keys.items()))
        self._newest = max(keys)

    @property
    def newest(self) -> int:
        return self._newest

    @property
    def key_ids(self) -> tuple[int, ...]:
        return tuple(self._keys)

    def sealing_key(self, key_id: int, tenant: str) -> bytes:
        if key_id not in self._keys:
            raise KeyMissing(key_id)
        return derive(self._keys[key_id], tenant, "seal")

    def check(self, key_id: int) -> bytes:
        if key_id not in self._keys:
            raise KeyMissing(key_id)
        return check_of(self._keys[key_id])


def open_key_ring(secret: bytes, source: str = "", environment: Mapping[str, str] | None = None) -> KeyRing:
    """Key 1 of the master secret and the keys that `source` names: the path of a key file, `env:NAME` for a variable
    with the same lines, "" for none. Raises SecretUnusable."""
    keys = {FIRST_KEY_ID: secret}
    if not source:
        return KeyRing(keys)
    if source.startswith(ENVIRONMENT_PREFIX):
        name = source.removeprefix(ENVIRONMENT_PREFIX)
        text = (environment or {}).get(name, "")
        if not text:
            raise SecretUnusable(f"the environment variable {name} of sealing keys is not set")
        where = f"environment variable {name}"
    else:
        where = f"key file {source}"
        text = _text(read_private_file(Path(source), "key file"), where)
    keys.update(_parse(text, where))
    return KeyRing(keys)


def read_private_file(path: Path, what: str) -> bytes:
    """A file's bytes. Raises SecretUnusable when it cannot be read or others than its owner and group may use it."""
    try:
        if path.stat().st_mode & OTHERS_MAY:
            raise SecretUnusable(f"{what} {path} is open to every user of this machine: run chmod 600 {path}")
        return path.read_bytes()
    except OSError as error:
        raise SecretUnusable(
            f"{what} {path} cannot be read ({error.strerror}): restore it from your backup, "
            "a new one cannot read old data"
        ) from error


def add_key(path: Path) -> int:
    """Adds a new key to a key file, made when missing and readable by its owner alone; returns its id. The file is
    replaced as a whole, so that a crash leaves the old one. Raises SecretUnusable."""
    old = b""
    if path.exists():
        old = read_private_file(path, "key file")
    known = _parse(_text(old, f"key file {path}"), f"key file {path}", empty=True)
    key_id = max(known, default=FIRST_KEY_ID) + 1
    line = f"{key_id} {base64.b64encode(os.urandom(SECRET_BYTES)).decode()}\n".encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(old + (b"" if not old or old.endswith(b"\n") else b"\n") + line)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    return key_id


def derive(secret: bytes, tenant: str, purpose: str) -> bytes:
    """A tenant's key for a purpose."""
    info = f"huaxiang identity v1\0{purpose}\0{tenant}".encode()
    return HKDF(algorithm=SHA256(), length=SECRET_BYTES, salt=None, info=info).derive(secret)


def check_of(secret: bytes) -> bytes:
    """Tells a secret from another without telling anything of it."""
    return hmac.digest(secret, b"huaxiang identity key check", "sha256")[:CHECK_BYTES]


def _text(content: bytes, where: str) -> str:
    try:
        return content.decode("ascii")
    except UnicodeDecodeError as error:
        raise SecretUnusable(f"{where} is no text: restore it from your backup") from error


def _parse(text: str, where: str, *, empty: bool = False) -> dict[int, bytes]:
    """Raises SecretUnusable naming the line and never its content."""
    keys: dict[int, bytes] = {}
    last = FIRST_KEY_ID
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None:
            raise _damaged(where, number, "is not <key id> <32 random bytes in base64>")
        key_id = int(match[1])
        if not last < key_id <= MAX_KEY_ID:
            raise _damaged(where, number, f"has a key id that is not above {last}: ids ascend from 2")
        try:
            key = base64.b64decode(match[2], validate=True)
        except binascii.Error as error:
            raise _damaged(where, number, "is not base64") from error
        if len(key) != SECRET_BYTES:
            raise _damaged(where, number, f"holds {len(key)} bytes, not {SECRET_BYTES}")
        keys[key_id] = key
        last = key_id
    if not keys and not empty:
        raise SecretUnusable(f"{where} holds no key: restore it from your backup")
    if len(keys) > MAX_KEYS:
        raise SecretUnusable(f"{where} holds {len(keys)} keys, the limit is {MAX_KEYS}")
    return keys


def _damaged(where: str, line: int, problem: str) -> SecretUnusable:
    return SecretUnusable(f"line {line} of {where} {problem}: restore it from your backup")
