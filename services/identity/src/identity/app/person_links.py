"""Why the identifiers of one person are one person's: every link that linking could use, with what it rests on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from identity.app.key_refs import ShownKey
from identity.domain.evidence import Evidence
from identity.domain.groups import LinkKey
from identity.domain.linking import ProbableLink, Standing
from identity.domain.partition import find_links, is_live
from identity.domain.policy import Policy
from identity.domain.verdicts import VerdictKind, in_force
from identity.store.linking_rows import Mark, OperationRow, ProbableRow
from identity.store.ports import Pair, Stores
from identity.store.rows import KeyRow


class LinkRule(IntEnum):
    """The rules of linking, strongest first; the numbers are those of huaxiang.identity.v1.LinkRule."""

    HUMAN = 1
    UNIQUE = 2
    JOINED = 3
    PROBABLE = 4


@dataclass(frozen=True, slots=True)
class Grounded:
    """A link between two keys and its ground: evidence, an operation, or a model's finding."""

    pair: Pair
    rule: LinkRule
    ground: Evidence | OperationRow | ProbableRow


@dataclass(frozen=True, slots=True)
class ShownLink:
    """A link in the direction of its chain."""

    key: ShownKey
    other: ShownKey
    grounded: Grounded


class PersonLinks:
    """Reads the links of a person; the strongest of each pair stands for the pair."""

    def __init__(self, stores: Stores, tenant: str, keys: Sequence[KeyRow], policy: Policy) -> None:
        self._stores = stores
        self._tenant = tenant
        self._policy = policy
        self._keys = {key.key_id: key for key in keys}
        self._linking = {key.key_id for key in keys if key.standing is Standing.LINKING}
        self._rules: dict[Pair, LinkRule] = {}
        self._operations: dict[Pair, int] = {}
        self._read_findings()
        self._read_evidence()
        self._read_decisions()

    @property
    def weights(self) -> Mapping[int, Mapping[int, int]]:
        """How weak each link is, as chains are found by."""
        found: dict[int, dict[int, int]] = {}
        for (low, high), rule in self._rules.items():
            found.setdefault(low, {})[high] = int(rule)
            found.setdefault(high, {})[low] = int(rule)
        return found

    def ground(self, pairs: Iterable[Pair]) -> Sequence[Grounded]:
        """What links rest on, in the order asked; the keys of a pair in any order."""
        asked = [(min(pair), max(pair)) for pair in pairs]
        seen = self._stores.edges.between(
            self._tenant,
            [pair for pair in asked if self._rules[pair] in (LinkRule.UNIQUE, LinkRule.JOINED)],
        )
        return [Grounded(pair, self._rules[pair], self._ground(pair, seen)) for pair in asked]

    def _ground(self, pair: Pair, seen: Mapping[Pair, Evidence]) -> Evidence | OperationRow | ProbableRow:
        found: OperationRow | ProbableRow | None
        if pair in seen:
            return seen[pair]
        if pair in self._operations:
            found = self._stores.operations.get(self._tenant, self._operations[pair])
        else:
            found = self._stores.probable_links.between(self._tenant, pair)
        if found is None:
            raise LookupError("what a link rests on has left the store within a snapshot")
        return found

    def _read_findings(self) -> None:
        marked = [key_id for key_id in self._linking if self._keys[key_id].marks & Mark.PROBABLE]
        if not marked:
            return
        pairs: Sequence[ProbableLink] = self._stores.probable_links.of_keys(self._tenant, marked)
        for pair in pairs:
            if pair.low in self._linking and pair.high in self._linking:
                self._rules[pair.low, pair.high] = LinkRule.PROBABLE

    def _read_evidence(self) -> None:
        stars = self._stores.edges.stars(self._tenant, self._linking)
        link_keys = self._link_keys({other for star in stars.values() for other in star})
        live = {
            key_id: {
                other: seen
                for other, seen in star.items()
                if is_live(seen, link_keys[key_id], link_keys[other], self._policy)
            }
            for key_id, star in stars.items()
        }
        namespaces = self._policy.namespaces
        for key_id, others in find_links(link_keys, live, self._policy).neighbours.items():
            for other in others:
                if key_id < other and other in self._linking:
                    unique = all(namespaces[self._keys[each].namespace].unique for each in (key_id, other))
                    self._rules[key_id, other] = LinkRule.UNIQUE if unique else LinkRule.JOINED

    def _link_keys(self, neighbours: set[int]) -> dict[int, LinkKey]:
        beside = self._stores.keys.rows(self._tenant, neighbours - self._keys.keys())
        return {key_id: row.link_key() for key_id, row in (dict(beside) | self._keys).items()}

    def _read_decisions(self) -> None:
        marked = [key_id for key_id, key in self._keys.items() if key.marks & Mark.VERDICT]
        if not marked:
            return
        for verdict in in_force(self._stores.operations.standing(self._tenant, marked)):
            if verdict.kind is VerdictKind.MUST:
                known = sorted(
                    verdict.key_ids & self._keys.keys(), key=lambda key_id: self._keys[key_id].hash
                )
                for other in known[1:]:
                    pair = (min(known[0], other), max(known[0], other))
                    if pair not in self._operations:
                        self._rules[pair] = LinkRule.HUMAN
                        self._operations[pair] = verdict.operation_id


def show_links(
    shown: Mapping[int, ShownKey], pairs: Sequence[tuple[int, int]], links: PersonLinks
) -> tuple[ShownLink, ...]:
    """Links from the first key of each pair to the second, in the order given."""
    return tuple(
        ShownLink(shown[one], shown[other], grounded)
        for (one, other), grounded in zip(pairs, links.ground(pairs), strict=True)
    )
