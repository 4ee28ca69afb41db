"""Chinese customers of three sources with dirty phones, masked values and shared mailboxes, and known truth."""

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from hashlib import blake2b
from itertools import combinations
from math import comb
from pathlib import Path

import pytest
from identity.domain.evidence import Evidence, LinkKind, sighting
from identity.domain.groups import LinkKey
from identity.domain.normalise import Normaliser, NormalValue
from identity.domain.partition import partition
from identity.standards.load import load_standards

FOLDER = Path(__file__).resolve().parents[5] / "shared/data/identity"
SEEN = sighting(LinkKind.CO_OCCURRENCE, 0, False, "crm")
ACCOUNT = {"shop": "taobao_id", "crm": "crm_id", "wechat": "wechat_openid"}

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"{FOLDER} is absent: the data set is not part of the repository"
)


def rows(name: str) -> list[dict[str, str]]:
    with gzip.open(FOLDER / name, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def pairs(groups: Iterable[Hashable]) -> int:
    return sum(comb(size, 2) for size in Counter(groups).values())


def test_almost_nobody_is_linked_to_somebody_else() -> None:
    standards = load_standards()
    normaliser = Normaliser(standards.policy, standards.blocked)
    ids: dict[tuple[str, str], int] = {}
    evidence: dict[int, dict[int, Evidence]] = defaultdict(dict)
    account_key: dict[str, int] = {}
    for row in rows("zh_people_records.csv.gz"):
        stated = [(ACCOUNT[row["source"]], row["source_id"])]
        stated += [(name, row[name]) for name in ("phone", "email", "wechat_unionid")]
        keys = []
        for namespace, raw in stated:
            normal = normaliser.value(namespace, raw)
            if isinstance(normal, NormalValue) and not normal.blocked:
                keys.append(ids.setdefault((namespace, normal.text), len(ids) + 1))
        account_key[row["source_id"]] = keys[0]
        for one, other in combinations(keys, 2):
            evidence[one][other] = evidence[other][one] = SEEN
    link_keys = {
        key_id: LinkKey(key_id, name[0], "", blake2b(repr(name).encode(), digest_size=16).digest())
        for name, key_id in ids.items()
    }
    group_of = {
        key_id: number
        for number, group in enumerate(partition(link_keys, evidence, standards.policy).groups)
        for key_id in group
    }
    truth = {row["source_id"]: row["person_id"] for row in rows("zh_people_truth.csv.gz")}
    found = {account: group_of[key_id] for account, key_id in account_key.items()}
    right = pairs((found[account], person) for account, person in truth.items())
    assert right / pairs(found.values()) >= 0.99
    assert right / pairs(truth.values()) >= 0.82
