"""Simulated folders, and a plain union-find that links them as any deterministic linker could."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
import yaml
from simulator.manifest import Manifest, SourceEntry
from simulator.retailer import simulate

UNIQUE = frozenset({"member_id", "crm_id", "card_no", "wechat_unionid"})
MAY_BE_SHARED = frozenset({"phone", "device_id"})
_MOBILE = re.compile(r"1[3-9]\d{9}")
SOURCE_SCOPED = frozenset({"crm_id", "card_no", "taobao_id"})

Key = tuple[str, str, str]


def read_phone(text: str) -> str | None:
    """Eleven digits, or None for what does not identify anybody."""
    digits = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text))
    digits = re.sub(r"^(\+86|0086)", "", digits)
    return digits if _MOBILE.fullmatch(digits) else None


def read_export(folder: Path, entry: SourceEntry) -> pa.Table:
    """An export as an importer reads it: every CSV column as text, empty cells absent."""
    path = folder / entry.path
    if entry.encoding == "parquet":
        return pq.read_table(path)
    encoding = "utf-8" if entry.encoding == "utf-8-sig" else entry.encoding
    reading = pa_csv.ReadOptions(encoding=encoding)
    header = path.read_bytes().splitlines()[0].decode(entry.encoding).replace('"', "").split(",")
    types = dict.fromkeys(header, pa.string())
    converting = pa_csv.ConvertOptions(column_types=types, strings_can_be_null=True)
    return pa_csv.read_csv(path, read_options=reading, convert_options=converting)


def read_mapping(folder: Path, entry: SourceEntry) -> dict[str, Any]:
    return yaml.safe_load((folder / entry.mapping).read_text(encoding="utf-8"))


@cache
def evidence(folder: Path) -> tuple[frozenset[Key], ...]:
    """In order: the distinct sets of identifiers that stand together in a record, phones normalised."""
    seen: set[frozenset[Key]] = set()
    for entry in Manifest.load(folder).sources:
        mapping, table = read_mapping(folder, entry), read_export(folder, entry)
        columns = [identifier["column"] for identifier in mapping["identifiers"]]
        chosen = table.select(columns)  # noqa: F841 - DuckDB finds it by name
        listed = ", ".join(f'"{column}"' for column in columns)
        for row in duckdb.sql(f"SELECT DISTINCT {listed} FROM chosen").fetchall():
            keys = set()
            for identifier, value in zip(mapping["identifiers"], row, strict=True):
                namespace = identifier["namespace"]
                known = read_phone(value) if namespace == "phone" and value else value
                if known:
                    scope = entry.source if namespace in SOURCE_SCOPED else identifier.get("scope", "")
                    keys.add((namespace, scope, known))
            seen.add(frozenset(keys))
    return tuple(sorted(seen, key=sorted))


def observed_shared(records: Sequence[frozenset[Key]]) -> set[Key]:
    """Phones and devices that stand beside two different values of a namespace of which a person has one."""
    beside: dict[Key, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for record in records:
        unique = [key for key in record if key[0] in UNIQUE]
        for key in record:
            if key[0] in MAY_BE_SHARED:
                for namespace, _, value in unique:
                    beside[key][namespace].add(value)
    return {key for key, near in beside.items() if any(len(values) > 1 for values in near.values())}


@dataclass(frozen=True)
class Score:
    """Over all pairs of accounts."""

    precision: float
    recall: float


def link(records: Sequence[frozenset[Key]], ignored: set[Key]) -> Callable[[Key], Key]:
    parent: dict[Key, Key] = {}

    def find(key: Key) -> Key:
        root = key
        while parent.setdefault(root, root) != root:
            root = parent[root]
        while parent[key] != root:
            parent[key], key = root, parent[key]
        return root

    for record in records:
        keys = [key for key in sorted(record) if key not in ignored]
        for key in keys[1:]:
            parent[find(key)] = find(keys[0])
    return find


def score(accounts: Mapping[Key, int], find: Callable[[Key], Key]) -> Score:
    both: dict[tuple[int, Key], int] = defaultdict(int)
    persons: dict[int, int] = defaultdict(int)
    found: dict[Key, int] = defaultdict(int)
    for account, person in accounts.items():
        root = find(account)
        both[person, root] += 1
        persons[person] += 1
        found[root] += 1

    def pairs(sizes: Mapping[Any, int]) -> int:
        return sum(size * (size - 1) // 2 for size in sizes.values())

    return Score(pairs(both) / pairs(found), pairs(both) / pairs(persons))


@cache
def true_accounts(folder: Path) -> dict[Key, int]:
    accounts = {}
    for row in pq.read_table(folder / "truth/accounts.parquet").to_pylist():
        scope = row["source"] if row["namespace"] in SOURCE_SCOPED else row["scope"]
        accounts[row["namespace"], scope, row["account"]] = row["person"]
    return accounts


def truly_shared(folder: Path) -> set[Key]:
    rows = pq.read_table(folder / "truth/shared.parquet").to_pylist()
    return {(row["namespace"], "", row["value"].removeprefix("+86")) for row in rows}


@dataclass(frozen=True)
class Linker:
    """The oracle as tests use it."""

    by_truth: Callable[[Path], Score]
    by_observation: Callable[[Path], Score]
    naive: Callable[[Path], Score]


@pytest.fixture(scope="session")
def linker() -> Linker:
    def scored(folder: Path, ignored: set[Key], records: Sequence[frozenset[Key]]) -> Score:
        return score(true_accounts(folder), link(records, ignored))

    def by_truth(folder: Path) -> Score:
        return scored(folder, truly_shared(folder), evidence(folder))

    def by_observation(folder: Path) -> Score:
        records = evidence(folder)
        return scored(folder, observed_shared(records), records)

    return Linker(by_truth, by_observation, lambda folder: scored(folder, set(), evidence(folder)))


@pytest.fixture(scope="session")
def normal_phone() -> Callable[[str], str | None]:
    return read_phone


@pytest.fixture(scope="session")
def exports() -> Callable[[Path, SourceEntry], tuple[pa.Table, dict[str, Any]]]:
    """(folder, entry) -> the export as read, and its mapping."""
    return lambda folder, entry: (read_export(folder, entry), read_mapping(folder, entry))


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A retailer of 3,000 persons."""
    folder = tmp_path_factory.mktemp("retailer") / "small"
    simulate(folder, persons=3_000, seed=7)
    return folder


@pytest.fixture(scope="session")
def default(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The retailer of the demo: the default size and seed."""
    folder = tmp_path_factory.mktemp("retailer") / "default"
    simulate(folder)
    return folder
