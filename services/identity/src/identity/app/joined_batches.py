"""Several batches of a tenant as one: a transaction costs the same statements for many records as for few.

Records keep their order, so a repeat of a record in a later batch is a repeat as it is within one.
"""

from collections.abc import Sequence
from dataclasses import replace

from identity.app.ingest_records import Ingested
from identity.app.keyed_records import Batch


def may_join(batch: Batch, other: Batch) -> bool:
    """Whether two batches can be one: of the same tenant and lane, and keyed under the same version of its policy."""
    return (batch.tenant, batch.lane, batch.policy_version) == (
        other.tenant,
        other.lane,
        other.policy_version,
    )


def joined(batches: Sequence[Batch]) -> Batch:
    """Batches that may join, as one that holds their records in order."""
    first, *others = batches
    if not others:
        return first
    return replace(
        first,
        arrivals=[arrival for batch in batches for arrival in batch.arrivals],
        keyed=[keyed for batch in batches for keyed in batch.keyed],
    )


def parted(ingested: Ingested, batches: Sequence[Batch]) -> list[Ingested]:
    """What became of each of the batches that were joined. The revision of all covers each one's consequences."""
    parts: list[Ingested] = []
    start = 0
    for batch in batches:
        end = start + len(batch.arrivals)
        parts.append(replace(ingested, outcomes=ingested.outcomes[start:end]))
        start = end
    return parts
