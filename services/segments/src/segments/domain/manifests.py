"""Manifests: the files that columns of a tenant's index are in, at one point of its source."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class NamedFile:
    """What a manifest says of a file: `column` is whose values it holds, `checksum` stands for all of its content."""

    column: str
    file: str
    bytes: int
    checksum: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """`files` by column. Each is named in the transaction from which on the store's rows need not hold what the file
    does; files that no manifest names are nobody's."""

    files: Mapping[str, NamedFile] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """Of files."""
        return frozenset(each.file for each in self.files.values())

    def with_files(self, files: Iterable[NamedFile]) -> "Manifest":
        """These instead of whichever their columns had."""
        return Manifest({**self.files, **{each.column: each for each in files}})


class FileDamaged(Exception):
    """`file` is not what was written: `column` is to be built again from its source."""

    def __init__(self, column: str, file: str, what: str) -> None:
        super().__init__(f"the file {file} of the column {column} is damaged: {what}; build the column again")
        self.column, self.file, self.what = column, file, what
