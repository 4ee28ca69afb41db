"""Block files: the values of one column for one block of 65,536 persons, immutable once written.

Five arrays one after the other in NumPy's own format: offsets (uint16, person_id & 0xFFFF, ascending), counts and
codes (integers as wide as theirs need); then the offsets and as_of (int64 microseconds) of the persons whose value
came from the stream and not from the run that wrote the block.
"""

import os
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, local
from typing import Any

import numpy as np
import numpy.typing as npt
from tagging.domain.columns import BLOCK_BITS, Coded, Ints, narrowed

_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..{'descr': '(?P<dtype>[^']+)', 'fortran_order': False, 'shape': \((?P<size>\d+),\), } *\n",
    re.DOTALL,
)
CACHE_BYTES = 512 * 1024**2
"""Blocks kept in memory, least recently used first out."""
SYNCING_THREADS, FEW = 16, 4
"""Few files are synced one after the other; many at the same time, which is what a disk's journal is made for."""


@dataclass(frozen=True, slots=True)
class Block:
    """A file's content. Persons with an unknown value are left out.

    streamed, streamed_as_of  persons (ascending) whose value is the stream's, and its moment in microseconds
    """

    coded: Coded
    streamed: Ints
    streamed_as_of: Ints
    _starts: list[Ints] = field(init=False, default_factory=list, compare=False)

    @staticmethod
    def empty() -> "Block":
        return Block(Coded.empty(), np.empty(0, np.int64), np.empty(0, np.int64))

    @property
    def starts(self) -> Ints:
        """Where each person's codes begin; found when they are asked for first."""
        if not self._starts:
            self._starts.append(self.coded.starts())
        return self._starts[0]

    @property
    def size_bytes(self) -> int:
        coded = self.coded
        arrays = (coded.persons, coded.counts, coded.codes, self.streamed, self.streamed_as_of)
        return sum(each.nbytes for each in arrays) + 8 * len(coded.persons)

    def values_of(self, person_ids: Ints) -> list[tuple[tuple[int, ...], int | None]]:
        """For each person the codes, none of which is unknown, and the moment of a value that came from the stream:
        None when it is the run's."""
        places = _places(self.coded.persons, person_ids)
        starts, ends = self.starts[places].tolist(), self.starts[places + 1].tolist()
        moments = _places(self.streamed, person_ids).tolist()
        codes, streamed_as_of = self.coded.codes, self.streamed_as_of
        return [
            (
                () if place < 0 else tuple(codes[start:end].tolist()),
                None if moment < 0 else int(streamed_as_of[moment]),
            )
            for place, start, end, moment in zip(places.tolist(), starts, ends, moments, strict=True)
        ]

    def codes_of(self, person_ids: Ints) -> list[tuple[int, ...]]:
        """As `values_of`, the codes alone."""
        places = _places(self.coded.persons, person_ids)
        codes = self.coded.codes
        if len(codes) and len(codes) == len(self.coded.persons):  # nobody has several
            found = codes[places].tolist()
            return [() if place < 0 else (code,) for place, code in zip(places.tolist(), found, strict=True)]
        starts, ends = self.starts[places].tolist(), self.starts[places + 1].tolist()
        return [
            () if place < 0 else tuple(codes[start:end].tolist())
            for place, start, end in zip(places.tolist(), starts, ends, strict=True)
        ]


def _places(persons: Ints, wanted: Ints) -> Ints:
    """Where each of the wanted is among ascending persons; -1 for one that is not."""
    if not len(persons):
        return np.full(len(wanted), -1, np.int64)
    places = np.minimum(np.searchsorted(persons, wanted), len(persons) - 1)
    return np.where(persons[places] == wanted, places, -1)


class BlockFiles:
    """Files below one folder. Safe for threads; a file that was written never changes.

    `synced` False leaves the syncing to the machine: a power failure may then lose files that are named.
    """

    def __init__(
        self,
        folder: Path,
        new_id: Callable[[], str],
        *,
        cache_bytes: int = CACHE_BYTES,
        synced: bool = True,
    ) -> None:
        self._folder = folder
        self._new_id = new_id
        self._cache_bytes = cache_bytes
        self._synced = synced
        self._cached: OrderedDict[str, Block] = OrderedDict()
        self._size_bytes = 0
        self._lock = Lock()
        self._of_thread = local()

    def write(self, tenant: str, column: str, block: int, content: Block) -> str:
        """Writes and syncs a file under a new name and returns the name; nothing refers to it yet. See `together`."""
        name = f"{tenant}/{column.replace(':', '/')}/{block}-{self._new_id()}.npy"
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        base = block << BLOCK_BITS
        with path.open("wb") as file:
            np.save(file, (content.coded.persons - base).astype(np.uint16))
            np.save(file, narrowed(content.coded.counts))
            np.save(file, narrowed(content.coded.codes))
            np.save(file, (content.streamed - base).astype(np.uint16))
            np.save(file, content.streamed_as_of)
        if self._synced:
            waiting: list[Path] | None = getattr(self._of_thread, "waiting", None)
            if waiting is None:
                _sync([path])
            else:
                waiting.append(path)
        self._keep(name, content)
        return name

    @contextmanager
    def together(self) -> Iterator[None]:
        """Files that this thread writes within are synced together, before it ends: the disk takes many at a time."""
        waiting: list[Path] = []
        self._of_thread.waiting = waiting
        try:
            yield
            _sync(waiting)
        finally:
            self._of_thread.waiting = None

    def read(self, name: str, *, keep: bool = True) -> Block:
        """The content of a file that the store names; "" is a block without values. `keep`: in memory, which lets the
        least recently used go."""
        if not name:
            return Block.empty()
        with self._lock:
            found = self._cached.get(name)
            if found is not None:
                self._cached.move_to_end(name)
                return found
        found = self._load(name)
        if keep:
            self._keep(name, found)
        return found

    def remove(self, name: str) -> None:
        """Removes a file that nothing refers to any more; one that is gone already is fine."""
        with self._lock:
            gone = self._cached.pop(name, None)
            self._size_bytes -= gone.size_bytes if gone else 0
        (self._folder / name).unlink(missing_ok=True)

    def names(self) -> set[str]:
        """Every file there is."""
        return {each.relative_to(self._folder).as_posix() for each in self._folder.rglob("*.npy")}

    def _load(self, name: str) -> Block:
        block = int(name.rpartition("/")[2].partition("-")[0])
        base = block << BLOCK_BITS
        offsets, counts, codes, streamed, streamed_as_of = _arrays((self._folder / name).read_bytes(), 5)
        persons = offsets.astype(np.int64) + base
        coded = Coded(persons, counts.astype(np.uint16), codes.astype(np.int64))
        return Block(coded, streamed.astype(np.int64) + base, streamed_as_of.astype(np.int64))

    def _keep(self, name: str, content: Block) -> None:
        with self._lock:
            if name not in self._cached:
                self._cached[name] = content
                self._size_bytes += content.size_bytes
            while self._size_bytes > self._cache_bytes and len(self._cached) > 1:
                _, oldest = self._cached.popitem(last=False)
                self._size_bytes -= oldest.size_bytes


def _arrays(content: bytes, count: int) -> list[npt.NDArray[Any]]:
    """Arrays of one dimension that np.save wrote one after the other; NumPy's reader takes ten times as long for short
    ones. Raises ValueError for anything else."""
    found: list[npt.NDArray[Any]] = []
    start = 0
    for _ in range(count):
        head = _HEADER.match(content, start)
        if head is None:
            raise ValueError("not what np.save writes of an array of one dimension")
        dtype, size = np.dtype(head["dtype"].decode()), int(head["size"])
        found.append(np.frombuffer(content, dtype, size, head.end()))
        start = head.end() + size * dtype.itemsize
    return found


def _sync(paths: Sequence[Path]) -> None:
    """Files, and then the folders that name them."""
    for each in (paths, sorted({path.parent for path in paths})):
        if len(each) < FEW:
            for path in each:
                _sync_one(path)
        else:
            with ThreadPoolExecutor(SYNCING_THREADS, thread_name_prefix="values") as threads:
                list(threads.map(_sync_one, each))


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
