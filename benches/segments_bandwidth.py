"""How fast this machine's memory is read: the limit of what a scan can do."""

import statistics
import time

import numpy as np
from segments.engine.arenas import address_of, aligned
from segments.engine.compiled import kernel
from segments.engine.containers import BLOCK_BYTES, BLOCK_WORDS, count
from segments.engine.threads import Threads

SIZE_BYTES = 1 << 30
"""More than the processor keeps."""
ROUNDS = 7


@kernel
def _read(address: int, first: int, last: int) -> int:
    found = 0
    for block in range(first, last):
        found += count(address + block * BLOCK_BYTES)
    return found


def bytes_per_second(threads: Threads) -> float:
    """Of all threads together, counting the bits of so much memory."""
    words = aligned(SIZE_BYTES // 8)
    words[:] = np.uint64(1)
    blocks, times = len(words) // BLOCK_WORDS, []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        threads.each(blocks, lambda first, last: (_read(address_of(words), first, last), None)[1])
        times.append(time.perf_counter() - started)
    return SIZE_BYTES / statistics.median(times)
