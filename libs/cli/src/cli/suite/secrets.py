"""Makes the keys and secrets of a suite. Random, or from a seed where a demo must repeat itself."""

import base64
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from servicekit.principal import SERVICE_ROLE, key_entry, read_key_file, write_key_file

from cli.exits import Exit, Refusal
from cli.suite.folder import SuiteFolder

SECRET_BYTES = 32
OWNER_ONLY = 0o600
DEFAULT_TENANT = "default"
SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def create_secrets(folder: SuiteFolder, seed: int | None = None) -> bool:
    """Writes what is missing and returns whether anything was; never overwrites. A key that is made anew is added to
    the key file. Secrets made from a `seed` protect nothing: they are for demos and tests."""
    folder.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
    draw = _drawing(seed)
    written = [
        path
        for path in (folder.identity_secret, folder.activation_secret)
        if _write(path, base64.b64encode(draw(path.name)))
    ]
    written += [
        path
        for path in (folder.admin_key, folder.service_key)
        if _write(path, base64.urlsafe_b64encode(draw(path.name)))
    ]
    known = read_key_file(folder.keys) if folder.keys.exists() else []
    missing = [
        key_entry(read_secret(path), tenant=tenant, subject=subject, roles=(role,))
        for path, tenant, subject, role in (
            (folder.admin_key, DEFAULT_TENANT, "admin", "admin"),
            (folder.service_key, "*", "suite", "service"),
        )
        if path in written or not known
    ]
    if missing:
        write_key_file(folder.keys, [*known, *missing])
        folder.keys.chmod(OWNER_ONLY)
    return bool(written or missing)


def add_key(folder: SuiteFolder, subject: str, roles: Sequence[str]) -> Path:
    """Makes a key for one more program or person of the default tenant, which works within a second. Raises Refusal for
    a role that nobody knows, and for a subject that has a key."""
    from servicekit.rights import RIGHTS_OF_ROLE

    unknown = sorted(set(roles) - RIGHTS_OF_ROLE.keys() - {SERVICE_ROLE})
    if unknown or SERVICE_ROLE in roles or not roles:
        known = ", ".join(sorted(RIGHTS_OF_ROLE.keys() - {SERVICE_ROLE}))
        raise Refusal(f"roles are some of {known}", Exit.USAGE)
    if not SUBJECT.fullmatch(subject):
        raise Refusal(
            "a subject is a letter or digit, then letters, digits, . _ and -, at most 64", Exit.USAGE
        )
    entries = read_key_file(folder.keys)
    if any(each.subject == subject for each in entries):
        raise Refusal(f"{subject} has a key in {folder.keys}", Exit.CONFLICT)
    path = folder.secrets / f"{subject}.key"
    key = secrets.token_urlsafe(SECRET_BYTES)
    if not _write(path, key.encode()):
        raise Refusal(f"{path} exists already", Exit.CONFLICT)
    added = key_entry(key, tenant=DEFAULT_TENANT, subject=subject, roles=tuple(roles))
    write_key_file(folder.keys, [*entries, added])
    folder.keys.chmod(OWNER_ONLY)
    return path


def read_secret(path: Path) -> str:
    """The secret in a file. Raises Refusal when it is not there, or not as it was made."""
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        problem = f"{path} cannot be read ({error.strerror}); make the suite's keys with: huaxiang init"
        raise Refusal(problem, Exit.USAGE) from error
    except UnicodeDecodeError as error:
        problem = f"{path} is damaged: it holds other bytes than ASCII; put the right file back"
        raise Refusal(problem, Exit.USAGE) from error


def derived(secret: str, name: str) -> str:
    """32 hex digits that belong to a secret: credentials of the sandbox's accounts."""
    return hashlib.blake2b(name.encode(), key=secret.encode()[:64], digest_size=16).hexdigest()


def _drawing(seed: int | None) -> Callable[[str], bytes]:
    if seed is None:
        return lambda name: secrets.token_bytes(SECRET_BYTES)
    return lambda name: hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=SECRET_BYTES).digest()


def _write(path: Path, content: bytes) -> bool:
    if path.exists():
        return False
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(descriptor, "w") as file:
        file.write(content.decode().rstrip("=") + "\n" if path.suffix == ".key" else content.decode() + "\n")
    return True
