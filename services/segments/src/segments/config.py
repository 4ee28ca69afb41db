"""What the environment says."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from servicekit.config import integer, number, one_of, path, setting, text

from segments.domain.exports import ROW_LIMIT

DEFAULT_PORT = 7103
COLUMNS_BYTES = 2 << 30


@dataclass(frozen=True)
class Config:
    """`keys` holds who may call; `service_key_file` the key that this service presents to tagging and identity. The
    changelog is kept on machine time; snapshots, counts of days and members of days on the suite's clock.
    `columns_bytes`: what files of columns are mapped at once, at most, beside those that changed since they were
    written. `export_row_limit`: so many rows leave without a second person."""

    keys: Path = setting("HUAXIANG_KEYS", path)
    service_key_file: Path = setting("HUAXIANG_SERVICE_KEY_FILE", path)
    data: Path = setting("HUAXIANG_DATA", path, default=Path("var/huaxiang"))
    url: str = setting("HUAXIANG_SEGMENTS_URL", text, default="", hidden=True)
    host: str = setting("HUAXIANG_SEGMENTS_HOST", text, default="127.0.0.1")
    port: int = setting("HUAXIANG_SEGMENTS_PORT", integer(0, 65_535), default=DEFAULT_PORT)
    tagging_target: str = setting("HUAXIANG_TAGGING_TARGET", text, default="127.0.0.1:7102")
    identity_target: str = setting("HUAXIANG_IDENTITY_TARGET", text, default="127.0.0.1:7101")
    clock: Path | None = setting("HUAXIANG_CLOCK", path, default=None)
    synchronous: Literal["FULL", "NORMAL"] = setting(
        "HUAXIANG_SQLITE_SYNCHRONOUS", one_of("FULL", "NORMAL"), default="FULL"
    )
    changelog_keep_s: float = setting("HUAXIANG_CHANGELOG_KEEP_S", number(1, 10**9), default=7 * 86_400.0)
    changelog_max_bytes: int = setting(
        "HUAXIANG_CHANGELOG_MAX_BYTES", integer(1_000_000, 10**13), default=4 * 10**9
    )
    columns_bytes: int = setting(
        "HUAXIANG_SEGMENTS_COLUMNS_BYTES", integer(1 << 20, 1 << 50), default=COLUMNS_BYTES
    )

    snapshot_keep_days: int = setting("HUAXIANG_SNAPSHOT_KEEP_DAYS", integer(1, 100_000), default=90)

    export_row_limit: int = setting("HUAXIANG_EXPORT_ROW_LIMIT", integer(0, 10**9), default=ROW_LIMIT)

    segment_days_keep: int = setting("HUAXIANG_SEGMENT_DAYS_KEEP", integer(1, 100_000), default=800)
    segment_members_keep_days: int = setting(
        "HUAXIANG_SEGMENT_MEMBERS_KEEP_DAYS", integer(1, 100_000), default=35
    )

    @property
    def store_url(self) -> str:
        """The given database, by default a file in the data folder."""
        return self.url or f"sqlite:///{self.data / 'segments' / 'segments.db'}"

    def service_key(self) -> str:
        """The key for calls to tagging. Raises OSError."""
        return self.service_key_file.read_text().strip()
