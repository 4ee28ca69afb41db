"""Puts what a run found in the place of what the run before found: links, clusters, tasks; persons follow."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from servicekit.clock import Clock
from servicekit.revision import Lane

from identity.app.change_graph import ChangeGraph
from identity.app.region import GraphChange
from identity.domain.matching.stable_ids import carry_over
from identity.store.linking_rows import Cause, CauseKind, Mark, ProbableRow
from identity.store.matching.ports import Matched
from identity.store.matching.rows import WEIGHT_SCALE, RunRow, TaskRow
from identity.store.ports import Stores

MAX_TASKS = 10_000
"""Pairs that humans are asked about, at most: those nearest to linking by themselves."""
Pair = tuple[int, int]


@dataclass(frozen=True)
class Found:
    """What a matcher found, by keys. `fields` explain `review` as JSON; `labelled` are weights of labelled pairs."""

    links: Mapping[Pair, int]
    review: Mapping[Pair, int]
    fields: Mapping[Pair, str]
    group_of: Mapping[int, int]
    labelled: Mapping[Pair, int]


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
    )


@dataclass(frozen=True)
class Applied:
    """What became of a run. `sizes`: how many clusters have how many keys, by size."""

    links: int
    tasks: int
    clusters: int
    changed_persons: int
    sizes: Mapping[int, int]


class ApplyMatches:
    """In one transaction: all of it or nothing."""

    def __init__(self, change: ChangeGraph, clock: Clock) -> None:
        self._change = change
        self._clock = clock

    def __call__(self, stores: Stores, tenant: str, run: RunRow, found: Found) -> Applied:
        """Keys that were erased since the run read them are left out; so are pairs of them."""
        now_us = int(self._clock.now().timestamp() * 1_000_000)
        stores.tenants.lock(tenant, stores.changes.head().epoch)
        living = stores.keys.rows(tenant, found.group_of.keys())
        links = {pair: weight for pair, weight in found.links.items() if set(pair) <= living.keys()}
        before = {(row.low, row.high): row.score for row in stores.probable_links.all(tenant)}
        stores.probable_links.replace(
            tenant,
            [
                ProbableRow(*pair, weight, str(run.run_id), str(run.model_version))
                for pair, weight in sorted(links.items())
            ],
        )
        stores.marks.add(tenant, {key_id for pair in links for key_id in pair}, Mark.PROBABLE)
        differing = {pair for pair, _ in before.items() ^ links.items()}
        touched = stores.keys.rows(tenant, {key_id for pair in differing for key_id in pair}).keys()
        tasks = self._ask(stores, tenant, run, found, living.keys())
        sizes = self._group(stores, tenant, found, living.keys())
        change = GraphChange(touched=frozenset(touched))
        cause = Cause(CauseKind.MATCH_RUN, str(run.run_id))
        changed = self._change(stores, tenant, change, now_us, cause, Lane.BULK)
        return Applied(
            len(links),
            tasks,
            sum(sizes.values()),
            changed.effect.persons_changed,
            dict(sorted(sizes.items())),
        )

    def _ask(self, stores: Stores, tenant: str, run: RunRow, found: Found, living: Set[int]) -> int:
        """Tasks for pairs that nobody decided; labels learn the weights of this model."""
        labels = {(label.low, label.high): label for label in stores.matching.tasks.labels(tenant)}
        for pair, weight in found.labelled.items():
            if pair in labels:
                stores.matching.tasks.add_label(
                    tenant, labels[pair]._replace(model_version=run.model_version, weight=weight)
                )
        asked = [
            TaskRow(0, run.run_id, *pair, weight, found.fields[pair])
            for pair, weight in found.review.items()
            if pair not in labels and pair[0] in living and pair[1] in living
        ][:MAX_TASKS]
        stores.matching.tasks.replace(tenant, asked)
        return len(asked)

    def _group(self, stores: Stores, tenant: str, found: Found, living: Set[int]) -> Counter[int]:
        """Clusters of two keys and more keep their ids; how many there are of each size."""
        sizes = Counter(group for key_id, group in found.group_of.items() if key_id in living)
        groups = {
            key_id: group for key_id, group in found.group_of.items() if key_id in living and sizes[group] > 1
        }
        before = stores.matching.keys.clusters(tenant)
        last = max(before.values(), default=0)

        def new_id() -> int:
            nonlocal last
            last += 1
            return last

        clusters = carry_over(groups, before, new_id)
        stores.matching.keys.replace_clusters(tenant, clusters)
        return Counter(Counter(clusters.values()).values())
