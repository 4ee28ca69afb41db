"""What a matching run found, by keys, and as it waits in the store to be put in force."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from identity.store.matching.ports import Matched
from identity.store.matching.rows import WEIGHT_SCALE

ROWS_OF_PART = 20_000
Pair = tuple[int, int]


@dataclass(frozen=True)
class Found:
    """`fields` explain `review` as JSON; `labelled` are weights of labelled pairs; `facts` are counts for the run's
    outcome."""

    links: Mapping[Pair, int]
    review: Mapping[Pair, int]
    fields: Mapping[Pair, str]
    group_of: Mapping[int, int]
    labelled: Mapping[Pair, int]
    facts: Mapping[str, Any] = field(default_factory=dict)


def by_keys(matched: Matched, key_ids: Sequence[int]) -> Found:
    """Rows become keys, weights are scaled; pairs keep their order."""

    def pair(left: int, right: int) -> Pair:
        low, high = sorted((key_ids[left], key_ids[right]))
        return low, high

    return Found(
        {pair(link.left, link.right): round(link.weight * WEIGHT_SCALE) for link in matched.links},
        {pair(task.left, task.right): round(task.weight * WEIGHT_SCALE) for task in matched.review},
        {
            pair(*rows): json.dumps([["prior", -1, matched.prior], *map(list, fields)])
            for rows, fields in matched.fields.items()
        },
        {key_ids[row]: key_ids[group] for row, group in matched.group_of.items()},
        {pair(*rows): round(weight * WEIGHT_SCALE) for rows, weight in matched.labelled.items()},
        {"rows": len(key_ids), "candidates": matched.candidates},
    )


def to_parts(found: Found) -> Iterator[str]:
    """Texts of a bounded length that hold it all, in order."""
    for name, rows in (
        ("links", ([*pair, weight] for pair, weight in found.links.items())),
        ("review", ([*pair, weight, found.fields[pair]] for pair, weight in found.review.items())),
        ("groups", ([key_id, group] for key_id, group in found.group_of.items())),
        ("labelled", ([*pair, weight] for pair, weight in found.labelled.items())),
    ):
        for part in _batches(rows):
            yield json.dumps({name: part})
    yield json.dumps({"facts": found.facts})


def from_parts(parts: Iterable[str]) -> Found:
    """The way back of `to_parts`."""
    links: dict[Pair, int] = {}
    review: dict[Pair, int] = {}
    fields: dict[Pair, str] = {}
    groups: dict[int, int] = {}
    labelled: dict[Pair, int] = {}
    facts: dict[str, Any] = {}
    for part in map(json.loads, parts):
        links |= {(low, high): weight for low, high, weight in part.get("links", ())}
        for low, high, weight, explained in part.get("review", ()):
            review[low, high], fields[low, high] = weight, explained
        groups |= dict(part.get("groups", ()))
        labelled |= {(low, high): weight for low, high, weight in part.get("labelled", ())}
        facts |= part.get("facts", {})
    return Found(links, review, fields, groups, labelled, facts)


def _batches(rows: Iterable[list[Any]]) -> Iterator[list[list[Any]]]:
    batch: list[list[Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == ROWS_OF_PART:
            yield batch
            batch = []
    if batch:
        yield batch
