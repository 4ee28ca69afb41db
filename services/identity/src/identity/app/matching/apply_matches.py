"""Puts what a run found in the place of what the run before found: links, clusters, tasks; persons follow.

First all of it is stored beside (`stage`), so that nothing has to be matched twice. Then links are replaced in
portions, each a transaction of its own that a crash, or who asks the run to stop, may part from the next; then
clusters; then tasks, with the end of the run. What is stored already is found by comparing, so that going on is
starting again.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from servicekit.clock import Clock
from servicekit.revision import Lane

from identity.app.change_graph import ChangeGraph
from identity.app.matching.found import Found, Pair, from_parts, to_parts
from identity.app.region import GraphChange
from identity.domain.matching.portions import portions
from identity.domain.matching.stable_ids import carry_over
from identity.store.linking_rows import Cause, CauseKind, Mark, ProbableRow
from identity.store.matching.rows import RunRow, TaskRow
from identity.store.ports import Stores

MAX_TASKS = 10_000
"""Pairs that humans are asked about, at most: those nearest to linking by themselves."""
PAIRS_OF_PORTION = 2_000
KEYS_OF_PORTION = 20_000
NO_CLUSTER = 0


@dataclass(frozen=True)
class Portion:
    """Pairs to store together: with their weight, or None for those that the run found no more."""

    pairs: Mapping[Pair, int | None]


class ApplyMatches:
    """Each call is one transaction, whole or not at all, and may be repeated."""

    def __init__(
        self,
        change: ChangeGraph,
        clock: Clock,
        pairs_of_portion: int = PAIRS_OF_PORTION,
        keys_of_portion: int = KEYS_OF_PORTION,
    ) -> None:
        self._change = change
        self._clock = clock
        self._pairs_of_portion = pairs_of_portion
        self._keys_of_portion = keys_of_portion

    def stage(self, stores: Stores, tenant: str, run: RunRow, found: Found) -> None:
        """Stores beside what the run found."""
        stores.tenants.lock(tenant, stores.changes.head().epoch)
        stores.matching.found.put(tenant, run.run_id, to_parts(found))

    def staged(self, stores: Stores, tenant: str, run: RunRow) -> Found | None:
        """What the run found; None when it has not matched yet."""
        parts = stores.matching.found.parts(tenant, run.run_id)
        return from_parts(parts) if parts else None

    def link_portions(self, stores: Stores, tenant: str, run: RunRow, found: Found) -> Sequence[Portion]:
        """What is to be stored yet of the links."""
        before = {(row.low, row.high): row for row in stores.probable_links.all(tenant)}
        wanted = {row[:2]: row for row in _rows(run, found.links)}
        differing = [pair for pair in before.keys() | wanted.keys() if before.get(pair) != wanted.get(pair)]
        rows = stores.keys.rows(tenant, {key_id for pair in differing for key_id in pair})
        living = [pair for pair in differing if pair in before or set(pair) <= rows.keys()]
        person_of = {key_id: row.person_id for key_id, row in rows.items()}
        return [
            Portion({pair: found.links.get(pair) for pair in part})
            for part in portions(living, person_of, self._pairs_of_portion)
        ]

    def store_links(self, stores: Stores, tenant: str, run: RunRow, portion: Portion) -> int:
        """How many persons it changed. Keys that were erased since the run read them are left out; so are pairs of
        them."""
        now_us = int(self._clock.now().timestamp() * 1_000_000)
        stores.tenants.lock(tenant, stores.changes.head().epoch)
        living = stores.keys.rows(tenant, {key_id for pair in portion.pairs for key_id in pair}).keys()
        links = {
            pair: weight
            for pair, weight in portion.pairs.items()
            if weight is not None and set(pair) <= living
        }
        keys = {key_id for pair in portion.pairs for key_id in pair}
        scores = {(row.low, row.high): row.score for row in stores.probable_links.of_keys(tenant, keys)}
        stores.probable_links.remove(tenant, portion.pairs)
        stores.probable_links.add(tenant, _rows(run, links))
        stores.marks.add(tenant, {key_id for pair in links for key_id in pair}, Mark.PROBABLE)
        differing = [pair for pair in portion.pairs if scores.get(pair) != links.get(pair)]
        touched = living & {key_id for pair in differing for key_id in pair}
        if not touched:
            return 0
        change = GraphChange(touched=frozenset(touched))
        cause = Cause(CauseKind.MATCH_RUN, str(run.run_id))
        changed = self._change(stores, tenant, change, now_us, cause, Lane.BULK)
        return changed.effect.persons_changed

    def cluster_portions(self, stores: Stores, tenant: str, found: Found) -> Sequence[Mapping[int, int]]:
        """What is to be stored yet of the clusters: of two keys and more, by stable ids; NO_CLUSTER for keys that are
        in none."""
        living = stores.keys.rows(tenant, found.group_of.keys()).keys()
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

        wanted = carry_over(groups, before, new_id)
        differing = sorted(
            key_id for key_id in before.keys() | wanted.keys() if before.get(key_id) != wanted.get(key_id)
        )
        step = self._keys_of_portion
        return [
            {key_id: wanted.get(key_id, NO_CLUSTER) for key_id in differing[start : start + step]}
            for start in range(0, len(differing), step)
        ]

    def store_clusters(self, stores: Stores, tenant: str, portion: Mapping[int, int]) -> None:
        """Keys that were erased meanwhile are left out."""
        stores.tenants.lock(tenant, stores.changes.head().epoch)
        living = stores.keys.rows(tenant, portion.keys()).keys()
        stores.matching.keys.put_clusters(
            tenant,
            {key_id: cluster if key_id in living else NO_CLUSTER for key_id, cluster in portion.items()},
        )

    def finish(self, stores: Stores, tenant: str, run: RunRow, found: Found) -> dict[str, Any]:
        """Tasks for pairs that nobody decided; labels learn the weights of this model. Answers the run's
        outcome but for what was counted on the way. The caller ends the run in the same transaction."""
        stores.tenants.lock(tenant, stores.changes.head().epoch)
        labels = {(label.low, label.high): label for label in stores.matching.tasks.labels(tenant)}
        for pair, weight in found.labelled.items():
            if pair in labels:
                stores.matching.tasks.add_label(
                    tenant, labels[pair]._replace(model_version=run.model_version, weight=weight)
                )
        living = stores.keys.rows(tenant, {key_id for pair in found.review for key_id in pair}).keys()
        asked = [
            TaskRow(0, run.run_id, *pair, weight, found.fields[pair])
            for pair, weight in found.review.items()
            if pair not in labels and set(pair) <= living
        ][:MAX_TASKS]
        stores.matching.tasks.replace(tenant, asked)
        sizes = Counter(Counter(stores.matching.keys.clusters(tenant).values()).values())
        return {
            **found.facts,
            "links": len(stores.probable_links.all(tenant)),
            "tasks": len(asked),
            "clusters": sum(sizes.values()),
            "sizes": dict(sorted(sizes.items())),
        }


def _rows(run: RunRow, links: Mapping[Pair, int]) -> list[ProbableRow]:
    return [
        ProbableRow(*pair, weight, str(run.run_id), str(run.model_version))
        for pair, weight in sorted(links.items())
    ]
