"""How well persons are told apart where identifiers are shared, recycled and made up, and whether order matters.

All ways take the same 300,000 events in the same five orders, one after the other in each. The partition of ours must
be the same every time; a sample of the people also goes through the service's front door, in two orders, and must give
what linking all evidence at once gives.
"""

import secrets
import statistics
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from identity.domain.matching.evaluation import PairFigures, pair_figures
from identity.domain.record import Identifier
from identity.standards.load import Standards, load_standards
from identity.store.vault import KeyVault

from benches.crowd import Crowd
from benches.crowd_linking import (
    TENANT,
    Groups,
    Named,
    SegmentRules,
    connected,
    normalise,
    ours,
    partition_of,
)
from benches.identity_store import IdentityStore, record_of
from benches.measure import cpu_seconds

PEOPLE, EVENTS_OF_EACH = 60_000, 5
ORDERS = 5
SAMPLE_PEOPLE, SAMPLE_ORDERS = 3_000, 2
BATCH = 100


def measure(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and sizes. Figures are medians over the orders: those of a peer may differ from order to order."""
    standards = load_standards()
    secret = secrets.token_bytes(32)
    vault = KeyVault(secret)

    def hash_of(identifier: Identifier) -> bytes:
        return vault.identifier_hash(TENANT, identifier)

    crowd = Crowd(PEOPLE, seed)
    events = normalise(crowd.events(PEOPLE * EVENTS_OF_EACH), standards)
    truth = {each.number: each.event.person for each in events}
    sample = [each for each in events if each.event.person < SAMPLE_PEOPLE]
    online = _online_equals_referee(secret, sample, standards, hash_of, seed)
    found: dict[str, list[PairFigures]] = {"ours": [], "naive": [], "segment_rules": []}
    partitions: dict[str, set[frozenset[frozenset[int]]]] = {name: set() for name in found}
    spent = dict.fromkeys(found, 0.0)
    for order in range(ORDERS):
        shuffled = Random(seed + order).sample(events, len(events))
        for name, way in (
            ("ours", partial(ours, shuffled, standards, hash_of)),
            ("naive", partial(connected, shuffled)),
            ("segment_rules", lambda taken=shuffled: SegmentRules().groups(taken)),
        ):
            groups, seconds = cpu_seconds(way)
            spent[name] += seconds
            found[name].append(pair_figures(groups, truth))
            partitions[name].add(partition_of(groups))
    return {
        "precision": _median(found["ours"], "precision"),
        "recall": _median(found["ours"], "recall"),
        "f1": _median(found["ours"], "f1"),
        "largest": found["ours"][0].largest,
        "same_partition": int(len(partitions["ours"]) == 1 and online),
        "naive_f1": _median(found["naive"], "f1"),
        "naive_precision": _median(found["naive"], "precision"),
        "naive_recall": _median(found["naive"], "recall"),
        "segment_rules_f1": _median(found["segment_rules"], "f1"),
        "segment_rules_precision": _median(found["segment_rules"], "precision"),
        "segment_rules_recall": _median(found["segment_rules"], "recall"),
        "segment_rules_partitions": len(partitions["segment_rules"]),
        "cpu_s": {name: round(seconds / ORDERS, 2) for name, seconds in spent.items()},
    }, {
        "protection_people": PEOPLE,
        "protection_events": len(events),
        "protection_orders": ORDERS,
        "protection_events_through_the_front_door": len(sample) * SAMPLE_ORDERS,
        **crowd.sizes(),
    }


def _online_equals_referee(
    secret: bytes, sample: Sequence[Named], standards: Standards, hash_of: Any, seed: int
) -> bool:
    """Whether the front door gives the sample's events the persons that the referee gives, in any order."""
    expected = partition_of(ours(sample, standards, hash_of))
    for order in range(SAMPLE_ORDERS):
        shuffled = Random(seed + 100 + order).sample(sample, len(sample))
        with tempfile.TemporaryDirectory() as folder, IdentityStore.sqlite(Path(folder), secret) as store:
            if partition_of(_through_the_front_door(store, shuffled)) != expected:
                return False
    return True


def _through_the_front_door(store: IdentityStore, events: Sequence[Named]) -> Groups:
    for start in range(0, len(events), BATCH):
        batch = events[start : start + BATCH]
        records = [
            record_of(each.event.source, str(each.number), each.event.time_us, each.identifiers)
            for each in batch
        ]
        store.ingest(TENANT, records)
    persons = store.persons_of(
        TENANT, {identifier for each in events for identifier in each.identifiers if not identifier.blocked}
    )
    namespaces = store.standards.policy.namespaces
    groups: dict[int, Any] = {}
    for each in events:
        linkable = [identifier for identifier in each.identifiers if not identifier.blocked]
        if not linkable:
            groups[each.number] = ("alone", each.number)
            continue
        anchor = min(
            linkable,
            key=lambda found: (
                namespaces[found.namespace].priority,
                store.vault.identifier_hash(TENANT, found),
            ),
        )
        groups[each.number] = persons[anchor]
    return groups


def _median(figures: Sequence[PairFigures], name: str) -> float:
    return round(statistics.median(float(getattr(each, name)) for each in figures), 4)
