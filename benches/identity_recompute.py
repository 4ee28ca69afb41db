"""Everything linked anew from the store: ten million pairs read and linked, in a process of its own.

Two million persons of five identifiers, their keys scattered over all key ids; one device in fifty is a store's tablet,
shared by forty. The store is filled without the indexes by hash and by person, which reading in order does not use.
"""

import json
import multiprocessing
import os
import resource
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benches.identity_store import NOW_US, IdentityStore

TENANT = "bench"
PERSONS = int(os.environ.get("HUAXIANG_BENCH_RECOMPUTED_PERSONS", "2000000"))
PLACES = (("member_id", ""), ("phone", ""), ("wechat_openid", "wx_mini"), ("device_id", ""), ("email", ""))
SEEN_TOGETHER = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 4))
SHARE_AT_TABLETS, PEOPLE_OF_TABLET = 0.02, 40
ROWS = 500_000
_HIGH_BITS = 32
Ids = npt.NDArray[np.int64]


def measure(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and sizes. `peak_mb` is all of the process, the interpreter included."""
    with tempfile.TemporaryDirectory() as folder:
        pairs = fill(Path(folder), PERSONS, seed)
        found = recompute(Path(folder))
    return found, {"recompute_pairs": pairs, "recompute_keys": PERSONS * len(PLACES)}


def recompute(folder: Path) -> dict[str, Any]:
    """Reads and links in a new process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_recompute, args=(str(folder), theirs))
    process.start()
    answer: dict[str, Any] = json.loads(ours.recv())
    process.join()
    return answer


def _recompute(folder: str, answer: Any) -> None:
    from identity.domain.full_linking import link_all
    from identity.standards.load import load_standards
    from identity.store.sql_columns import SqlLinkingColumns
    from servicekit.database import Database

    policy = load_standards().policy
    database = Database.open(f"sqlite:///{folder}/identity.db")
    started, cpu = time.perf_counter(), time.process_time()
    keys, pairs = database.read_now(lambda connection: SqlLinkingColumns(connection).evidence(TENANT))
    read_s, read_cpu_s = time.perf_counter() - started, time.process_time() - cpu
    linking = link_all(keys, pairs, policy)
    found = {
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_s": round(time.process_time() - cpu, 1),
        "read_s": round(read_s, 1),
        "read_cpu_s": round(read_cpu_s, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024),
        "persons": len(np.unique(linking.group)),
        "conflicts": len(linking.conflicts),
    }
    database.close_now()
    answer.send(json.dumps(found))


def fill(folder: Path, persons: int, seed: int) -> int:
    """Writes the store; answers how many pairs it has."""
    draw = np.random.default_rng(seed)
    ids = (draw.permutation(persons * len(PLACES)) + 1).reshape(persons, len(PLACES))
    columns = [ids[:, place].copy() for place in range(len(PLACES))]
    at_tablet = draw.random(persons) < SHARE_AT_TABLETS
    tablets = max(1, int(persons * SHARE_AT_TABLETS) // PEOPLE_OF_TABLET)
    columns[3][at_tablet] = ids[draw.integers(0, tablets, int(at_tablet.sum())), 3]
    one = np.concatenate([columns[a] for a, _ in SEEN_TOGETHER])
    other = np.concatenate([columns[b] for _, b in SEEN_TOGETHER])
    codes = np.sort(np.concatenate([_code(one, other), _code(other, one)]))
    codes = codes[np.concatenate([[True], codes[1:] != codes[:-1]])]
    place_of = np.empty(persons * len(PLACES) + 1, dtype=np.int8)
    for place in range(len(PLACES)):
        place_of[ids[:, place]] = place
    with IdentityStore.sqlite(folder) as store:
        for index in ("keys_by_hash", "keys_by_person"):
            store.database.write_now(partial(_run, f"DROP INDEX {index}"))
        for start in range(0, len(codes), ROWS):
            store.database.write_now(partial(_add_edges, codes[start : start + ROWS]))
        for start in range(1, len(place_of), ROWS):
            store.database.write_now(partial(_add_keys, start, place_of[start : start + ROWS]))
    return len(codes) // 2


def _code(one: Ids, other: Ids) -> Ids:
    """Both ends in one number, so that sorting it sorts by the first end, then the second."""
    both: Ids = (one << _HIGH_BITS) | other
    return both


def _run(sql: str, connection: Any) -> None:
    connection.exec_driver_sql(sql)


def _add_edges(codes: Ids, connection: Any) -> None:
    ends = zip((codes >> _HIGH_BITS).tolist(), (codes & (2**_HIGH_BITS - 1)).tolist(), strict=True)
    connection.connection.driver_connection.executemany(
        "INSERT INTO edges (tenant, key_id, other_key_id, first_us, last_us, kinds, verified, unbound_us, sources) "
        f"VALUES ('{TENANT}', ?, ?, {NOW_US}, {NOW_US}, 1, 0, -1, '')",
        ends,
    )


def _add_keys(start: int, places: npt.NDArray[np.int8], connection: Any) -> None:
    connection.connection.driver_connection.executemany(
        "INSERT INTO keys (tenant, key_id, hash, namespace, scope, sealed, standing, person_id, born_person_id, "
        f"marks) VALUES ('{TENANT}', ?, randomblob(16), ?, ?, randomblob(44), 0, 1, 0, 0)",
        ((start + at, *PLACES[place]) for at, place in enumerate(places.tolist())),
    )
