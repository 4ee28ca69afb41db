"""Reads what matching compares: one row per key at which a source stated a name.

Persons as matches made them play no part in it, or a match would feed on the one before: what belongs together already
is what the evidence alone holds together. Who objects to profiling plays no part either: to guess that two records are
one person is profiling.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from identity.app.attribute_sealing import open_statement
from identity.domain.attributes import AttributeDictionary, AttributeStatement, survivors
from identity.domain.evidence import Evidence
from identity.domain.linking import Standing, components
from identity.domain.matching.rows import Profile
from identity.domain.policy import Form, Policy
from identity.domain.verdicts import Verdict, VerdictKind, in_force
from identity.store.linking_rows import Mark
from identity.store.matching.ports import MatchRows
from identity.store.ports import Stores, Vault
from identity.store.rows import KeyRow

COMPARED = ("name", "gender", "birth_date", "address", "province", "city")
KEYS_PER_READ = 8_192
MAX_ROWS = 5_000_000
ReadText = Callable[[bytes], str]
"""The text of an encoded attribute value; dates in ISO form."""
_TRUE = str(True)


@dataclass(frozen=True)
class MatchInput:
    """`key_ids` of the rows, ascending."""

    key_ids: Sequence[int]
    rows: MatchRows


class ReadRows:
    """In one read snapshot, so that rows, groups and verdicts agree."""

    def __init__(self, dictionary: AttributeDictionary, vault: Vault, read_text: ReadText) -> None:
        self._dictionary = dictionary
        self._vault = vault
        self._read_text = read_text

    def __call__(self, stores: Stores, tenant: str, policy: Policy) -> MatchInput:
        """Every key of the tenant with a name, the first 5,000,000 by key id, but for those of groups that object to
        profiling. Raises VaultDamaged, KeyMissing."""
        texts: dict[int, Mapping[str, str]] = {}
        reached: dict[int, tuple[set[str], set[str]]] = {}
        keys: dict[int, KeyRow] = {}
        for statements in self._pages(stores, tenant):
            page = {key_id: self._texts(tenant, key_id, said) for key_id, said in statements.items()}
            rows = stores.keys.rows(tenant, [key_id for key_id, said in page.items() if said.get("name")])
            page = {key_id: page[key_id] for key_id, row in rows.items() if row.person_id}
            texts |= page
            keys |= rows
            reached |= self._reached(stores, tenant, page.keys(), policy)
            if len(texts) >= MAX_ROWS:
                break
        groups = _Groups(stores, tenant, policy, {keys[key_id].person_id for key_id in texts})
        objecting = self._objecting(stores, tenant, groups)
        key_ids = sorted(key_id for key_id in texts if groups.of[key_id] not in objecting)
        row_of = {key_id: row for row, key_id in enumerate(key_ids)}
        seeds: dict[int, list[int]] = defaultdict(list)
        for key_id, row in row_of.items():
            seeds[groups.of[key_id]].append(row)
        profiles = [
            Profile(**texts[key_id], phones=tuple(reached[key_id][0]), emails=tuple(reached[key_id][1]))
            for key_id in key_ids
        ]
        claims = {row_of[key_id]: groups.claims(key_id) for key_id in key_ids}
        return MatchInput(
            key_ids,
            MatchRows(
                profiles,
                [seed for seed in seeds.values() if len(seed) > 1],
                {row: places for row, places in claims.items() if places},
            ),
        )

    def _pages(self, stores: Stores, tenant: str) -> Iterator[Mapping[int, Sequence[AttributeStatement]]]:
        after = 0
        while page := stores.matching.keys.statements(tenant, COMPARED, after, KEYS_PER_READ):
            yield page
            after = max(page)

    def _objecting(self, stores: Stores, tenant: str, groups: "_Groups") -> set[int]:
        """The groups that object to profiling, at whichever of their keys it was said."""
        names = self._dictionary.objections()
        said: dict[int, list[AttributeStatement]] = defaultdict(list)
        for key_id, statements in stores.matching.keys.saying(tenant, names, groups.of.keys()).items():
            said[groups.of[key_id]] += statements
        return {
            group
            for group, statements in said.items()
            if _TRUE in map(self._read_text, survivors(statements, self._dictionary).values())
        }

    def _texts(self, tenant: str, key_id: int, statements: Sequence[AttributeStatement]) -> Mapping[str, str]:
        opened = [open_statement(self._vault, tenant, key_id, statement) for statement in statements]
        return {name: self._read_text(value) for name, value in survivors(opened, self._dictionary).items()}

    def _reached(
        self, stores: Stores, tenant: str, key_ids: Collection[int], policy: Policy
    ) -> dict[int, tuple[set[str], set[str]]]:
        """The phones and e-mails of each key: itself, or seen with it. Shared ones are among them: a family's mailbox
        beside an equal name says something."""
        stars = stores.edges.stars(tenant, key_ids)
        beside = {key_id: {key_id, *_active(stars.get(key_id, {}))} for key_id in key_ids}
        rows = stores.keys.rows(tenant, {other for others in beside.values() for other in others})
        wanted = {
            key_id: row
            for key_id, row in rows.items()
            if row.standing is not Standing.BLOCKED
            and policy.namespaces[row.namespace].form in (Form.PHONE, Form.EMAIL)
        }
        sealed = stores.keys.sealed(tenant, wanted.keys())
        values = {
            key_id: self._vault.open(tenant, sealed[key_id], row.hash) for key_id, row in wanted.items()
        }
        found: dict[int, tuple[set[str], set[str]]] = {}
        for key_id, others in beside.items():
            phones, emails = found.setdefault(key_id, (set(), set()))
            for other in others & wanted.keys():
                form = policy.namespaces[wanted[other].namespace].form
                (phones if form is Form.PHONE else emails).add(values[other])
        return found


class _Groups:
    """What the evidence alone holds together of some persons, with what each group claims."""

    def __init__(self, stores: Stores, tenant: str, policy: Policy, person_ids: Collection[int]) -> None:
        self.of: dict[int, int] = {}
        self._claims: dict[int, dict[tuple[str, str], str]] = defaultdict(dict)
        for start in range(0, len(listed := sorted(person_ids)), KEYS_PER_READ):
            persons = stores.keys.of_persons(tenant, listed[start : start + KEYS_PER_READ])
            self._read(stores, tenant, policy, list(persons.values()))

    def claims(self, key_id: int) -> Mapping[tuple[str, str], str]:
        """What the group of a key claims of its person."""
        return self._claims.get(self.of[key_id], {})

    def _read(self, stores: Stores, tenant: str, policy: Policy, persons: Sequence[Sequence[KeyRow]]) -> None:
        rows = {row.key_id: row for person in persons for row in person}
        human = [key_id for key_id, row in rows.items() if row.marks & Mark.VERDICT]
        verdicts = in_force(stores.operations.standing(tenant, human)) if human else ()
        beside = _held_together(stores, tenant, persons)
        for verdict in verdicts:
            together = verdict.key_ids & rows.keys() if verdict.kind is VerdictKind.MUST else frozenset()
            for key_id in together:
                beside[key_id] = {*beside[key_id], *together}
        for group in components(beside):
            self.of |= dict.fromkeys(group, min(group))
        for key_id, row in rows.items():
            if policy.namespaces[row.namespace].unique:
                self._claims[self.of[key_id]][row.namespace, row.scope] = str(key_id)
        for verdict in verdicts:
            self._keep_apart(verdict)

    def _keep_apart(self, verdict: Verdict) -> None:
        if verdict.kind is not VerdictKind.CANNOT:
            return
        place = ("verdict", str(verdict.operation_id))
        for side, key_ids in enumerate(verdict.sides):
            for key_id in key_ids & self.of.keys():
                self._claims[self.of[key_id]][place] = str(side)


def _held_together(
    stores: Stores, tenant: str, persons: Sequence[Sequence[KeyRow]]
) -> dict[int, Collection[int]]:
    """Each key's neighbours of its own person: all others, but by evidence alone where a match had a part in it."""
    matched = {
        row.key_id for person in persons if any(row.marks & Mark.PROBABLE for row in person) for row in person
    }
    stars = stores.edges.stars(tenant, matched)
    beside: dict[int, Collection[int]] = {}
    for person in persons:
        ids = {row.key_id for row in person}
        for key_id in ids:
            beside[key_id] = ids & set(_active(stars.get(key_id, {}))) if key_id in matched else ids
    return beside


def _active(star: Mapping[int, Evidence]) -> Iterator[int]:
    return (other for other, seen in star.items() if seen.active)
