"""The part of the graph that a change may alter, read from the store with the change laid over it.

It holds every component (shared keys not crossed) with a changed key, before and after the change, and what humans or
a matching model tie to it. So linking the region equals linking all evidence at once.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
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
    `stars` the live evidence of the included and of the border, `whole` those of them whose star is complete;
    `shared` those of the included that are shared.

    A quarantined component is not read again while it can only grow: what touches it is quarantined with it, and
    `border` has its keys beside what is included, whose own linking stays. It is read again when a pair of it was
    parted, a key of it became shared or was erased, or a human's decision is met in it.
    """

    def __init__(self, stores: Stores, tenant: str, change: GraphChange, policy: Policy) -> None:
        self._stores = stores
        self._tenant = tenant
        self._policy = policy
        self._rejudge = change.rejudge
        self._new_keys = change.new_keys
        self.rows: dict[int, KeyRow] = dict(change.new_keys)
        self._link_keys = _LinkKeys(self.rows)
        self.stars: dict[int, dict[int, Evidence]] = defaultdict(dict)
        self.included: set[int] = set()
        self.border: set[int] = set()
        self.shared: set[int] = set()
        self.whole: set[int] = set()
        self._expanded: set[int] = set()
        self._changes: dict[int, dict[int, Evidence]] = defaultdict(dict)
        for (low, high), edge in change.edges.items():
            self._changes[low][high] = self._changes[high][low] = edge.after
        self._open: dict[int, bool] = {}
        self._awake = False
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
        self._judge(touched, touched, loosened)
        self._awake = self._rejudge or any(self._may_free(key_id, loosened) for key_id in touched)
        if not self._spread(touched):
            self._awake = True
            self._spread(touched)
        self.shared = {key_id for key_id in self.included if not self._open[key_id]}
        self._complete_stars()

    def keys(self) -> dict[int, LinkKey]:
        """The included keys and those of the border as linking takes them."""
        return {key_id: self._link_keys[key_id] for key_id in self.included | self.border}

    def known_quarantined(self) -> frozenset[int]:
        """The keys that are quarantined whatever else was read."""
        return frozenset(key_id for key_id in self.included | self.border if self._rests(key_id))

    def verdicts(self) -> tuple[Verdict, ...]:
        """What humans decided about the included keys."""
        return in_force(self._operations.values()) if self._operations else ()

    def _spread(self, touched: Collection[int]) -> bool:
        """Finds what is included and its border; False when a human's decision is met in what is quarantined."""
        self.included, self.border, self._looked_up = set(), set(), set()
        stirred = {key_id for key_id in touched if self._unique_beside(key_id, self._changes[key_id])}
        seeds, beside = set(touched), set[int]()
        while seeds or beside:
            met = seeds | beside
            self._judge(met)
            resting = {key_id for key_id in met if self._rests(key_id)}
            self.border |= resting - stirred
            reached = (seeds | {key_id for key_id in beside if self._open[key_id]}) - (resting - stirred)
            self.included |= reached
            tied = self._tied(reached)
            self._know(tied)
            if any(
                self._rests(key_id) and self.rows[key_id].marks & Mark.VERDICT for key_id in reached | tied
            ):
                return False
            crossed = {key_id for key_id in reached - resting if self._open[key_id]}
            self._expand(crossed)
            self._expand_among_unique(reached & resting)
            beside = {other for key_id in crossed for other in self.stars[key_id]}
            seeds = tied | self._beside_newly_shared(reached)
            for key_id in reached:
                together = self._unique_beside(key_id, self.stars[key_id])
                stirred |= together
                seeds |= together
            self.border -= stirred
            seeds -= self.included | self.border
            beside -= self.included | self.border | seeds
        return True

    def _may_free(self, key_id: int, loosened: Collection[int]) -> bool:
        """Whether a quarantined component may have become smaller at a touched key, or cannot be told without reading
        it."""
        row = self.rows[key_id]
        if row.standing is Standing.SHARED or not row.marks & Mark.QUARANTINED:
            return False
        decided = bool(row.marks & Mark.VERDICT) and row.namespace in self._policy.timed
        return key_id in loosened or not self._open[key_id] or decided

    def _rests(self, key_id: int) -> bool:
        """Whether a key is of a quarantined component that is not read again."""
        row = self.rows[key_id]
        return bool(not self._awake and row.marks & Mark.QUARANTINED and row.standing is not Standing.SHARED)

    def _unique_beside(self, key_id: int, star: Iterable[int]) -> set[int]:
        """The keys of unique namespaces beside a key of one: what links even in quarantine."""
        namespaces = self._policy.namespaces
        if not namespaces[self.rows[key_id].namespace].unique:
            return set()
        others = list(star)
        self._know(others)
        return {other for other in others if namespaces[self.rows[other].namespace].unique}

    def _beside_newly_shared(self, reached: Iterable[int]) -> set[int]:
        """What a key may have held together that is shared now."""
        return {
            other
            for key_id in reached
            if key_id in self._expanded
            and not self._open[key_id]
            and self.rows[key_id].standing is not Standing.SHARED
            for other in self.stars[key_id]
        }

    def _complete_stars(self) -> None:
        """Gives keys whose star is not complete what is known of it among the keys at hand."""
        for key_id in [key_id for key_id in self.border & self._expanded if self._outlives(key_id)]:
            self._judge(self.stars[key_id])
            self.whole.add(key_id)
            self.border |= {
                other for other in self.stars[key_id] if self._open[other] and other not in self.included
            }
        self.whole |= {key_id for key_id in self.included & self._expanded if not self._rests(key_id)}
        present = self.included | self.border
        partial = present - self.whole
        for key_id in partial:
            among = self.stars.get(key_id, {}) if key_id in self.included else {}
            seen = {**among, **self._changes.get(key_id, {})}
            self.stars[key_id] = self._live(key_id, {o: s for o, s in seen.items() if o in present})
        for key_id in present & self.whole:
            for other in partial.intersection(self.stars[key_id]):
                self.stars[other][key_id] = self.stars[key_id][other]

    def _outlives(self, key_id: int) -> bool:
        """Whether the key may have had an earlier holder, which its whole star tells."""
        return bool(self._policy.namespaces[self.rows[key_id].namespace].validity_days)

    def _know(self, key_ids: Iterable[int]) -> None:
        unknown = [key_id for key_id in key_ids if key_id not in self.rows]
        if unknown:
            self.rows.update(self._stores.keys.rows(self._tenant, unknown))

    def _judge(
        self, key_ids: Collection[int], touched: Collection[int] = (), loosened: Collection[int] = ()
    ) -> None:
        """Finds out which keys are shared: from their stars where that may have changed, else as it is stored."""
        self._know(key_ids)
        suspects: list[int] = []
        for key_id in key_ids:
            if key_id in self._open:
                continue
            row = self.rows[key_id]
            declared = self._policy.namespaces[row.namespace]
            self._open[key_id] = declared.unique or row.standing is not Standing.SHARED
            if not declared.unique and (
                self._rejudge or (key_id in touched and self._is_doubtful(row, key_id in loosened))
            ):
                suspects.append(key_id)
        if suspects:
            self._expand(suspects)
            for key_id in suspects:
                key = self._link_keys[key_id]
                self._open[key_id] = not judge_shared(key, self.stars[key_id], self._link_keys, self._policy)

    def _is_doubtful(self, row: KeyRow, loosened: bool) -> bool:
        """Whether the change may have made a key shared, or a shared one not: without reading its star, which may be
        large."""
        declared = self._policy.namespaces[row.namespace]
        if loosened or declared.validity_days:
            return True
        if row.standing is Standing.SHARED:
            return declared.verified_only
        if not row.marks & Mark.QUARANTINED:
            return True
        others = self._changes.get(row.key_id, {})
        self._know(others)
        namespaces = self._policy.namespaces
        return any(namespaces[self.rows[other].namespace].limit_for(declared) is not None for other in others)

    def _expand(self, key_ids: Iterable[int]) -> None:
        """Reads the stars of keys and the rows of what is in them."""
        unread = [key_id for key_id in key_ids if key_id not in self._expanded]
        if not unread:
            return
        self._expanded.update(unread)
        for key_id, star in self._read_stars(unread).items():
            self.stars[key_id] = self._live(key_id, star)

    def _expand_among_unique(self, key_ids: Iterable[int]) -> None:
        """Reads which keys of unique namespaces are beside quarantined ones."""
        unread = [key_id for key_id in key_ids if key_id not in self._expanded]
        for key_id, star in self._read_stars(unread).items() if unread else ():
            together = self._unique_beside(key_id, star)
            self.stars[key_id] = self._live(key_id, {other: star[other] for other in together})

    def _read_stars(self, unread: Collection[int]) -> dict[int, dict[int, Evidence]]:
        stored = self._stores.edges.stars(
            self._tenant, [key_id for key_id in unread if key_id not in self._new_keys]
        )
        nothing: Star = {}
        stars = {
            key_id: {**stored.get(key_id, nothing), **self._changes.get(key_id, nothing)} for key_id in unread
        }
        self._know({other for star in stars.values() for other in star})
        return stars

    def _live(self, key_id: int, star: dict[int, Evidence]) -> dict[int, Evidence]:
        if not self._policy.verified_only:
            return {other: seen for other, seen in star.items() if seen.last_us > seen.unbound_us}
        key = self._link_keys[key_id]
        return {
            other: seen
            for other, seen in star.items()
            if is_live(seen, key, self._link_keys[other], self._policy)
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


class _LinkKeys(dict[int, LinkKey]):
    """Rows seen as link keys, made when first asked for."""

    def __init__(self, rows: Mapping[int, KeyRow]) -> None:
        super().__init__()
        self._rows = rows

    def __missing__(self, key_id: int) -> LinkKey:
        self[key_id] = made = self._rows[key_id].link_key()
        return made
