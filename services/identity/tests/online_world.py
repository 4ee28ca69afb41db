"""One tenant of an identity service whose graph changes in every way there is, beside what a full recompute says."""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from itertools import combinations
from typing import Any, TypeVar

import numpy as np
from huaxiang.identity.v1 import change_pb2, person_pb2
from identity.api.encoding import ProtoEncoding
from identity.app.change_graph import Changed, ChangeGraph
from identity.app.hot_keys import HotKeys
from identity.app.ingest_records import Ingested, IngestRecords
from identity.app.joined_batches import joined, parted
from identity.app.keyed_records import Batch, key_arrivals
from identity.app.policies import PolicyBook
from identity.app.publish_persons import PublishPersons
from identity.app.region import GraphChange
from identity.domain.evidence import DAY_US, Evidence, LinkKind, sighting
from identity.domain.groups import LinkKey, Reason
from identity.domain.linking import Conflict, ProbableLink, Standing, link
from identity.domain.partition import find_links, is_live, judge_shared, with_last_seen
from identity.domain.policy import parse_policy
from identity.domain.record import Arrival, Event, Identifier, Record
from identity.domain.verdicts import Operation, OperationKind, VerdictKind, in_force, standing_operations
from identity.main import Wiring
from identity.standards.load import load_standards
from identity.store.linking_rows import Cause, CauseKind, Mark, OperationRow, ProbableRow, StoredPolicy
from identity.store.ports import Stores
from identity.store.rows import KeyRow
from identity.store.sql import open_stores
from identity.store.vault import KeyVault
from linking_world import DOCUMENT, Name, Said
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from servicekit.revision import Lane
from sqlalchemy import Connection

T = TypeVar("T")
Sides = tuple[frozenset[Name], frozenset[Name]]
Outcome = tuple[set[frozenset[Name]], dict[Name, Standing], set[tuple[Name, Name, Reason]], frozenset[Name]]
"""The partition, the standing of each key, the conflicts, and what is quarantined."""


class TenantBlind(KeyVault):
    """Gives all tenants the same hashes, so that what they hold can be compared."""

    def identifier_hash(self, tenant: str, identifier: Identifier) -> bytes:
        return super().identifier_hash("", identifier)

    def birth_hash(self, tenant: str, identifier_hash: bytes) -> int:
        return super().birth_hash("", identifier_hash)


class OnlineWorld:
    """Sends records, decides, matches; `blocked` are values that the tenant's policy blocks from the start."""

    def __init__(
        self,
        wiring: Wiring,
        secret: bytes,
        hot: HotKeys,
        blocked: frozenset[Name] = frozenset(),
        document: Mapping[str, Any] = DOCUMENT,
        vault: KeyVault | None = None,
    ) -> None:
        self._document, self._policy = document, parse_policy(document)
        self._wiring, self._hot, self._vault = wiring, hot, vault or KeyVault(secret)
        encoding, standards = ProtoEncoding(), load_standards()
        policies = PolicyBook(standards.policy)
        publish = PublishPersons(standards.attributes, self._vault, encoding)
        self._ingest = IngestRecords(policies, self._vault, encoding, publish, hot)
        self._change = ChangeGraph(policies, publish, encoding)
        self.tenant = f"t{uuid.uuid4().hex}"
        self.sent: list[Said] = []
        self.operations: list[Operation] = []
        self.matches: list[tuple[Name, Name, int]] = []
        self._blocked = blocked
        self._write(self._put_policy)

    def another_process(self) -> "OnlineWorld":
        """The same tenant as another process of the service sees it: nothing in memory is shared but `sent`."""
        other = copy(self)
        other._hot = HotKeys()
        policies, encoding, standards = PolicyBook(load_standards().policy), ProtoEncoding(), load_standards()
        publish = PublishPersons(standards.attributes, self._vault, encoding)
        other._ingest = IngestRecords(policies, self._vault, encoding, publish, other._hot)
        return other

    def send(self, records: Sequence[Said], order: Sequence[int], lane: Lane = Lane.LIVE) -> Ingested:
        """Sends records whose ids are their places in `order`."""
        arrivals = [Arrival(_record(f"r{n}", said), ()) for n, said in zip(order, records, strict=True)]
        prepared = self._ingest.prepare(self.tenant, lane, arrivals)
        ingested = self._write(lambda stores: self._ingest(stores, prepared, 1))
        self._hot.learn(ingested.learned)
        self.sent += records
        return ingested

    def send_joined(self, calls: Sequence[tuple[Sequence[Said], Sequence[int]]]) -> list[Ingested]:
        """Sends batches as `send` does, all of them in one transaction."""
        batches = [
            self._ingest.prepare(
                self.tenant,
                Lane.LIVE,
                [Arrival(_record(f"r{n}", said), ()) for n, said in zip(*call[::-1], strict=True)],
            )
            for call in calls
        ]
        if not batches:
            return []
        ingested = self._write(lambda stores: self._ingest(stores, joined(batches), 1))
        self._hot.learn(ingested.learned)
        self.sent += [said for records, _ in calls for said in records]
        return parted(ingested, batches)

    def prepared(self, records: Sequence[Said]) -> tuple[Batch, Batch]:
        """A batch as it is prepared here, and as it is adopted when another process keyed it."""
        arrivals = [Arrival(_record(f"r{n}", said), ()) for n, said in enumerate(records)]
        keyed = key_arrivals(self.tenant, arrivals, self._vault, load_standards().policy)
        elsewhere = Batch(self.tenant, Lane.LIVE, arrivals, keyed)
        return self._ingest.prepare(self.tenant, Lane.LIVE, arrivals), self._ingest.adopt(elsewhere)

    def decide(self, kind: OperationKind, sides: Sides) -> Changed | None:
        """Takes an operation about those of the keys that are known; None when a side has none."""
        ids = self._ids()
        known = tuple(frozenset(ids[name] for name in side if name in ids) for side in sides)
        if not all(known):
            return None
        operation = Operation(len(self.operations) + 1, kind, (known[0], known[1]))
        self.operations.append(operation)
        return self._write(lambda stores: self._apply(stores, operation, known[0] | known[1]))

    def undo(self, operation_id: int) -> Changed:
        """Undoes an operation that is in force."""
        before = standing_operations(self.operations)
        root = self.operations[operation_id - 1]
        while root.undoes:
            root = self.operations[root.undoes - 1]
        operation = Operation(len(self.operations) + 1, OperationKind.UNDO, undoes=operation_id)
        self.operations.append(operation)
        after = standing_operations(self.operations)

        def work(stores: Stores) -> Changed:
            for changed in (before ^ after) - {operation.operation_id}:
                undone_by = 0 if changed in after else operation.operation_id
                stores.operations.set_undone(self.tenant, changed, undone_by)
            return self._apply(stores, operation, root.sides[0] | root.sides[1])

        return self._write(work)

    def match(self, matches: Sequence[tuple[Name, Name, int]]) -> Changed:
        """A matching run that found these pairs and no others."""
        ids = self._ids()
        self.matches = [match for match in matches if match[0] in ids and match[1] in ids]
        best: dict[tuple[int, int], int] = {}
        for one, other, score in self.matches:
            low, high = sorted((ids[one], ids[other]))
            best[low, high] = max(score, best.get((low, high), score))

        def work(stores: Stores) -> Changed:
            touched = {key_id for row in stores.probable_links.all(self.tenant) for key_id in row[:2]}
            rows = [ProbableRow(*pair, score, "run", "m1") for pair, score in best.items()]
            stores.probable_links.replace(self.tenant, rows)
            stores.marks.add(self.tenant, {key_id for pair in best for key_id in pair}, Mark.PROBABLE)
            touched.update(key_id for pair in best for key_id in pair)
            change = GraphChange(touched=frozenset(touched))
            return self._change(stores, self.tenant, change, 1, Cause(CauseKind.MATCH_RUN, "run"))

        return self._write(work)

    def stored(self) -> Outcome:
        """What the store says."""
        name_of = {key_id: name for name, key_id in self._ids().items()}

        def read(stores: Stores) -> Outcome:
            rows = stores.keys.rows(self.tenant, name_of)
            groups: dict[int, set[Name]] = {}
            for key_id, row in rows.items():
                groups.setdefault(row.person_id, set()).add(name_of[key_id])
            conflicts = {
                (name_of[one], name_of[other], reason)
                for (one, other, reason), _ in stores.conflicts.page(self.tenant, None, 10_000)
            }
            standing = {name_of[key_id]: row.standing for key_id, row in rows.items()}
            quarantined = (name_of[key_id] for key_id, row in rows.items() if row.marks & Mark.QUARANTINED)
            return set(map(frozenset, groups.values())), standing, conflicts, frozenset(quarantined)

        return self._read(read)

    def recomputed(self) -> Outcome:
        """What linking all evidence says, component by component as scipy finds them."""
        ids = self._ids()
        keys = {
            key_id: LinkKey(key_id, name[0], "", self._hash(name), name in self._blocked)
            for name, key_id in ids.items()
        }
        stars = self._stars(ids, keys)
        shared = {k for k in keys if judge_shared(keys[k], stars[k], keys, self._policy)}
        verdicts = in_force(self.operations)
        probable = [
            ProbableLink(*sorted((ids[one], ids[other])), score)
            for one, other, score in self.matches  # type: ignore[misc]
        ]
        crossed = [(a, b) for a in keys for b in stars[a] if not {a, b} & shared]
        quarantined = {
            k
            for part in _parts(list(keys), crossed)
            if len(part) > self._policy.max_component_keys
            for k in part - shared
        }
        tied = [(pair.low, pair.high) for pair in probable]
        for verdict in verdicts:
            if verdict.kind is VerdictKind.MUST:
                tied += combinations(sorted(verdict.key_ids), 2)
        links = find_links(keys, stars, self._policy)
        seen = with_last_seen(keys, stars, self._policy)
        groups: set[frozenset[int]] = set()
        standing: dict[int, Standing] = {}
        conflicts: set[Conflict] = set()
        for part in _parts(list(keys), crossed + tied):
            own = {conflict for conflict in links.conflicts if part.issuperset(conflict[:2])}
            linking = link(
                {k: seen[k] for k in part},
                links.neighbours,
                shared,
                self._policy,
                verdicts,
                _best(probable, part),
                quarantined,
                own,
            )
            groups.update(linking.groups)
            standing.update(linking.standing)
            conflicts.update(linking.conflicts)
        told = {conflict[:2] for conflict in links.conflicts}
        conflicts = {c for c in conflicts if c[:2] not in told} | set(links.conflicts) & conflicts
        across = links.conflicts - conflicts
        group_of = {k: group for group in groups for k in group}
        conflicts |= {c for c in across if group_of[c.key_id] != group_of[c.other_key_id]}
        name_of = {key_id: name for name, key_id in ids.items()}
        return (
            {frozenset(name_of[k] for k in group) for group in groups},
            {name_of[k]: found for k, found in standing.items()},
            {(name_of[a], name_of[b], reason) for a, b, reason in conflicts},
            frozenset(name_of[k] for k in quarantined),
        )

    def published(self) -> dict[int, person_pb2.Person]:
        """What was published of every person id last."""
        return self._read(
            lambda stores: {
                row.person_id: person_pb2.Person.FromString(row.entry)
                for row in stores.persons.page(self.tenant, 0, 10_000)
            }
        )

    def events(self) -> list[change_pb2.ResolvedEvent]:
        """Every published event, in order."""
        return self._read(
            lambda stores: [
                change_pb2.ResolvedEvent.FromString(bytes(entry.payload))
                for entry in stores.changes.kept("event", self.tenant)
            ]
        )

    def name_of(self, key_id: int) -> Name:
        """The name of a key."""
        return next(name for name, known in self._ids().items() if known == key_id)

    def look(self, read: Callable[[Stores], T]) -> T:
        """What a use case answers."""
        return self._write(read)

    def rows(self) -> dict[int, KeyRow]:
        """Every key."""
        key_ids = self._ids().values()
        return self._read(lambda stores: dict(stores.keys.rows(self.tenant, key_ids)))

    def _stars(self, ids: dict[Name, int], keys: dict[int, LinkKey]) -> dict[int, dict[int, Evidence]]:
        evidence: dict[int, dict[int, Evidence]] = {key_id: {} for key_id in keys}
        for said in self.sent:
            named = [ids[name] for name in said.names]
            pairs = combinations(named, 2)
            if said.kind is LinkKind.UNBIND:
                pairs = ((named[0], other) for other in named[1:])
            for one, other in pairs:
                found = sighting(said.kind, said.day * DAY_US + 5, 3 * said.verified, "shop")
                known = evidence[one].get(other)
                evidence[one][other] = evidence[other][one] = known.merged(found) if known else found
        return {
            k: {o: e for o, e in star.items() if is_live(e, keys[k], keys[o], self._policy)}
            for k, star in evidence.items()
        }

    def _put_policy(self, stores: Stores) -> None:
        document = json.loads(json.dumps(self._document))
        for item in document["namespaces"]:
            item["blocked_values"] = [_value(name) for name in self._blocked if name[0] == item["name"]]
        stores.tenants.lock(self.tenant, stores.changes.head().epoch)
        stores.policies.put(self.tenant, StoredPolicy(1, json.dumps(document), "test", "", 1))

    def _apply(self, stores: Stores, operation: Operation, key_ids: frozenset[int]) -> Changed:
        stores.operations.add(self.tenant, OperationRow(operation, "test", "", 1))
        stores.marks.add(self.tenant, key_ids, Mark.VERDICT)
        cause = Cause(CauseKind.OPERATION, str(operation.operation_id))
        return self._change(stores, self.tenant, GraphChange(touched=key_ids), 1, cause)

    def _ids(self) -> dict[Name, int]:
        hashes = {name: self._hash(name) for said in self.sent for name in said.names}
        key_ids = self._read(lambda stores: stores.keys.find(self.tenant, hashes.values()))
        return {name: key_ids[hash_] for name, hash_ in hashes.items()}

    def _hash(self, name: Name) -> bytes:
        return self._vault.identifier_hash(self.tenant, Identifier(name[0], "", _value(name)))

    def _read(self, look: Callable[[Stores], T]) -> T:
        return self._wiring.database.read_now(
            lambda connection: look(open_stores(connection, self._wiring.changelog))
        )

    def _write(self, work: Callable[[Stores], T]) -> T:
        def run(connection: Connection) -> T:
            return work(open_stores(connection, self._wiring.changelog))

        return self._wiring.database.write_now(run)


def _value(name: Name) -> str:
    return f"{name[0]}-{name[1]}"


def _record(record_id: str, said: Said) -> Record:
    identifiers = tuple(Identifier(name[0], "", _value(name), verified=said.verified) for name in said.names)
    time_us = said.day * DAY_US + 5
    return Record(
        "shop",
        record_id,
        repr(said).encode(),
        time_us,
        "",
        identifiers,
        Event("seen", b""),
        (),
        said.consents,
        said.addresses,
        link_kind=said.kind,
    )


def _best(probable: Sequence[ProbableLink], part: frozenset[int]) -> list[ProbableLink]:
    best: dict[tuple[int, int], ProbableLink] = {}
    for pair in probable:
        if pair.low in part and (pair[:2] not in best or best[pair[:2]].score < pair.score):
            best[pair[:2]] = pair
    return list(best.values())


def _parts(nodes: Sequence[int], edges: Sequence[tuple[int, int]]) -> list[frozenset[int]]:
    place = {node: index for index, node in enumerate(nodes)}
    ends = np.array([(place[a], place[b]) for a, b in edges], dtype=np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(nodes), len(nodes)))
    count, labels = connected_components(graph, directed=False)
    return [frozenset(np.array(nodes)[labels == label].tolist()) for label in range(count)]
