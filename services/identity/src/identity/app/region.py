"""The part of the graph that a change may alter, read from the store with the change laid over it.

It holds every component (shared keys not crossed) with a changed key, before and after the change, and what humans or
a matching model tie to it. So linking the region equals linking all evidence at once.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from identity.app.keying import EdgeChange
from identity.domain.evidence import Evidence
from identity.domain.groups import LinkKey
from identity.domain.linking import ProbableLink, Standing
from identity.domain.partition import Star, is_live, judge_shared
from identity.domain.policy import Policy
from identity.domain.verdicts import Operation, Verdict, VerdictKind, in_force
from identity.store.linking_rows import Mark
from identity.store.ports import Pair, Stores
from identity.store.rows import KeyRow


@dataclass(frozen=True)
class GraphChange:
    """What changes the graph. `new_keys` and new `edges` are not stored yet; `touched` are stored keys whose linking
    changed for another reason (a verdict, a match, their blocking), which is stored and marked already. `rejudge`: the
    policy changed, so no key's standing can be relied on; `touched` then holds every key that may be concerned."""

    new_keys: Mapping[int, KeyRow] = field(default_factory=dict)
    edges: Mapping[Pair, EdgeChange] = field(default_factory=dict)
    touched: frozenset[int] = frozenset()
    rejudge: bool = False


class Region:
    """Reads while it grows. `rows` has every key that was met, `included` those whose linking is computed again,
    `stars` the live evidence of the included; `shared` those of the included that are shared."""

    def __init__(self, stores: Stores, tenant: str, change: GraphChange, policy: Policy) -> None:
        self._stores = stores
        self._tenant = tenant
        self._policy = policy
        self._rejudge = change.rejudge
        self._new_keys = change.new_keys
        self.rows: dict[int, KeyRow] = dict(change.new_keys)
        self.stars: dict[int, dict[int, Evidence]] = defaultdict(dict)
        self.included: set[int] = set()
        self.shared: set[int] = set()
        self.expanded: set[int] = set()
        self._changes: dict[int, dict[int, Evidence]] = defaultdict(dict)
        for (low, high), edge in change.edges.items():
            self._changes[low][high] = self._changes[high][low] = edge.after
        self._open: dict[int, bool] = {}
        self._operations: dict[int, Operation] = {}
        self.probable: set[ProbableLink] = set()
        self._looked_up: set[int] = set()

    def touched_by(self, change: GraphChange) -> set[int]:
        """The keys whose linking the change may alter."""
        touched = {key_id for key_id, row in change.new_keys.items() if not row.placeholder}
        touched |= change.touched
        doubtful: list[Pair] = []
        for pair, edge in change.edges.items():
            if edge.before is None or edge.before.active != edge.after.active:
                touched.update(pair)
            elif self._policy.timed or (
                self._policy.verified_only and edge.before.verified != edge.after.verified
            ):
                doubtful.append(pair)
        if doubtful:
            self._know({key_id for pair in doubtful for key_id in pair})
            watched = self._policy.timed | self._policy.verified_only
            for pair in doubtful:
                if any(self.rows[key_id].namespace in watched for key_id in pair):
                    touched.update(pair)
        return touched

    def grow(self, touched: Collection[int], loosened: Collection[int]) -> None:
        """Reads everything that the touched keys may reach. `loosened` are those that lost evidence, so that a shared
        one may be shared no more."""
        seeds, beside = set(touched), set[int]()
        while seeds or beside:
            met = seeds | beside
            self._know(met)
            self._judge(met, touched, loosened)
            reached = seeds | {key_id for key_id in beside if self._open[key_id]}
            self.included |= reached
            self._expand(key_id for key_id in reached if self._open[key_id])
            closed = {key_id for key_id in reached & self.expanded if not self._open[key_id]}
            crossed = {key_id for key_id in reached if self._open[key_id]}
            beside = {other for key_id in crossed for other in self.stars[key_id]} - self.included
            seeds = self._tied(reached) - self.included
            seeds |= {
                other
                for key_id in closed
                if self.rows[key_id].standing is not Standing.SHARED
                for other in self.stars[key_id]
            } - self.included
            beside -= seeds
        self.shared = {key_id for key_id in self.included if not self._open[key_id]}
        for key_id in self.included - self.expanded:
            self.stars[key_id] = self._live(
                key_id,
                {other: seen for other, seen in self._changes[key_id].items() if other in self.included},
            )
        for key_id in self.included & self.expanded:
            for other, seen in self.stars[key_id].items():
                if other in self.included and other not in self.expanded:
                    self.stars[other][key_id] = seen

    def keys(self) -> dict[int, LinkKey]:
        """The included keys as linking takes them."""
        rows = self.rows
        return {key_id: rows[key_id].link_key() for key_id in self.included}

    def verdicts(self) -> tuple[Verdict, ...]:
        """What humans decided about the included keys."""
        return in_force(self._operations.values()) if self._operations else ()

    def _know(self, key_ids: Iterable[int]) -> None:
        unknown = [key_id for key_id in key_ids if key_id not in self.rows]
        if unknown:
            self.rows.update(self._stores.keys.rows(self._tenant, unknown))

    def _judge(self, key_ids: set[int], touched: Collection[int], loosened: Collection[int]) -> None:
        """Finds out which keys are shared: from their stars where that may have changed, else as it is stored."""
        namespaces = self._policy.namespaces
        suspects: list[int] = []
        for key_id in key_ids:
            if key_id in self._open:
                continue
            row = self.rows[key_id]
            declared = namespaces[row.namespace]
            is_shared = row.standing is Standing.SHARED
            self._open[key_id] = not is_shared
            if declared.unique:
                self._open[key_id] = True
            elif self._rejudge or (
                key_id in touched
                and (not is_shared or key_id in loosened or declared.validity_days or declared.verified_only)
            ):
                suspects.append(key_id)
        if suspects:
            self._expand(suspects)
            for key_id in suspects:
                key = self.rows[key_id].link_key()
                self._open[key_id] = not judge_shared(
                    key, self.stars[key_id], _LinkKeys(self.rows), self._policy
                )

    def _expand(self, key_ids: Iterable[int]) -> None:
        """Reads the stars of keys and the rows of what is in them."""
        unread = [key_id for key_id in key_ids if key_id not in self.expanded]
        if not unread:
            return
        self.expanded.update(unread)
        stored = self._stores.edges.stars(
            self._tenant, [key_id for key_id in unread if key_id not in self._new_keys]
        )
        nothing: Star = {}
        stars = {
            key_id: {**stored.get(key_id, nothing), **self._changes.get(key_id, nothing)} for key_id in unread
        }
        self._know({other for star in stars.values() for other in star})
        for key_id, star in stars.items():
            self.stars[key_id] = self._live(key_id, star)

    def _live(self, key_id: int, star: dict[int, Evidence]) -> dict[int, Evidence]:
        if not self._policy.verified_only:
            return {other: seen for other, seen in star.items() if seen.last_us > seen.unbound_us}
        key = self.rows[key_id].link_key()
        return {
            other: seen
            for other, seen in star.items()
            if is_live(seen, key, self.rows[other].link_key(), self._policy)
        }

    def _tied(self, key_ids: Iterable[int]) -> set[int]:
        """What humans and matches tie to keys, looked up where a key is marked."""
        marked = [
            key_id
            for key_id in key_ids
            if self.rows[key_id].marks & (Mark.VERDICT | Mark.PROBABLE) and key_id not in self._looked_up
        ]
        if not marked:
            return set()
        self._looked_up.update(marked)
        tied: set[int] = set()
        for operation in self._stores.operations.standing(self._tenant, marked):
            self._operations[operation.operation_id] = operation
            verdict = operation.verdict
            if verdict is not None and verdict.kind is VerdictKind.MUST:
                tied |= verdict.key_ids
        for pair in self._stores.probable_links.of_keys(self._tenant, marked):
            self.probable.add(pair)
            tied.update((pair.low, pair.high))
        return tied & self._stores.keys.rows(self._tenant, tied).keys()


class _LinkKeys(Mapping[int, LinkKey]):
    """Rows seen as link keys, made when asked for."""

    def __init__(self, rows: Mapping[int, KeyRow]) -> None:
        self._rows = rows

    def __getitem__(self, key_id: int) -> LinkKey:
        return self._rows[key_id].link_key()

    def __iter__(self) -> Iterator[int]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)
