"""Matching without labels, beside what others would do with the same records.

historical: people of history with realistic errors. The model is the same for all; how pairs are clustered is chosen on
one half of the people, by their truth, and shown on both halves and on all. Peers: Splink's own example model, and the
same scored pairs clustered as connected components.
zh_people: customers of three sources. Identifiers link first, by the service's own rules; what the built-in model adds
goes through the same rules. The truth is looked at for the figures only; the settings are the service's.
"""

import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict
from hashlib import blake2b
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from identity.domain.matching.clustering import ClusterSettings, ScoredPair, cluster
from identity.domain.matching.evaluation import PairFigures, pair_figures
from identity.domain.matching.rows import RowLayout
from identity.domain.matching.specification import Specification, parse_specification
from identity.standards.load_matching import load_match_standards
from identity.store.matching.sounds import pinyin
from identity.store.matching.splink_linker import SplinkLinker

from benches import historical, splink_example, zh_people
from benches.measure import write

SEED = 20_261_122
THREADS = 2
MEMORY_MB = 4_000
FLOOR = -10.0
ABSENT, MAX_ROWS = -5.0, 100
GRID = tuple(
    ClusterSettings(auto, mean, ABSENT, MAX_ROWS)
    for auto, mean in product((-2.0, 0.0, 2.0), (-4.5, -4.0, -3.5, -3.0))
)
"""All that is chosen on the first half: how sure a pair, how sure two groups on average."""
MIN_PRECISION = 0.97
"""Asked of the first half, so that the second has room above 0.95."""
COMPONENT_WEIGHT = 4.25
"""A match probability of 0.95."""


def main() -> None:
    """Runs both and prints the figures."""
    if not historical.PATH.exists():
        raise SystemExit(f"{historical.PATH} is absent: the data sets are not part of the repository")
    people, sizes = measure_historical()
    customers, more = measure_zh_people()
    path = write("matching", SEED, sizes | more, {"historical": people, "zh_people": customers})
    print(path.read_text())


def measure_historical() -> tuple[dict[str, Any], dict[str, int]]:
    """Figures and sizes."""
    records = historical.read()
    specification = parse_specification(
        yaml.safe_load(Path(__file__).with_name("historical_figures.yaml").read_text(encoding="utf-8"))
    )
    halves = [[record for record in records if _half(record["cluster"]) == half] for half in (0, 1)]
    first, second = (_score(half, specification) for half in halves)
    chosen = _choose(halves[0], first)
    started = time.perf_counter()
    pairs = _score(records, specification)
    seconds = time.perf_counter() - started
    found = _figures(records, _clustered(records, pairs, chosen))
    example = _figures(records, splink_example.clusters(records, THREADS, SEED))
    components = _figures(
        records, _clustered(records, pairs, ClusterSettings(COMPONENT_WEIGHT, -1e9, 0.0, len(records)))
    )
    return {
        "precision": found.precision,
        "recall": found.recall,
        "f1": found.f1,
        "largest": found.largest,
        "chosen_half": _shown(_figures(halves[0], _clustered(halves[0], first, chosen))),
        "other_half": _shown(_figures(halves[1], _clustered(halves[1], second, chosen))),
        "settings": asdict(chosen),
        "splink_example_f1": example.f1,
        "splink_example": _shown(example),
        "same_pairs_components": _shown(components),
        "train_and_score_seconds": round(seconds, 1),
    }, {"historical_records": len(records), "historical_people": len({r["cluster"] for r in records})}


def measure_zh_people() -> tuple[dict[str, Any], dict[str, int]]:
    """Figures and sizes."""
    customers = zh_people.read()
    standards = load_match_standards()
    linker = SplinkLinker(THREADS, MEMORY_MB)
    started = time.perf_counter()
    rows = RowLayout(standards.names, standards.divisions, pinyin).columns(customers.profiles)
    model = linker.train(rows, standards.specification, SEED, _silent)
    scoring = linker.score(
        rows, standards.specification, model.settings, standards.bands.floor, (0.0, 0.0), _silent
    )
    before = customers.persons()
    members: dict[int, list[int]] = {}
    for record, person in before.items():
        members.setdefault(person, []).append(record)
    links = cluster(
        before, scoring.pairs, standards.bands.clustering(), list(members.values()), customers.claims()
    ).links
    seconds = time.perf_counter() - started
    truth = dict(enumerate(customers.truth))
    found = pair_figures(customers.persons(links), truth)
    right = sum(truth[pair.left] == truth[pair.right] for pair in links)
    return {
        "precision": found.precision,
        "recall": found.recall,
        "f1": found.f1,
        "identifiers_alone": _shown(pair_figures(before, truth)),
        "links": len(links),
        "links_right": right,
        "settings": asdict(standards.bands.clustering()),
        "seconds": round(seconds, 1),
    }, {"zh_records": len(truth), "zh_people": len(set(customers.truth))}


def _score(records: Sequence[Mapping[str, Any]], specification: Specification) -> Sequence[ScoredPair]:
    linker = SplinkLinker(THREADS, MEMORY_MB)
    rows = historical.rows_of(records)
    model = linker.train(rows, specification, SEED, _silent)
    return linker.score(rows, specification, model.settings, FLOOR, (0.0, 0.0), _silent).pairs


def _choose(records: Sequence[Mapping[str, Any]], pairs: Sequence[ScoredPair]) -> ClusterSettings:
    """The settings with the best F1 among those that are precise enough."""
    tried = [(settings, _figures(records, _clustered(records, pairs, settings))) for settings in GRID]
    return max(tried, key=lambda item: (item[1].precision >= MIN_PRECISION, item[1].f1))[0]


def _clustered(
    records: Sequence[Mapping[str, Any]], pairs: Sequence[ScoredPair], settings: ClusterSettings
) -> Mapping[int, int]:
    return cluster(range(len(records)), pairs, settings).group_of


def _figures(records: Sequence[Mapping[str, Any]], groups: Mapping[int, Hashable]) -> PairFigures:
    return pair_figures(groups, {position: record["cluster"] for position, record in enumerate(records)})


def _shown(figures: PairFigures) -> dict[str, float]:
    return asdict(figures)


def _half(person: str) -> int:
    """Which half of the people: by a hash, so that it depends on nothing else."""
    return blake2b(person.encode(), digest_size=1).digest()[0] % 2


def _silent(step: str, share: float) -> None:
    """Takes the progress and says nothing."""
