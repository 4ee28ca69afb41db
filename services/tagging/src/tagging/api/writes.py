"""Writes that answer a repeated request_id as they answered the first."""

from collections.abc import Callable
from typing import TypeVar

from google.protobuf.message import Message
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.request_ids import digest_source, once
from sqlalchemy import Connection
from tagging.api.looks import looked_at

Answer = TypeVar("Answer", bound=Message)


async def written(
    database: Database,
    rpc: str,
    request: Message,
    answer: type[Answer],
    work: Callable[[Connection, str], Answer],
) -> Answer:
    """Runs `work` with the caller's tenant in one transaction. An id belongs to the subject that used it: another's
    is refused as used with another request. Raises ResourceExists, InvalidField, and what `looked_at` does."""
    principal = current_principal()
    tenant = principal.require_tenant()
    digest = digest_source(request) + principal.subject.encode()

    def run(connection: Connection) -> bytes:
        return once(
            connection,
            tenant=tenant,
            rpc=rpc,
            request_id=request.request_id,  # type: ignore[attr-defined]  # every request of these rpcs has one
            request=digest,
            work=lambda: work(connection, tenant).SerializeToString(deterministic=True),
        )

    return answer.FromString(await looked_at(lambda: database.write(run)))
