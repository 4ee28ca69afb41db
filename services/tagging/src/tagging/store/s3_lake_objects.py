"""The lake's files in an S3-compatible store, with copies in a local folder.

The manifest alone says what counts, so a store that lists late or keeps an upload that broke off harms nobody. An
object is uploaded whole under a name that was never used; what is read, is read from the local copy, in the same
layout as the local lake's.
"""

import os
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from pyarrow import fs
from tagging.store.lake_objects import sync

COPIES_BYTES = 20 * 1024**3
"""What local copies weigh, at most, beside those that somebody reads."""
PIECE_BYTES = 8 * 1024**2
CONNECT_TIMEOUT_S = 5.0
REQUEST_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class S3Place:
    """A bucket, and a prefix in it that is this lake's alone. Without keys the machine's own credentials are used.

    endpoint  host:port or URL of a store other than Amazon's; "" is Amazon's
    """

    bucket: str
    prefix: str
    endpoint: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = ""

    def __repr__(self) -> str:
        return f"S3Place({self.bucket}/{self.prefix})"


class S3LakeObjects:
    """LakeObjects below a prefix of a bucket. Safe for threads."""

    def __init__(self, place: S3Place, copies: Path, *, copies_bytes: int = COPIES_BYTES) -> None:
        self._base = "/".join(part for part in (place.bucket, place.prefix.strip("/")) if part)
        self._copies = copies
        self._copies_bytes = copies_bytes
        self._lock = Lock()
        scheme, _, host = place.endpoint.rpartition("://")
        self._store = fs.S3FileSystem(
            access_key=place.access_key or None,
            secret_key=place.secret_key or None,
            region=place.region or None,
            endpoint_override=host or None,
            scheme=scheme or "https",
            connect_timeout=CONNECT_TIMEOUT_S,
            request_timeout=REQUEST_TIMEOUT_S,
        )

    def stage(self, path: str) -> Path:
        hidden = _hidden(self._copies / path, "writing")
        hidden.parent.mkdir(parents=True, exist_ok=True)
        return hidden

    def keep(self, path: str) -> int:
        copy = self._copies / path
        hidden = _hidden(copy, "writing")
        size = hidden.stat().st_size
        try:
            with hidden.open("rb") as source, self._store.open_output_stream(self._key(path)) as target:
                while piece := source.read(PIECE_BYTES):
                    target.write(piece)
            found = self._store.get_file_info(self._key(path)).size
            if found != size:
                raise OSError(f"the object store took {found} of {size} bytes of {path}")
        except OSError:
            self._forget(path)
            raise
        hidden.rename(copy)
        return size

    def open(self, path: str) -> Path:
        copy = self._copies / path
        with self._lock:
            if not copy.exists():
                self._fetch(path, copy)
        os.utime(copy)
        return copy

    def paths(self) -> set[str]:
        selector = fs.FileSelector(self._base, recursive=True, allow_not_found=True)
        return {
            each.path.removeprefix(self._base + "/")
            for each in self._store.get_file_info(selector)
            if each.type is fs.FileType.File
        }

    def remove(self, path: str) -> None:
        key = self._key(path)
        if self._store.get_file_info(key).type is fs.FileType.File:
            self._store.delete_file(key)
        (self._copies / path).unlink(missing_ok=True)

    def clear(self) -> int:
        staged = list(self._copies.glob("*/day=*/.*"))
        for each in staged:
            each.unlink()
        return len(staged)

    def trim(self, held: Callable[[str], bool]) -> int:
        copies = [(each, each.stat()) for each in self._copies.glob("*/day=*/*.parquet")]
        weight = sum(stat.st_size for _, stat in copies)
        removed = 0
        for each, stat in sorted(copies, key=lambda copy: copy[1].st_mtime):
            if weight <= self._copies_bytes:
                break
            if held(each.relative_to(self._copies).as_posix()):
                continue
            each.unlink(missing_ok=True)
            weight -= stat.st_size
            removed += 1
        return removed

    def _key(self, path: str) -> str:
        return f"{self._base}/{path}"

    def _fetch(self, path: str, copy: Path) -> None:
        copy.parent.mkdir(parents=True, exist_ok=True)
        hidden = _hidden(copy, f"{uuid.uuid4().hex}.fetching")
        try:
            with self._store.open_input_stream(self._key(path)) as source, hidden.open("wb") as target:
                shutil.copyfileobj(source, target, PIECE_BYTES)
            sync(hidden)
            hidden.rename(copy)
        finally:
            hidden.unlink(missing_ok=True)

    def _forget(self, path: str) -> None:
        """An upload that failed may have left something; if it cannot be removed now, the next start sweeps it."""
        try:
            self._store.delete_file(self._key(path))
        except OSError:
            return


def _hidden(final: Path, what: str) -> Path:
    return final.with_name(f".{final.name}.{what}")
