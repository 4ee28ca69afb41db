"""Synthetic Chinese customers of three sources: records, truth, and what deterministic identifiers link already."""

import csv
import gzip
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import combinations
from pathlib import Path

from identity.domain.groups import LinkKey
from identity.domain.linking import ProbableLink, is_shared, link
from identity.domain.matching.clustering import ScoredPair
from identity.domain.matching.rows import Profile
from identity.domain.normalise import Normaliser, NormalValue
from identity.domain.policy import Policy
from identity.standards.load import load_standards

FOLDER = Path(__file__).parents[2] / "shared/data/identity"
_ACCOUNT = {"shop": "taobao_id", "crm": "crm_id", "wechat": "wechat_openid"}
_GENDER = {"M": "male", "F": "female", "": ""}


WEIGHT_SCALE = 10_000


@dataclass(frozen=True)
class Customers:
    """By record: the profile, the truth, and its account's key. The evidence is that of the keys."""

    profiles: Sequence[Profile]
    truth: Sequence[str]
    accounts: Sequence[int]
    keys: Mapping[int, LinkKey]
    neighbours: Mapping[int, set[int]]
    policy: Policy

    def persons(self, links: Sequence[ScoredPair] = ()) -> dict[int, int]:
        """The person of each record by the service's own linking: identifiers, then links between accounts."""
        probable = [
            ProbableLink(
                *sorted((self.accounts[pair.left], self.accounts[pair.right])),
                round(pair.weight * WEIGHT_SCALE),
            )
            for pair in links
        ]
        shared = {
            key_id
            for key_id, key in self.keys.items()
            if is_shared(key, (self.keys[other] for other in self.neighbours.get(key_id, ())), self.policy)
        }
        groups = link(self.keys, self.neighbours, shared, self.policy, probable=probable).groups
        group_of = {key_id: number for number, group in enumerate(groups) for key_id in group}
        return {record: group_of[account] for record, account in enumerate(self.accounts)}

    def claims(self) -> dict[int, dict[Hashable, Hashable]]:
        """What the account of each record claims of its person."""
        return {
            record: {(self.keys[account].namespace, self.keys[account].scope): account}
            for record, account in enumerate(self.accounts)
            if self.policy.namespaces[self.keys[account].namespace].unique
        }


def read() -> Customers:
    """All records in file order, normalised and keyed as the service does."""
    standards = load_standards()
    policy, normaliser = standards.policy, Normaliser(standards.policy, standards.blocked)
    truth = {row["source_id"]: row["person_id"] for row in _rows("truth")}
    ids: dict[tuple[str, str], int] = {}
    neighbours: dict[int, set[int]] = defaultdict(set)
    records = _rows("records")
    profiles, accounts = [], []
    for row in records:
        stated = [(_ACCOUNT[row["source"]], row["source_id"])]
        stated += [(name, row[name]) for name in ("phone", "email", "wechat_unionid") if row[name]]
        found: dict[str, str] = {}
        for namespace, raw in stated:
            normal = normaliser.value(namespace, raw)
            if isinstance(normal, NormalValue) and not normal.blocked:
                found[namespace] = normal.text
        keys = [ids.setdefault(item, len(ids) + 1) for item in found.items()]
        accounts.append(keys[0])
        for one, other in combinations(keys, 2):
            neighbours[one].add(other)
            neighbours[other].add(one)
        profiles.append(
            Profile(
                row["name"],
                _GENDER[row["gender"]],
                row["birthday"],
                row["address"],
                phones=[found["phone"]] if "phone" in found else [],
                emails=[found["email"]] if "email" in found else [],
            )
        )
    keys_by_id = {
        key_id: LinkKey(key_id, name[0], "", blake2b(repr(name).encode(), digest_size=16).digest())
        for name, key_id in ids.items()
    }
    return Customers(
        profiles, [truth[row["source_id"]] for row in records], accounts, keys_by_id, neighbours, policy
    )


def _rows(name: str) -> list[dict[str, str]]:
    with gzip.open(FOLDER / f"zh_people_{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
