"""Links all evidence of a tenant at once, over columns: what `partition` answers, tens of millions of pairs in seconds.

Most people are simple: their connected component breaks no rule, and then it is the person. Components are found over
arrays; only those that might break a rule, or of which a human or a model speaks, go through `link` one by one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from identity.domain.evidence import DAY_US, expired
from identity.domain.full_columns import Flags, Ints, KeyColumns, PairColumns, Positions
from identity.domain.groups import Reason
from identity.domain.linking import Conflict, Linking, ProbableLink, Standing, link
from identity.domain.policy import Policy
from identity.domain.verdicts import Verdict, VerdictKind


class FullLinking(NamedTuple):
    """`group` has, for each key, the position of the smallest key of its group; `standing` the number of each key's
    Standing; `quarantined` are the keys of too large components, whatever they stand as; `conflicts` are in order."""

    group: Positions
    standing: npt.NDArray[np.int8]
    quarantined: Flags
    conflicts: tuple[Conflict, ...]


def link_all(
    keys: KeyColumns,
    pairs: PairColumns,
    policy: Policy,
    verdicts: Sequence[Verdict] = (),
    probable: Sequence[ProbableLink] = (),
) -> FullLinking:
    """Equals `partition` over the same evidence; verdicts are in force and in order."""
    return _FullLinker(keys, pairs, policy, verdicts, probable).run()


class _Rules:
    """The policy by numbers: of each key's place and namespace."""

    def __init__(self, keys: KeyColumns, policy: Policy) -> None:
        names = list(policy.namespaces)
        number = {name: index for index, name in enumerate(names)}
        declared = [policy.namespaces[name] for name in names]
        self.namespace_of_place = np.array([number[name] for name, _ in keys.places], dtype=np.int8)
        self.unique = np.array([each.unique for each in declared], dtype=bool)
        self.verified_only = np.array([each.verified_only for each in declared], dtype=bool)
        self.validity_days = np.array(
            [0 if each.unique else each.validity_days for each in declared], dtype=np.int64
        )
        self.held = np.array(
            [0 if each.person_limit is None else each.person_limit.count for each in declared], dtype=np.int64
        )
        self.limits = np.full(len(names) ** 2, -1, dtype=np.int32)
        """How many values of the second namespace a key of the first may be seen with, by `combined`; -1 is any."""
        for judged, by in np.ndindex(len(names), len(names)):
            limit = declared[by].limit_for(declared[judged])
            if limit is not None and not declared[judged].unique:
                self.limits[judged * len(names) + by] = limit
        self._namespaces = len(names)

    def combined(self, one: npt.NDArray[np.int8], other: npt.NDArray[np.int8]) -> npt.NDArray[np.int16]:
        """Two namespaces as one number."""
        both: npt.NDArray[np.int16] = one.astype(np.int16)
        both *= np.int16(self._namespaces)
        both += other
        return both


class _Judged(NamedTuple):
    """Pairs by which a key may turn out shared: the key, what it was seen with, and how many of those it may be."""

    key: Positions
    by: Positions
    limit: npt.NDArray[np.int32]


class _FullLinker:
    """One run. Arrays are by position of a key or of a live pair."""

    def __init__(
        self,
        keys: KeyColumns,
        pairs: PairColumns,
        policy: Policy,
        verdicts: Sequence[Verdict],
        probable: Sequence[ProbableLink],
    ) -> None:
        self._keys = keys
        self._policy = policy
        self._rules = _Rules(keys, policy)
        self._namespace = self._rules.namespace_of_place[keys.place_of]
        self._pairs = pairs.where(self._live(pairs))
        self._verdicts = verdicts
        self._probable = probable

    def run(self) -> FullLinking:
        earlier = list(self._earlier_holders())
        dead = np.zeros(len(self._pairs.low), dtype=bool)
        dead[[index for index, _ in earlier]] = True
        self._shared = self._find_shared(earlier)
        self._counting = self._pairs if not earlier else self._pairs.where(~dead)
        bridged = self._bridged(self._pairs)
        self._quarantined: Flags = np.bincount(bridged)[bridged] > self._policy.max_component_keys
        labels = self._with_ties(self._bridged(self._counting) if earlier else bridged)
        group = _smallest_of_each(labels)
        standing = np.where(self._shared, np.int8(Standing.SHARED), np.int8(Standing.LINKING))
        told = self._link_one_by_one(labels, group, standing)
        conflicts = told | self._shared_conflicts(group, told) | self._expired_conflicts(group, earlier)
        return FullLinking(group, standing, self._quarantined, tuple(sorted(conflicts)))

    def _live(self, pairs: PairColumns) -> Flags:
        live: Flags = pairs.last_us > pairs.unbound_us
        demanding = self._rules.verified_only
        if demanding.any():
            for bit, ends in ((1, pairs.low), (2, pairs.high)):
                live &= (pairs.verified & bit != 0) | ~demanding[self._namespace[ends]]
        return live

    def _earlier_holders(self) -> Iterator[tuple[int, int]]:
        """Pairs that count no more: each with the key, one of its two, that had another holder then."""
        validity = self._rules.validity_days[self._namespace] * DAY_US
        if not validity.any():
            return
        pairs = self._pairs
        latest_start = np.full(len(validity), np.iinfo(np.int64).min)
        earliest_end = np.full(len(validity), np.iinfo(np.int64).max)
        for ends in (pairs.low, pairs.high):
            np.maximum.at(latest_start, ends, pairs.first_us)
            np.minimum.at(earliest_end, ends, pairs.last_us)
        seen = earliest_end <= latest_start
        silent = (validity > 0) & seen
        silent[silent] = latest_start[silent] - earliest_end[silent] >= validity[silent]
        for position, star in self._stars(silent):
            days = int(self._rules.validity_days[self._namespace[position]])
            evidence = {other: pairs.evidence(index) for other, index in star.items()}
            by_id = {int(self._keys.key_ids[other]): other for other in evidence}
            for key_id in expired({key_id: evidence[by_id[key_id]] for key_id in by_id}, days):
                yield star[by_id[key_id]], position

    def _stars(self, chosen: Flags) -> Iterator[tuple[int, dict[int, int]]]:
        """The live pairs of chosen keys: by the other key, the pair."""
        stars: dict[int, dict[int, int]] = defaultdict(dict)
        for one, other in ((self._pairs.low, self._pairs.high), (self._pairs.high, self._pairs.low)):
            found = np.flatnonzero(chosen[one])
            for key, beside, index in zip(
                one[found].tolist(), other[found].tolist(), found.tolist(), strict=True
            ):
                stars[key][beside] = index
        yield from stars.items()

    def _find_shared(self, earlier: Sequence[tuple[int, int]]) -> Flags:
        """Keys seen with more values of one place than the policy's limit; earlier holders of a key do not count."""
        shared = np.zeros(len(self._keys.key_ids), dtype=bool)
        low, high = self._pairs.low, self._pairs.high
        of_low, of_high = self._namespace[low], self._namespace[high]
        ways: list[_Judged] = []
        for judged, by, combined in (
            (low, high, self._rules.combined(of_low, of_high)),
            (high, low, self._rules.combined(of_high, of_low)),
        ):
            counts = (self._rules.limits >= 0)[combined]
            for index, holder in earlier:
                if judged[index] == holder:
                    counts[index] = False
            counted = np.flatnonzero(counts)
            limit = self._rules.limits[combined[counted]]
            ways.append(_Judged(judged[counted], by[counted], limit))
        seen: Ints = np.bincount(ways[0].key, minlength=len(shared))
        seen += np.bincount(ways[1].key, minlength=len(shared))
        crowded = [self._crowded(way, seen) for way in ways]
        code, limit = (np.concatenate(found) for found in zip(*crowded, strict=True))
        order = np.argsort(code, kind="stable")
        code, limit = code[order], limit[order]
        starts = np.flatnonzero(np.concatenate([[True], code[1:] != code[:-1]])) if len(code) else code
        totals = np.diff(np.append(starts, len(code)))
        shared[code[starts[totals > limit[starts]]] // len(self._keys.places)] = True
        return shared

    def _crowded(self, way: "_Judged", seen: Ints) -> tuple[Ints, npt.NDArray[np.int32]]:
        """Of the pairs of keys that are in more pairs than a limit: the key and the place beside it as one number, and
        the limit."""
        chosen = np.flatnonzero(seen[way.key] > way.limit)
        key, by = way.key[chosen], way.by[chosen]
        place_of = self._keys.place_of
        apart = place_of[key] != place_of[by]
        code = key[apart].astype(np.int64) * len(self._keys.places) + place_of[by[apart]]
        return code, way.limit[chosen][apart]

    def _bridged(self, pairs: PairColumns) -> Positions:
        """The components that hang together by pairs without a shared key, by number."""
        bridging = ~(self._shared[pairs.low] | self._shared[pairs.high])
        return self._components(pairs.low[bridging], pairs.high[bridging])

    def _with_ties(self, labels: Positions) -> Positions:
        """The components joined by what humans and models want together."""
        tied = np.array(list(self._tied()), dtype=np.int32).reshape(-1, 2)
        if not len(tied):
            return labels
        joined = _components(int(labels.max()) + 1, labels[tied[:, 0]], labels[tied[:, 1]])
        together: Positions = joined[labels]
        return together

    def _components(self, low: Positions, high: Positions) -> Positions:
        return _components(len(self._keys.key_ids), low, high)

    def _tied(self) -> Iterator[tuple[int, int]]:
        """Pairs that humans and models want together."""
        for verdict in self._verdicts:
            if verdict.kind is VerdictKind.MUST:
                found = self._positions(verdict.key_ids)
                yield from ((found[0], other) for other in found[1:])
        for pair in self._probable:
            found = self._positions((pair.low, pair.high))
            if len(found) == 2:
                yield found[0], found[1]

    def _positions(self, key_ids: Iterable[int]) -> list[int]:
        """Where known keys are; unknown ones are left out."""
        known = self._keys.key_ids
        wanted = np.array(sorted(key_ids), dtype=np.int64)
        at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        return [int(position) for position in at[known[at] == wanted]]

    def _must_be_looked_at(self, labels: Positions) -> Flags:
        """Components in which linking might refuse something."""
        hard: Flags = np.bincount(labels) > self._policy.max_person_keys
        hard[labels[self._keys.blocked | self._quarantined]] = True
        for verdict in self._verdicts:
            hard[labels[self._positions(verdict.key_ids)]] = True
        for pair in self._probable:
            hard[labels[self._positions((pair.low, pair.high))]] = True
        unique = self._rules.unique[self._namespace]
        hard[self._with_more_than(labels, unique, np.ones(len(labels), dtype=np.int64))] = True
        held = self._rules.held[self._namespace]
        hard[self._with_more_than(labels, held > 0, held)] = True
        return hard

    def _with_more_than(self, labels: Positions, chosen: Flags, limit: Ints) -> Ints:
        """Components with more chosen keys of one place than the limit of its keys."""
        places = len(self._keys.places)
        several = np.bincount(labels[chosen], minlength=len(labels)) > 1
        at = np.flatnonzero(chosen)
        at = at[several[labels[at]] | (limit[at] < 1)]
        code = labels[at].astype(np.int64) * places + self._keys.place_of[at]
        found, first, counts = np.unique(code, return_index=True, return_counts=True)
        result: Ints = found[counts > limit[at][first]] // places
        return result

    def _link_one_by_one(
        self, labels: Positions, group: Positions, standing: npt.NDArray[np.int8]
    ) -> set[Conflict]:
        """Links the components that need it, writes their groups and standing, and answers their conflicts."""
        hard = self._must_be_looked_at(labels)
        members: dict[int, list[int]] = defaultdict(list)
        for position in np.flatnonzero(hard[labels]).tolist():
            members[int(labels[position])].append(position)
        beside = self._neighbours(hard[labels], labels)
        last_us = self._last_seen() if self._rules.held.any() else None
        conflicts: set[Conflict] = set()
        for positions in members.values():
            conflicts.update(self._link_component(positions, beside, last_us, group, standing).conflicts)
        return conflicts

    def _link_component(
        self,
        positions: Sequence[int],
        beside: dict[int, list[int]],
        last_us: Ints | None,
        group: Positions,
        standing: npt.NDArray[np.int8],
    ) -> Linking:
        key_ids = self._keys.key_ids
        keys = {
            int(key_ids[at]): self._keys.link_key(at, 0 if last_us is None else int(last_us[at]))
            for at in positions
        }
        linked = link(
            keys,
            {int(key_ids[at]): [int(key_ids[other]) for other in beside[at]] for at in positions},
            {int(key_ids[at]) for at in positions if self._shared[at]},
            self._policy,
            [verdict for verdict in self._verdicts if verdict.key_ids & keys.keys()],
            [pair for pair in self._probable if pair.low in keys],
            {int(key_ids[at]) for at in positions if self._quarantined[at]},
        )
        where = {int(key_ids[at]): at for at in positions}
        for members in linked.groups:
            group[[where[key_id] for key_id in members]] = where[min(members)]
        for key_id, stands in linked.standing.items():
            standing[where[key_id]] = stands
        return linked

    def _neighbours(self, hard: Flags, labels: Positions) -> dict[int, list[int]]:
        """The counting pairs of the chosen keys, each by its keys; of a shared key only those of its component."""
        beside: dict[int, list[int]] = defaultdict(list)
        pairs = self._counting
        for one, other in ((pairs.low, pairs.high), (pairs.high, pairs.low)):
            found = np.flatnonzero(hard[one])
            keys, others = one[found], other[found]
            wanted = ~self._shared[keys] | (labels[keys] == labels[others])
            for key, another in zip(keys[wanted].tolist(), others[wanted].tolist(), strict=True):
                beside[key].append(another)
        return beside

    def _last_seen(self) -> Ints:
        last_us = np.zeros(len(self._keys.key_ids), dtype=np.int64)
        for ends in (self._pairs.low, self._pairs.high):
            np.maximum.at(last_us, ends, self._pairs.last_us)
        return last_us

    def _shared_conflicts(self, group: Positions, told: set[Conflict]) -> set[Conflict]:
        """Of every shared key with what it was seen with, unless another reason was told of the two."""
        others = {conflict[:2] for conflict in told if conflict.reason is not Reason.SHARED}
        pairs, key_ids = self._counting, self._keys.key_ids
        found: set[Conflict] = set()
        for one, other in ((pairs.low, pairs.high), (pairs.high, pairs.low)):
            chosen = np.flatnonzero(self._shared[one])
            chosen = chosen[group[one[chosen]] != group[other[chosen]]]
            listed = zip(key_ids[one[chosen]].tolist(), key_ids[other[chosen]].tolist(), strict=True)
            found.update(Conflict(*pair, Reason.SHARED) for pair in listed if pair not in others)
        return found

    def _expired_conflicts(self, group: Positions, earlier: Sequence[tuple[int, int]]) -> set[Conflict]:
        found: set[Conflict] = set()
        for index, position in earlier:
            low, high = int(self._pairs.low[index]), int(self._pairs.high[index])
            other = high if position == low else low
            if group[low] != group[high]:
                ids = self._keys.key_ids
                found.add(Conflict(int(ids[position]), int(ids[other]), Reason.EXPIRED))
        return found


def _components(count: int, low: Positions, high: Positions) -> Positions:
    """The number of the connected component of each of `count` nodes."""
    from scipy.sparse import coo_array, csr_array
    from scipy.sparse.csgraph import connected_components

    weights = np.ones(len(low))
    if (low[:-1] <= low[1:]).all():
        starts = np.zeros(count + 1, dtype=np.int32)
        np.cumsum(np.bincount(low, minlength=count), out=starts[1:])
        graph = csr_array((weights, high, starts), shape=(count, count))
    else:
        graph = coo_array((weights, (low, high)), shape=(count, count)).tocsr()
    labels: Positions = connected_components(graph, directed=False)[1]
    return labels


def _smallest_of_each(labels: Positions) -> Positions:
    """For each key the smallest position with its label."""
    smallest = np.empty(int(labels.max(initial=-1)) + 1, dtype=np.int32)
    smallest[labels[::-1]] = np.arange(len(labels) - 1, -1, -1, dtype=np.int32)
    found: Positions = smallest[labels]
    return found
