"""All rules at once find who came and went, a few persons after the other."""

import numpy as np
import pytest
from pyroaring import BitMap
from rules.check import Population, check_rule
from rules.evaluate.setting import Setting
from segments.domain.touched import Touched
from segments.index.tenant import TenantIndex
from segments.store.ports import Watched
from segments_changes import CATALOGUE, NOON, TENANT, person_change, person_values, tag_change
from servicekit.revision import LANES, Lane

RULES = {"rich": "points >= 2", "named": "nickname IS KNOWN", "poor": "NOT points >= 2"}
PERSONS = BitMap([1, 2, 3, 63, 64, 65, 130, 200, 65_536, 65_700])


def contained_index() -> TenantIndex:
    from segments.index.contained import ContainedColumn, contained

    index = TenantIndex(TENANT)
    tags = [tag_change(CATALOGUE.tags[each]) for each in ("points", "nickname")]
    values = [person_values(1, each, points=each % 3 * 10_000) for each in PERSONS]
    people = [person_change(each) for each in PERSONS]
    index.apply([*tags, *people, *values], Lane.LIVE, dict.fromkeys(LANES, 0), Touched())
    for name in index.column_names():
        type_ = index.type_of(name)
        assert type_ is not None
        index.open_column(name, ContainedColumn(type_, contained(type_, index.held(name)), None))
    return index


@pytest.mark.usefixtures("threads")
def test_few_persons_at_once_are_found_as_all_are(monkeypatch: pytest.MonkeyPatch) -> None:
    from segments.index import watching

    looked_at, words = list[int](), watching.membership_words

    def counted(program: object, ascending: np.ndarray, threads: object) -> np.ndarray:
        looked_at.append(len(ascending))
        return words(program, ascending, threads)

    monkeypatch.setattr(watching, "PERSONS_AT_ONCE", 3)
    monkeypatch.setattr(watching, "membership_words", counted)
    index = contained_index()
    rules = [
        Watched(name, check_rule(text, CATALOGUE).rule, Population.KNOWN) for name, text in RULES.items()
    ]
    before = {"rich": BitMap([1, 2, 9]), "named": BitMap([9]), "poor": BitMap(PERSONS)}
    setting = Setting(index.schema, NOON, index.calendar)
    found = index.flips(rules, setting, PERSONS, before.__getitem__)
    assert found.names == RULES.keys()
    rich = BitMap(each for each in PERSONS if each % 3 == 2)
    assert found.movements.keys() == {"rich", "poor"}
    assert found.movements["rich"].entered == rich - before["rich"]
    assert found.movements["rich"].left == BitMap([1])
    assert (found.movements["poor"].entered, found.movements["poor"].left) == (BitMap(), rich)
    assert looked_at == [3, 3, 3, 1]
