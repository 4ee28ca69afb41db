"""The service's configuration, read from the environment once, in main.py."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from servicekit.config import integer, number, one_of, path, setting, text, words

DEFAULT_PORT = 7101
MAX_PREPARERS = 64
DEFAULT_MAX_PREPARERS = 4


def spare_cores() -> int:
    """The cores that this process may use beside its own, at most 4."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores - 1, DEFAULT_MAX_PREPARERS)


@dataclass(frozen=True)
class Config:
    """`keys` holds who may call; `secret_file` the master secret of keyed hashes and sealing (store/vault.py);
    `sealing_keys` names further keys to seal with (store/keyring.py): the path of a key file, or env: and the name of a
    variable; `consumers` are the services that must have stored a change before it may be dropped."""

    keys: Path = setting("HUAXIANG_KEYS", path)
    secret_file: Path = setting("HUAXIANG_IDENTITY_SECRET_FILE", path)
    sealing_keys: str = setting("HUAXIANG_IDENTITY_SEALING_KEYS", text, default="")
    data: Path = setting("HUAXIANG_DATA", path, default=Path("var/huaxiang"))
    url: str = setting("HUAXIANG_IDENTITY_URL", text, default="", hidden=True)
    host: str = setting("HUAXIANG_IDENTITY_HOST", text, default="127.0.0.1")
    port: int = setting("HUAXIANG_IDENTITY_PORT", integer(0, 65_535), default=DEFAULT_PORT)
    clock: Path | None = setting("HUAXIANG_CLOCK", path, default=None)
    synchronous: Literal["FULL", "NORMAL"] = setting(
        "HUAXIANG_SQLITE_SYNCHRONOUS", one_of("FULL", "NORMAL"), default="FULL"
    )
    consumers: tuple[str, ...] = setting("HUAXIANG_IDENTITY_CONSUMERS", words, default=("tagging",))
    erasers: tuple[str, ...] = setting(
        "HUAXIANG_IDENTITY_ERASERS", words, default=("tagging", "segments", "activation")
    )
    tombstones_file: Path | None = setting("HUAXIANG_IDENTITY_TOMBSTONES", path, default=None)
    preparers: int = setting("HUAXIANG_IDENTITY_PREPARERS", integer(0, MAX_PREPARERS), factory=spare_cores)
    changelog_keep_s: float = setting("HUAXIANG_CHANGELOG_KEEP_S", number(1, 10**9), default=7 * 86_400.0)
    changelog_max_bytes: int = setting(
        "HUAXIANG_CHANGELOG_MAX_BYTES", integer(1_000_000, 10**13), default=8 * 10**9
    )

    @property
    def store_url(self) -> str:
        """The given database, by default a file in the data folder."""
        return self.url or f"sqlite:///{self.data / 'identity' / 'identity.db'}"

    @property
    def tombstones(self) -> Path:
        """The given journal of erasures, by default a file in the data folder."""
        return self.tombstones_file or self.data / "identity" / "tombstones.journal"
