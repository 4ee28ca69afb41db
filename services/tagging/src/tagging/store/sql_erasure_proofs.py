"""What is written down of rewrites for erasures."""

import json

from servicekit.driver_sql import execute
from sqlalchemy import Connection
from tagging.domain.columns import microseconds, moment_of
from tagging.domain.lake import ErasureProof, RewrittenFile


class SqlErasureProofs:
    """ErasureProofs over the table `erasure_proof`."""

    def add(self, connection: Connection, tenant: str, proof: ErasureProof) -> None:
        document = {
            "time_us": microseconds(proof.time),
            "erasure_ids": proof.erasure_ids,
            "rewritten": [[each.path, each.new_path, each.removed_count] for each in proof.rewritten],
            "checked_file_count": proof.checked_file_count,
        }
        execute(
            connection,
            "INSERT INTO erasure_proof (tenant, number, document) "
            "SELECT CAST(? AS TEXT), coalesce(max(number), 0) + 1, CAST(? AS TEXT) "
            "FROM erasure_proof WHERE tenant = ?",
            (tenant, json.dumps(document), tenant),
        )

    def page(self, connection: Connection, tenant: str, after: int, limit: int) -> list[ErasureProof]:
        rows = execute(
            connection,
            "SELECT number, document FROM erasure_proof WHERE tenant = ? AND number > ? ORDER BY number LIMIT ?",
            (tenant, after, limit),
        )
        return [_proof(row[0], row[1]) for row in rows]


def _proof(number: int, text: str) -> ErasureProof:
    said = json.loads(text)
    return ErasureProof(
        number,
        moment_of(said["time_us"]),
        tuple(said["erasure_ids"]),
        tuple(RewrittenFile(*each) for each in said["rewritten"]),
        said["checked_file_count"],
    )
