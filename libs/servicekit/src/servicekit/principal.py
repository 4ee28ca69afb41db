"""Who calls: a Principal, made from call metadata by an Authenticator. The embedded one reads a key file."""

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import yaml

from servicekit.errors import InvalidField, KeyUnknown, RightMissing
from servicekit.yaml_text import read_yaml, write_yaml

SERVICE_ROLE = "service"
AUTHORIZATION_KEY = "authorization"
TENANT_KEY = "huaxiang-tenant"
FILE_CHECK_INTERVAL_S = 1.0
"""A key file is looked at no more often than this (machine time), so a new key works within a second."""
_BEARER = "Bearer "
_TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class KeyFileError(Exception):
    """The key file is missing or malformed; the message names the file and the entry."""


@dataclass(frozen=True)
class Principal:
    """`subject` names the key in audits. `tenant` is empty only for the role `service` when it names none."""

    tenant: str
    subject: str
    roles: frozenset[str]

    @property
    def is_service(self) -> bool:
        """Whether the caller is one of the suite's own services, which covers all tenants."""
        return SERVICE_ROLE in self.roles

    def require_tenant(self) -> str:
        """The tenant of the call. Raises InvalidField when a service named none."""
        if not self.tenant:
            raise InvalidField(f"metadata {TENANT_KEY}", "a service must name the tenant it acts for")
        return self.tenant


class Authenticator(Protocol):
    """Turns call metadata into a Principal. Called on the event loop for every call: no blocking beyond a
    stat."""

    def authenticate(self, metadata: Mapping[str, str]) -> Principal:
        """Raises KeyUnknown when the caller is not known, RightMissing when it names a tenant that is not
        its own."""
        ...


@dataclass(frozen=True)
class KeyEntry:
    """One key of a key file. The file holds the key's SHA-256 in hex, never the key. `tenant` "*" is all
    tenants."""

    key_sha256: str
    tenant: str
    subject: str
    roles: tuple[str, ...]


def key_entry(key: str, *, tenant: str, subject: str, roles: Iterable[str]) -> KeyEntry:
    """The entry of a key."""
    return KeyEntry(hash_key(key), tenant, subject, tuple(roles))


def hash_key(key: str) -> str:
    """SHA-256 in hex: keys are long random texts, so a plain hash suffices."""
    return hashlib.sha256(key.encode()).hexdigest()


class KeyFileAuthenticator:
    """Keys from a YAML list of {key_sha256, tenant, subject, roles}; read again when the file changes.

    Raises KeyFileError at construction; a file damaged later keeps the last good keys.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries = _read_key_file(path)
        self._seen_mtime_ns = path.stat().st_mtime_ns
        self._next_check_s = time.monotonic() + FILE_CHECK_INTERVAL_S

    def authenticate(self, metadata: Mapping[str, str]) -> Principal:
        presented = metadata.get(AUTHORIZATION_KEY, "")
        if not presented.startswith(_BEARER):
            raise KeyUnknown("send metadata 'authorization: Bearer <key>'")
        self._follow_file()
        entry = self._entries.get(hash_key(presented.removeprefix(_BEARER)))
        if entry is None:
            raise KeyUnknown("this key is not in the key file")
        return _principal_of(entry, metadata.get(TENANT_KEY, ""))

    def _follow_file(self) -> None:
        monotonic_s = time.monotonic()
        if monotonic_s < self._next_check_s:
            return
        self._next_check_s = monotonic_s + FILE_CHECK_INTERVAL_S
        try:
            mtime_ns = self._path.stat().st_mtime_ns
            if mtime_ns != self._seen_mtime_ns:
                self._entries = _read_key_file(self._path)
                self._seen_mtime_ns = mtime_ns
        except (OSError, KeyFileError):
            return


def write_key_file(path: Path, entries: Iterable[KeyEntry]) -> None:
    """Writes a key file, atomically, readable by its owner only. Raises KeyFileError for a malformed
    entry."""
    listed = [
        {"key_sha256": e.key_sha256, "tenant": e.tenant, "subject": e.subject, "roles": list(e.roles)}
        for e in entries
    ]
    _parse_entries(listed, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(write_yaml(listed))
    Path(temporary).replace(path)


def read_key_file(path: Path) -> list[KeyEntry]:
    """The entries of a key file, in its order. Raises KeyFileError."""
    return list(_read_key_file(path).values())


def _principal_of(entry: KeyEntry, asked_tenant: str) -> Principal:
    roles = frozenset(entry.roles)
    if asked_tenant and not _TENANT.fullmatch(asked_tenant):
        raise InvalidField(f"metadata {TENANT_KEY}", "is not a tenant's name")
    if SERVICE_ROLE in roles:
        return Principal(asked_tenant, entry.subject, roles)
    if asked_tenant not in ("", entry.tenant):
        raise RightMissing("act for another tenant")
    return Principal(entry.tenant, entry.subject, roles)


def _read_key_file(path: Path) -> dict[str, KeyEntry]:
    try:
        listed = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise KeyFileError(f"key file {path} cannot be read: {error}") from error
    return _parse_entries(listed, path)


def _parse_entries(listed: object, path: Path) -> dict[str, KeyEntry]:
    if not isinstance(listed, list):
        raise KeyFileError(f"key file {path} must be a list of {{key_sha256, tenant, subject, roles}}")
    entries: dict[str, KeyEntry] = {}
    for number, item in enumerate(listed):
        try:
            entry = KeyEntry(
                str(item["key_sha256"]),
                str(item["tenant"]),
                str(item["subject"]),
                tuple(map(str, item["roles"])),
            )
        except (TypeError, KeyError) as error:
            raise KeyFileError(f"key file {path}, entry {number}: lacks {error}") from error
        if not re.fullmatch(r"[0-9a-f]{64}", entry.key_sha256):
            raise KeyFileError(f"key file {path}, entry {number}: key_sha256 is not a SHA-256 in hex")
        is_service = SERVICE_ROLE in entry.roles
        if (entry.tenant != "*") if is_service else not _TENANT.fullmatch(entry.tenant):
            raise KeyFileError(
                f"key file {path}, entry {number}: tenant is '*' for the role service, else a tenant's name"
            )
        entries[entry.key_sha256] = entry
    return entries
