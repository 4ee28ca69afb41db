"""Idempotent creates: a repeated request_id gets the first answer, with other content it is refused.

`once` runs inside the use case's transaction, so the answer is remembered if and only if the work is
committed.
"""

import hashlib
import time
from collections.abc import Callable

from google.protobuf.message import Message
from sqlalchemy import Connection

from servicekit.driver_sql import execute
from servicekit.errors import InvalidField, ResourceExists

KEEP_S = 24 * 3600
"""A request_id is remembered this long (machine time) by default."""
MAX_REQUEST_ID_CHARS = 128
FORGOTTEN_AT_ONCE = 10_000


def once(
    connection: Connection,
    *,
    tenant: str,
    rpc: str,
    request_id: str,
    request: bytes,
    work: Callable[[], bytes],
) -> bytes:
    """Runs `work` unless this request_id was seen, and returns its answer either way.

    An empty `request_id` runs `work` unremembered. Raises ResourceExists when the id was used with another
    request, InvalidField when it is too long. Of two at the same time one waits for the other (Postgres: on
    the key's lock).
    """
    if not request_id:
        return work()
    digest = _digest(request_id, request)
    claimed = execute(
        connection,
        "INSERT INTO request_ids (tenant, rpc, request_id, request_digest, response, machine_time_ms) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, rpc, request_id) DO NOTHING",
        (tenant, rpc, request_id, digest, b"", time.time_ns() // 1_000_000),
    )
    key = (tenant, rpc, request_id)
    if claimed.rowcount == 0:
        answer = _answered(connection, key, digest)
        assert answer is not None  # claimed by whoever came first
        return answer
    response = work()
    execute(
        connection,
        "UPDATE request_ids SET response = ? WHERE tenant = ? AND rpc = ? AND request_id = ?",
        (response, *key),
    )
    return response


def remembered(
    connection: Connection, *, tenant: str, rpc: str, request_id: str, request: bytes
) -> bytes | None:
    """The answer that this request_id has had, None when it is new: for work that `once` cannot hold. Raises as it."""
    return _answered(connection, (tenant, rpc, request_id), _digest(request_id, request))


def digest_source(request: Message) -> bytes:
    """The bytes to give to `once` for a proto request: every field but request_id, in a fixed order."""
    copy = type(request)()
    copy.CopyFrom(request)
    copy.ClearField("request_id")
    return copy.SerializeToString(deterministic=True)


def forget(connection: Connection, *, before_machine_time_ms: int) -> int:
    """Removes at most 10,000 ids older than that; returns how many."""
    return execute(
        connection,
        "DELETE FROM request_ids WHERE (tenant, rpc, request_id) IN "
        "(SELECT tenant, rpc, request_id FROM request_ids WHERE machine_time_ms < ? LIMIT ?)",
        (before_machine_time_ms, FORGOTTEN_AT_ONCE),
    ).rowcount


def _digest(request_id: str, request: bytes) -> bytes:
    if len(request_id) > MAX_REQUEST_ID_CHARS:
        raise InvalidField(
            "request_id", f"has {len(request_id)} characters, the limit is {MAX_REQUEST_ID_CHARS}"
        )
    return hashlib.sha256(request).digest()


def _answered(connection: Connection, key: tuple[str, str, str], digest: bytes) -> bytes | None:
    row = execute(
        connection,
        "SELECT request_digest, response FROM request_ids WHERE tenant = ? AND rpc = ? AND request_id = ?",
        key,
    ).one_or_none()
    if row is None:
        return None
    if bytes(row[0]) != digest:
        raise ResourceExists(f"request_id {key[2]!r}")
    return bytes(row[1])
