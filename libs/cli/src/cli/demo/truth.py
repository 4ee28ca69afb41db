"""How well accounts were joined to persons, against the truth: precision and recall over pairs of accounts."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow.parquet as pq
from huaxiang.identity.v1 import identifier_pb2
from huaxiang.identity.v1 import person_service_pb2 as pb
from huaxiang.identity.v1.person_service_pb2_grpc import PersonServiceStub

from cli.calls.segments import fresh
from cli.demo.state import Demo, batches
from cli.suite.patience import patiently

BATCH = 1_000
RESOLVE_WITHIN_S = 60.0


@dataclass(frozen=True)
class PairScores:
    """Over unordered pairs of accounts. 1.0 where there is no pair to judge."""

    precision: float
    recall: float
    true_pairs: int
    found_pairs: int


def pair_scores(joined: Iterable[tuple[int, int]]) -> PairScores:
    """Of (true person, found person) per account; a found person of 0 stands alone: it is in no found pair."""
    accounts = list(joined)
    true = _pairs(Counter(person for person, _ in accounts))
    found = _pairs(Counter(person for _, person in accounts if person))
    both = _pairs(Counter(pair for pair in accounts if pair[1]))
    return PairScores(both / found if found else 1.0, both / true if true else 1.0, true, found)


async def check_persons(demo: Demo) -> None:
    """Asks identity for the person of every account of the truth."""
    rows = pq.read_table(demo.truth("accounts")).to_pylist()
    rows.sort(key=lambda row: (row["source"], row["namespace"], row["scope"]))
    joined: list[tuple[int, int]] = []
    async with demo.channel("identity") as channel:
        stub = PersonServiceStub(channel)
        for source, group in groupby(rows, key=lambda row: row["source"]):
            for part in batches(list(group), BATCH):
                identifiers = [_identifier(row) for row in part]
                found = await _resolve(stub, source, identifiers, demo.revision)
                joined += [(row["person"], person) for row, person in zip(part, found, strict=True)]
        members = (
            pq.read_table(demo.truth("persons"), columns=["member_id"]).column(0).drop_null().to_pylist()
        )
        for part in batches(members, BATCH):
            identifiers = [identifier_pb2.Identifier(namespace="member_id", value=each) for each in part]
            found = await _resolve(stub, "", identifiers, demo.revision)
            demo.person_ids.update({each: person for each, person in zip(part, found, strict=True) if person})
    scores = pair_scores(joined)
    demo.living = tuple(sorted({person for _, person in joined if person} | set(demo.person_ids.values())))
    demo.found["identity"] = {
        "persons": len(demo.living),
        "pair_precision": round(scores.precision, 6),
        "pair_recall": round(scores.recall, 6),
    }
    demo.say.line(
        f"{len(rows):,} accounts of {demo.manifest.persons:,} people became {len(demo.living):,} persons"
    )
    demo.say.line(
        f"{scores.precision:.2%} of the joined pairs are right, {scores.recall:.2%} of the true ones are found"
    )


async def _resolve(
    stub: Any, source: str, identifiers: list[identifier_pb2.Identifier], token: str
) -> list[int]:
    request = pb.ResolveIdentifiersRequest(identifiers=identifiers, source=source, consistency=fresh(token))
    answer = await patiently(lambda: stub.ResolveIdentifiers(request, timeout=RESOLVE_WITHIN_S))
    return [each.person_id for each in answer.results]


def _identifier(row: dict[str, Any]) -> identifier_pb2.Identifier:
    return identifier_pb2.Identifier(namespace=row["namespace"], value=row["account"], scope=row["scope"])


def _pairs(sizes: Counter[Any]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes.values())
