"""Persons imported by columns: durable through the use case on SQLite, and normalised, hashed and linked in memory.

The rows are those of a retailer's member file: each a person with a member id, a phone, a mailbox or an openid, a name,
a city and a gender; some phones are shared by two rows, some masked, some placeholders, and some persons come twice.
While a message is committed the next one is prepared in another thread, as the service does. Making the messages is
not counted.
"""

import json
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from identity.app.import_persons import PreparedRows

PERSONS = int(os.environ.get("HUAXIANG_BENCH_IMPORTED", "300000"))
IN_MEMORY = min(PERSONS, 200_000)
ROWS_OF_MESSAGE = 5_000
CHECKED = 200
SHARED, MASKED, PLACEHOLDER, TWICE = 0.01, 0.01, 0.005, 0.005
TENANT = "t1"
MB = 1_024


def measure(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and sizes. `peak_mb` is all of the process that imports; `peak_growth_mb` what the second half of the
    rows added to it."""
    found: dict[str, Any] = _in_process(_durable, seed)
    found |= _in_process(_memory, seed)
    sizes = {
        "import_rows": PERSONS,
        "import_memory_rows": IN_MEMORY,
        "import_rows_of_message": ROWS_OF_MESSAGE,
        "import_shares": {"shared": SHARED, "masked": MASKED, "placeholder": PLACEHOLDER, "twice": TWICE},
    }
    return found, sizes


def _in_process(work: Any, seed: int) -> dict[str, Any]:
    """What is measured in a new process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(seed, theirs))
    process.start()
    theirs.close()
    answer: dict[str, Any] = json.loads(ours.recv())
    process.join()
    return answer


def _durable(seed: int, answer: Any) -> None:
    from benches.identity_store import IdentityStore
    from benches.import_door import ImportDoor

    with tempfile.TemporaryDirectory() as folder, IdentityStore.sqlite(Path(folder)) as store:
        door = ImportDoor(store)
        door.open(TENANT)
        halves: list[float] = []
        peaks = [_peak_mb()]
        wall = cpu = 0.0
        with ThreadPoolExecutor(1) as preparing:
            messages = messages_of(PERSONS, seed)
            first = next(messages)
            ahead: Future[PreparedRows] | None = preparing.submit(door.prepare, TENANT, 0, first)
            taken = 0
            while ahead is not None:
                following = next(messages, None)
                started, cpu_started = time.perf_counter(), time.process_time()
                prepared, ahead = ahead.result(), None
                if following is not None:
                    ahead = preparing.submit(door.prepare, TENANT, taken + ROWS_OF_MESSAGE, following)
                standing = door.take(TENANT, prepared)
                wall += time.perf_counter() - started
                cpu += time.process_time() - cpu_started
                taken = standing.rows
                if len(peaks) == 1 and taken >= PERSONS // 2:
                    peaks.append(_peak_mb())
                    halves.append(wall)
        peaks.append(_peak_mb())
        found = {
            "durable_rows_per_s": round(taken / wall),
            "durable_rows_per_cpu_s": round(taken / cpu),
            "durable_second_half_rows_per_s": round((taken - PERSONS // 2) / (wall - halves[0])),
            "peak_mb": round(peaks[2]),
            "peak_growth_mb": round(peaks[2] - peaks[1]),
            "accepted": standing.accepted,
            "database_mb": round((Path(folder) / "identity.db").stat().st_size / MB / MB),
            "differing_persons": door.differing_persons(TENANT, first, CHECKED),
        }
    answer.send(json.dumps(found))


def _memory(seed: int, answer: Any) -> None:
    """Parsing, normalising and hashing of every row; which rows are alone, and who the others are (link_all)."""
    from benches.import_door import MemoryLinker

    warm = MemoryLinker(TENANT)
    warm.take(next(messages_of(ROWS_OF_MESSAGE, seed)))
    warm.persons()
    linker = MemoryLinker(TENANT)
    wall = cpu = 0.0
    for message in messages_of(IN_MEMORY, seed):
        started, cpu_started = time.perf_counter(), time.process_time()
        linker.take(message)
        wall += time.perf_counter() - started
        cpu += time.process_time() - cpu_started
    started, cpu_started = time.perf_counter(), time.process_time()
    persons = linker.persons()
    wall += time.perf_counter() - started
    cpu += time.process_time() - cpu_started
    answer.send(
        json.dumps(
            {
                "memory_rows_per_s": round(IN_MEMORY / wall),
                "memory_rows_per_cpu_s": round(IN_MEMORY / cpu),
                "memory_persons": persons,
            }
        )
    )


def messages_of(rows: int, seed: int) -> Iterator[bytes]:
    """The file, message by message."""
    for start in range(0, rows, ROWS_OF_MESSAGE):
        yield _message(start, min(ROWS_OF_MESSAGE, rows - start), Random(seed + start))


def _message(start: int, count: int, draw: Random) -> bytes:
    from benches.import_door import encoded

    numbers = np.arange(start, start + count)
    chances = np.array([draw.random() for _ in range(count)])
    numbers[chances < TWICE] -= 1
    edges = np.cumsum([TWICE, SHARED, MASKED, PLACEHOLDER])
    phones = [f"1{30 + n // 100_000_000}{n % 100_000_000:08d}" for n in numbers.tolist()]
    for at in np.flatnonzero((chances >= edges[0]) & (chances < edges[1])).tolist():
        phones[at] = phones[max(0, at - draw.randrange(1, 50))]
    for at in np.flatnonzero((chances >= edges[1]) & (chances < edges[2])).tolist():
        phones[at] = f"{phones[at][:3]}****{phones[at][-4:]}"
    for at in np.flatnonzero((chances >= edges[2]) & (chances < edges[3])).tolist():
        phones[at] = "13800138000"
    return encoded(start, numbers.tolist(), phones)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB
