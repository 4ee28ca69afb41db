"""What every engine behind the Linker port does: learns without labels, scores, explains."""

import random

import pytest
from customers import people, rewritten
from identity.domain.matching.rows import Columns, Profile, RowLayout
from identity.domain.matching.specification import parse_specification
from identity.standards.load_matching import load_match_standards
from identity.store.matching.linker import Linker, TrainedModel, Untrainable
from identity.store.matching.sounds import pinyin
from identity.store.matching.splink_linker import SplinkLinker

pytest.importorskip("splink", reason="matching is an extra")

PEOPLE = 150
STANDARDS = load_match_standards()
EVERYTHING = (-1e6, 1e6)


def quiet(step: str, share: float) -> None:
    assert 0.0 <= share <= 1.0, step


@pytest.fixture(scope="module")
def linker() -> Linker:
    return SplinkLinker(threads=2, memory_mb=1_000)


@pytest.fixture(scope="module")
def rows() -> Columns:
    """Row 2n and row 2n + 1 are one person."""
    draw = random.Random(2)
    written = [one for customer in people(PEOPLE, 1) for one in (customer, rewritten(customer, draw))]
    profiles = [Profile(one.name, one.gender, one.birth_date.isoformat(), one.address) for one in written]
    return RowLayout(STANDARDS.names, STANDARDS.divisions, pinyin).columns(profiles)


@pytest.fixture(scope="module")
def model(linker: Linker, rows: Columns) -> TrainedModel:
    return linker.train(rows, STANDARDS.specification, 1, quiet)


def test_pairs_of_one_person_weigh_more(linker: Linker, rows: Columns, model: TrainedModel) -> None:
    found = linker.score(rows, STANDARDS.specification, model.settings, -1e6, EVERYTHING, quiet)
    assert all(pair.left < pair.right for pair in found.pairs)
    assert [pair.weight for pair in found.pairs] == sorted((p.weight for p in found.pairs), reverse=True)
    heavy = {(pair.left, pair.right) for pair in found.pairs if pair.weight >= 10}
    assert heavy == {(row, row + 1) for row in range(0, 2 * PEOPLE, 2)}
    assert found.candidates == len(found.pairs) > PEOPLE


def test_fields_add_up_to_the_weight(linker: Linker, rows: Columns, model: TrainedModel) -> None:
    found = linker.score(rows, STANDARDS.specification, model.settings, -1e6, EVERYTHING, quiet)
    names = [comparison.name for comparison in STANDARDS.specification.comparisons]
    for pair in found.pairs:
        fields = found.fields[pair.left, pair.right]
        assert [field.comparison for field in fields] == names
        total = found.prior + sum(field.weight for field in fields)
        assert total == pytest.approx(pair.weight, abs=1e-3)
        assert all(field.weight == 0.0 for field in fields if field.level == -1)


def test_what_nobody_states_weighs_nothing(linker: Linker) -> None:
    """A system that keeps no addresses is matched by the rest."""
    draw = random.Random(3)
    written = [one for customer in people(PEOPLE, 1) for one in (customer, rewritten(customer, draw))]
    profiles = [Profile(one.name, one.gender, one.birth_date.isoformat(), "") for one in written]
    rows = RowLayout(STANDARDS.names, STANDARDS.divisions, pinyin).columns(profiles)
    model = linker.train(rows, STANDARDS.specification, 1, quiet)
    assert "address" in model.untrained
    found = linker.score(rows, STANDARDS.specification, model.settings, -1e6, EVERYTHING, quiet)
    assert len(found.pairs) > PEOPLE
    for pair in found.pairs:
        fields = {field.comparison: field for field in found.fields[pair.left, pair.right]}
        assert (fields["address"].level, fields["address"].weight) == (-1, 0.0)
        total = found.prior + sum(field.weight for field in fields.values())
        assert total == pytest.approx(pair.weight, abs=1e-3)


def test_only_the_band_is_explained_and_the_floor_holds(
    linker: Linker, rows: Columns, model: TrainedModel
) -> None:
    found = linker.score(rows, STANDARDS.specification, model.settings, 0.0, (10.0, 15.0), quiet)
    assert all(pair.weight >= 0.0 for pair in found.pairs)
    assert found.fields.keys() == {(p.left, p.right) for p in found.pairs if 10.0 <= p.weight < 15.0}


def test_equal_rows_and_seed_give_equal_weights(linker: Linker, rows: Columns, model: TrainedModel) -> None:
    again = linker.train(rows, STANDARDS.specification, 1, quiet)
    assert again.prior == pytest.approx(model.prior)
    one, two = (
        linker.score(rows, STANDARDS.specification, settings, -1e6, (0.0, 0.0), quiet).pairs
        for settings in (model.settings, again.settings)
    )
    weights = {(pair.left, pair.right): pair.weight for pair in two}
    assert all(weights[pair.left, pair.right] == pytest.approx(pair.weight, abs=2e-3) for pair in one)


def test_nothing_to_learn_from_is_said(linker: Linker, rows: Columns) -> None:
    few = {name: list(values)[:4] for name, values in rows.items()}
    with pytest.raises(Untrainable, match="at least"):
        linker.train(few, STANDARDS.specification, 1, quiet)
    apart = {name: list(values)[::2] for name, values in rows.items()}
    with pytest.raises(Untrainable, match="no pair"):
        linker.train(apart, STANDARDS.specification, 1, quiet)


WRITINGS = [
    ("杨小俊", "杨俊", 1),
    ("张伟东", "张卫东", 1),
    ("俊小", "小俊", 1),
    ("abc", "abd", 1),
    ("张伟", "李强国", 3),
]
MAX_EDITS = 3


@pytest.fixture(scope="module")
def level_of_writings(linker: Linker) -> list[int]:
    """Of each pair the first level that it reaches, where level n takes n edits."""
    filler = [f"甲{number}" for number in range(20)]
    blocks = [f"pair {number}" for number in range(len(WRITINGS))]
    rows = {
        "name": [name for one, two, _ in WRITINGS for name in (one, two)] + filler + filler,
        "block": [block for block in blocks for _ in range(2)] + filler + filler,
    }
    levels = [{"edits": {"name": limit}} for limit in range(MAX_EDITS + 1)]
    specification = parse_specification(
        {
            "columns": ["name", "block"],
            "comparisons": [{"name": "name", "levels": levels}],
            "blocks": [["block"]],
            "training": {
                "certain": [["name"]],
                "recall": 1.0,
                "rounds": [["block"]],
                "sampled_pairs": 10_000,
            },
        }
    )
    model = linker.train(rows, specification, 1, quiet)
    found = linker.score(rows, specification, model.settings, -1e6, EVERYTHING, quiet)
    return [found.fields[2 * number, 2 * number + 1][0].level for number in range(len(WRITINGS))]


@pytest.mark.parametrize("number", range(len(WRITINGS)), ids=lambda number: "-".join(WRITINGS[number][:2]))
def test_characters_are_compared_and_not_bytes(level_of_writings: list[int], number: int) -> None:
    one, two, edits = WRITINGS[number]
    assert level_of_writings[number] == edits, (
        f"{one} and {two} are {edits} edits apart, not fewer and not more"
    )
