"""Files of columns: each holds one version, is written once, and is read where the system maps it.

A file counts once a manifest names it: a process that ends in between leaves a file that nobody names. Whoever opens a
file gets a column that can change, without ever changing the file: what is written goes to the process's own memory.
"""

import mmap
import os
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from segments.domain.manifests import FileDamaged, NamedFile
from segments.engine.columns import TagColumn
from segments.engine.live.compaction import slack_of
from segments.engine.live.parts import ARENAS, Arrays, put_together, taken_apart
from segments.engine.live.regions import (
    CHECK_BYTES,
    Head,
    bytes_of,
    checksum_in,
    checksum_of,
    laid_out,
    packed,
    unpacked,
)
from segments.engine.sets import SetColumn
from segments.engine.threads import Cancellation, Threads

Bytes = npt.NDArray[np.uint8]


def write(folder: Path, file: str, name: str, column: TagColumn | SetColumn, threads: Threads) -> NamedFile:
    """Writes a column and syncs it to the disk, under a name that no file has.

    Raises FileExistsError; OSError when the disk is full: nothing is left of the file then.
    """
    facts, arrays = taken_apart(column, threads)
    slacks = {each: 8 * slack_of(len(arrays[each])) for each in ARENAS if each in arrays}
    head = laid_out(name, facts, [(each, array, slacks.get(each, 0)) for each, array in arrays.items()])
    start, path = packed(head), folder / file
    with path.open("xb") as target:
        try:
            target.write(start)
            for region in head.regions:
                target.seek(len(start) + region.start)
                target.write(bytes_of(arrays[region.name]))
            target.truncate(len(start) + head.bytes)
            target.flush()
            os.fsync(target.fileno())
        except OSError:
            path.unlink()
            raise
    sync(folder)
    return NamedFile(name, file, len(start) + head.bytes, checksum_of(start))


def opened(folder: Path, named: NamedFile) -> TagColumn | SetColumn:
    """The column of a file, mapped. Its head and tables are checked, its arenas are not: see `verify`.

    Raises FileDamaged, also when there is no such file.
    """
    data = _mapped(folder, named)
    head, start = _head(data, named)
    arrays: Arrays = {}
    for region in head.regions:
        part = data[start + region.start :][: region.bytes]
        if region.name not in ARENAS and checksum_in(part.data) != region.checksum:
            raise FileDamaged(named.column, named.file, f"the checksum of {region.name} is another one")
        if region.name in ARENAS:
            part = data[start + region.start :][: region.bytes + region.hole]
            arrays[region.name] = part.view(np.uint64)
        else:
            arrays[region.name] = part.view(region.type).reshape(region.shape)
    return put_together(head.facts, arrays, {each.name: each.bytes // 8 for each in head.regions})


def verify(folder: Path, named: NamedFile, cancellation: Cancellation | None = None) -> None:
    """Reads the whole file again. Raises FileDamaged, Cancelled."""
    data = _mapped(folder, named)
    head, start = _head(data, named)
    for region in head.regions:
        found = 0
        part = data[start + region.start :][: region.bytes].data
        for place in range(0, len(part), CHECK_BYTES):
            if cancellation is not None:
                cancellation.check()
            found = checksum_in(part[place : place + CHECK_BYTES], found)
        if found != region.checksum:
            raise FileDamaged(named.column, named.file, f"the checksum of {region.name} is another one")


def unnamed(folder: Path, named: Collection[str]) -> list[str]:
    """Files that no manifest names. Whoever removes them makes sure that none of them is being written."""
    return sorted(each.name for each in folder.iterdir() if each.name not in named and each.is_file())


def remove(folder: Path, files: Iterable[str]) -> None:
    """Removes files; whoever has one mapped goes on reading it."""
    for each in files:
        (folder / each).unlink(missing_ok=True)
    sync(folder)


def sync(folder: Path) -> None:
    """What was created and removed in a folder is so after a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _mapped(folder: Path, named: NamedFile) -> Bytes:
    """The file's bytes, which whoever writes to them has for themselves."""
    try:
        with (folder / named.file).open("rb") as source:
            size = os.fstat(source.fileno()).st_size
            if size != named.bytes:
                raise FileDamaged(named.column, named.file, f"it has {size} bytes and not {named.bytes}")
            return np.frombuffer(mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_COPY), np.uint8)
    except FileNotFoundError as missing:
        raise FileDamaged(named.column, named.file, "there is no such file") from missing


def _head(data: Bytes, named: NamedFile) -> tuple[Head, int]:
    try:
        head, start = unpacked(data.data)
    except ValueError as wrong:
        raise FileDamaged(named.column, named.file, str(wrong)) from wrong
    if checksum_of(bytes(data[:16])) != named.checksum or start + head.bytes != named.bytes:
        raise FileDamaged(named.column, named.file, "it is another file than the one that was named")
    return head, start
