"""Block files: the values of one column for one block of 65,536 persons, immutable once written (block_format.py).

What was found of few persons of a block lies over its file as an overlay (overlay_files.py): the store names all files
of a block, bottom up, apart by blanks.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, local

from tagging.domain.columns import Ints
from tagging.store.block_format import StoredBlock, write_block
from tagging.store.blocks import Block
from tagging.store.overlay_files import Overlay, OverlayWriter, is_overlay, read_overlay

BLOCK, OVERLAYS = ".npy", ".overlays"
"""How names of files end."""
CACHE_BYTES = 512 * 1024**2
"""Blocks kept in memory, least recently used first out."""
SYNCING_THREADS, FEW = 16, 4
"""Few files are synced one after the other; many at the same time, which is what a disk's journal is made for."""


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

    def write(self, tenant: str, column: str, block: int, content: Block, *, keep: bool = True) -> str:
        """Writes and syncs a file under a new name and returns the name; nothing refers to it yet. See `together`.
        `keep`: in memory, too."""
        name = f"{tenant}/{column.replace(':', '/')}/{block}-{self._new_id()}{BLOCK}"
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("wb") as file:
                write_block(file, block, content)
        except BaseException:  # a disk that is full is not filled by trying again
            path.unlink(missing_ok=True)
            raise
        self._durable(path)
        if keep:
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

    def overlays(self, tenant: str, column: str) -> OverlayWriter:
        """Overlays under a new name; see `finish`."""
        return OverlayWriter(self._folder, f"{tenant}/{column.replace(':', '/')}/{self._new_id()}{OVERLAYS}")

    def finish(self, writer: OverlayWriter) -> None:
        """Nothing more is added: what was is synced. See `together`."""
        writer.close()
        if writer.path is not None:
            self._durable(writer.path)

    def read(self, named: str, *, keep: bool = True) -> Block:
        """The content of a block's files as the store names them; "" is a block without values. `keep`: in memory,
        which lets the least recently used go."""
        if not named:
            return Block.empty()
        with self._lock:
            found = self._cached.get(named)
            if found is not None:
                self._cached.move_to_end(named)
                return found
        below, _, top = named.rpartition(" ")
        over = self.overlay(top).content if is_overlay(top) else None
        found = self._stored(top).whole() if over is None else self.read(below, keep=False).below(over)
        if keep:
            self._forget(below)
            self._keep(named, found)
        return found

    def overlay(self, part: str) -> Overlay:
        """The overlay of a name."""
        return read_overlay(self._folder, part)

    def peek(self, named: str, persons: Ints) -> Block:
        """As `read`, of these persons (ascending, of the block) alone: for who asks once, and not of many."""
        with self._lock:
            found = self._cached.get(named)
        if found is not None:
            return found.of_persons(persons)
        below, _, top = named.rpartition(" ")
        if is_overlay(top):
            return self.peek(below, persons).below(self.overlay(top).content.of_persons(persons))
        return self._stored(top).of_persons(persons) if top else Block.empty()

    def remove(self, name: str) -> None:
        """Removes a file that nothing refers to any more; one that is gone already is fine."""
        self._forget(name)
        (self._folder / name).unlink(missing_ok=True)

    def names(self) -> set[str]:
        """Every file there is."""
        found = (each for ending in (BLOCK, OVERLAYS) for each in self._folder.rglob(f"*{ending}"))
        return {each.relative_to(self._folder).as_posix() for each in found}

    def _stored(self, name: str) -> StoredBlock:
        block = int(name.rpartition("/")[2].partition("-")[0])
        with (self._folder / name).open("rb", buffering=0) as file:
            return StoredBlock(block, file.readall())

    def _durable(self, path: Path) -> None:
        if self._synced:
            waiting: list[Path] | None = getattr(self._of_thread, "waiting", None)
            if waiting is None:
                _sync([path])
            else:
                waiting.append(path)

    def _forget(self, named: str) -> None:
        with self._lock:
            gone = self._cached.pop(named, None)
            self._size_bytes -= gone.size_bytes if gone else 0

    def _keep(self, name: str, content: Block) -> None:
        with self._lock:
            if name not in self._cached:
                self._cached[name] = content
                self._size_bytes += content.size_bytes
            while self._size_bytes > self._cache_bytes and len(self._cached) > 1:
                _, oldest = self._cached.popitem(last=False)
                self._size_bytes -= oldest.size_bytes


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
