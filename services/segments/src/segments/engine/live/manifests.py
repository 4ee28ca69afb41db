"""Manifests: the files that are the columns of one tenant's index, at one point of its source."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from segments.engine.live.files import NamedFile


@dataclass(frozen=True, slots=True)
class Manifest:
    """`files` by column. It is committed with the cursor up to which its files hold all changes; files that it does not
    name are nobody's."""

    files: Mapping[str, NamedFile] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """Of files."""
        return frozenset(each.file for each in self.files.values())

    def with_files(self, files: Iterable[NamedFile]) -> "Manifest":
        """These instead of whichever their columns had."""
        return Manifest({**self.files, **{each.column: each for each in files}})

    def without(self, columns: Iterable[str]) -> "Manifest":
        """Columns that are gone or damaged."""
        gone = set(columns)
        return Manifest({name: each for name, each in self.files.items() if name not in gone})

    def pack(self) -> bytes:
        """JSON, alike for equal manifests."""
        files = [asdict(self.files[name]) for name in sorted(self.files)]
        return json.dumps(files, ensure_ascii=False, sort_keys=True).encode()


def unpack_manifest(packed: bytes) -> Manifest:
    """What `pack` made."""
    return Manifest().with_files(NamedFile(**each) for each in json.loads(packed))
