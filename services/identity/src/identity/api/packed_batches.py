"""Batches as bytes, from a process of the service to another of the same release."""

import marshal
import pickle
from typing import Any, NamedTuple

from servicekit.revision import Lane

from identity.app.keyed_records import Batch, KeyedRecord
from identity.domain.evidence import LinkKind
from identity.domain.record import Arrival, Event, Identifier, Record

_LINK_KINDS = {int(kind): kind for kind in LinkKind}


class _Rest(NamedTuple):
    """What most records have none of."""

    attributes: Any = ()
    consents: Any = ()
    contact_points: Any = ()
    refusals: Any = ()
    blocked: Any = frozenset()


_NOTHING = _Rest()


def pack(batch: Batch) -> bytes:
    """What `unpack` takes. Most of it is plain tuples, which marshal writes in a fifth of pickle's time."""
    rests: dict[int, _Rest] = {}
    rows: list[tuple[Any, ...] | None] = []
    for arrival, keyed in zip(batch.arrivals, batch.keyed, strict=True):
        rest = _Rest(refusals=arrival.refusals)
        if keyed is None:
            rows.append(None)
        else:
            record = keyed.record
            rest = _Rest(
                record.attributes, record.consents, record.contact_points, arrival.refusals, keyed.blocked
            )
            rows.append(_row(keyed))
        if rest != _NOTHING:
            rests[len(rows) - 1] = rest
    head = (batch.tenant, int(batch.lane), batch.policy_version, pickle.dumps(rests) if rests else b"")
    return marshal.dumps((head, rows))


def unpack(packed: bytes) -> Batch:
    """The way back. Only for what a process of this service packed: marshal and pickle trust their input."""
    (tenant, lane, version, pickled), rows = marshal.loads(packed)  # noqa: S302
    rests: dict[int, _Rest] = pickle.loads(pickled) if pickled else {}  # noqa: S301
    arrivals: list[Arrival] = []
    keyed: list[KeyedRecord | None] = []
    for index, row in enumerate(rows):
        rest = rests.get(index, _NOTHING)
        if row is None:
            arrivals.append(Arrival(None, rest.refusals))
            keyed.append(None)
            continue
        key = _keyed(row, rest)
        arrivals.append(Arrival(key.record, rest.refusals))
        keyed.append(key)
    return Batch(tenant, Lane(lane), arrivals, keyed, version)


def _row(keyed: KeyedRecord) -> tuple[Any, ...]:
    record, identifiers = keyed.record, keyed.identifiers
    stated = [(hash_, *identifier) for hash_, identifier in identifiers.items()]
    if len(stated) < len(record.identifiers):  # some were stated twice
        hash_of = {identifier[:3]: hash_ for hash_, identifier in identifiers.items()}
        stated = [(hash_of[identifier[:3]], *identifier) for identifier in record.identifiers]
    return (
        *record[:5],
        stated,
        None if record.event is None else tuple(record.event),
        record.anchor_key_id,
        int(record.link_kind),
        keyed.anchor,
    )


def _keyed(row: tuple[Any, ...], rest: _Rest) -> KeyedRecord:
    source, record_id, digest, time_us, brand, stated, event, anchor_key_id, link_kind, anchor = row
    named = [(each[0], Identifier(*each[1:])) for each in stated]
    record = Record(
        source,
        record_id,
        digest,
        time_us,
        brand,
        tuple([identifier for _, identifier in named]),
        None if event is None else Event(*event),
        rest.attributes,
        rest.consents,
        rest.contact_points,
        anchor_key_id,
        _LINK_KINDS[link_kind],
    )
    return KeyedRecord(record, dict(named), anchor, rest.blocked)
