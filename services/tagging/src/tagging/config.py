"""The service's configuration, read from the environment once, in main.py."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from servicekit.config import integer, number, one_of, path, setting, text

from tagging.domain.quality.retention import KEEP_DAYS, LEAST_KEEP_DAYS, MAX_KEEP_DAYS

HOT_COPIES = ("memory", "redis://", "rediss://", "unix://")

DEFAULT_PORT = 7102


def _hot_copies(raw: str) -> str:
    """Where copies of portraits are kept: "memory", or the URL of a Redis."""
    if raw != HOT_COPIES[0] and not raw.startswith(HOT_COPIES[1:]):
        raise ValueError(
            f"is none of {', '.join(f'{each}...' if '/' in each else each for each in HOT_COPIES)}"
        )
    return raw


class S3Bucket(NamedTuple):
    """Where an S3-compatible store keeps the lake."""

    bucket: str
    prefix: str


def _s3_bucket(raw: str) -> S3Bucket:
    """ "s3://bucket/prefix"; the prefix may be empty."""
    bucket, _, prefix = raw.removeprefix("s3://").partition("/")
    if not raw.startswith("s3://") or not bucket:
        raise ValueError("is not s3://bucket/prefix")
    return S3Bucket(bucket, prefix.strip("/"))


def _endpoint(raw: str) -> str:
    """A URL, so that nobody sends keys over plain HTTP without saying so."""
    if not raw.startswith(("http://", "https://")):
        raise ValueError("does not begin with http:// or https://")
    return raw.rstrip("/")


@dataclass(frozen=True)
class Config:
    """`keys` holds who may call, `service_key_file` the key that this service presents to identity."""

    keys: Path = setting("HUAXIANG_KEYS", path)
    service_key_file: Path = setting("HUAXIANG_SERVICE_KEY_FILE", path)
    identity_target: str = setting("HUAXIANG_IDENTITY_TARGET", text, default="127.0.0.1:7101")
    data: Path = setting("HUAXIANG_DATA", path, default=Path("var/huaxiang"))
    url: str = setting("HUAXIANG_TAGGING_URL", text, default="", hidden=True)
    host: str = setting("HUAXIANG_TAGGING_HOST", text, default="127.0.0.1")
    port: int = setting("HUAXIANG_TAGGING_PORT", integer(0, 65_535), default=DEFAULT_PORT)
    clock: Path | None = setting("HUAXIANG_CLOCK", path, default=None)
    synchronous: Literal["FULL", "NORMAL"] = setting(
        "HUAXIANG_SQLITE_SYNCHRONOUS", one_of("FULL", "NORMAL"), default="FULL"
    )
    hot_copies: str = setting("HUAXIANG_HOT_COPIES", _hot_copies, default="memory", hidden=True)
    lake_store: S3Bucket | None = setting("HUAXIANG_LAKE_STORE", _s3_bucket, default=None)
    lake_s3_endpoint: str = setting("HUAXIANG_LAKE_S3_ENDPOINT", _endpoint, default="")
    lake_s3_region: str = setting("HUAXIANG_LAKE_S3_REGION", text, default="")
    lake_s3_key_file: Path | None = setting("HUAXIANG_LAKE_S3_KEY_FILE", path, default=None)
    lake_copies_bytes: int = setting("HUAXIANG_LAKE_COPIES_BYTES", integer(0, 10**14), default=20 * 1024**3)
    lake_flush_bytes: int = setting("HUAXIANG_LAKE_FLUSH_BYTES", integer(1, 10**10), default=64 * 1024**2)
    lake_flush_after_s: float = setting("HUAXIANG_LAKE_FLUSH_AFTER_S", number(1, 10**6), default=300.0)
    erase_files_after_s: float = setting(
        "HUAXIANG_ERASE_FILES_AFTER_S", number(0, 10**9), default=7 * 86_400.0
    )
    lake_readers_s: float = setting("HUAXIANG_LAKE_READERS_S", number(0, 10**6), default=60.0)
    quality_keep_days: int = setting(
        "HUAXIANG_QUALITY_KEEP_DAYS", integer(LEAST_KEEP_DAYS, MAX_KEEP_DAYS), default=KEEP_DAYS
    )
    changelog_keep_s: float = setting("HUAXIANG_CHANGELOG_KEEP_S", number(1, 10**9), default=7 * 86_400.0)
    changelog_max_bytes: int = setting(
        "HUAXIANG_CHANGELOG_MAX_BYTES", integer(1_000_000, 10**13), default=8 * 10**9
    )

    @property
    def folder(self) -> Path:
        """Where this service keeps its files."""
        return self.data / "tagging"

    @property
    def store_url(self) -> str:
        """The given database, by default a file in the data folder."""
        return self.url or f"sqlite:///{self.folder / 'tagging.db'}"

    def service_key(self) -> str:
        """The key's text. Raises ValueError when the file is missing or empty."""
        try:
            key = self.service_key_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ValueError(
                f"HUAXIANG_SERVICE_KEY_FILE: {self.service_key_file}: {error.strerror}"
            ) from error
        if not key:
            raise ValueError(f"HUAXIANG_SERVICE_KEY_FILE: {self.service_key_file} is empty")
        return key

    def lake_s3_keys(self) -> tuple[str, str]:
        """Access key and secret key: the two lines of the file; empty without a file, which leaves the machine's own
        credentials. Raises ValueError."""
        file = self.lake_s3_key_file
        if file is None:
            return "", ""
        try:
            lines = file.read_text(encoding="utf-8").split()
        except OSError as error:
            raise ValueError(f"HUAXIANG_LAKE_S3_KEY_FILE: {file}: {error.strerror}") from error
        if len(lines) != 2:
            raise ValueError(f"HUAXIANG_LAKE_S3_KEY_FILE: {file} is not an access key and a secret key")
        return lines[0], lines[1]
