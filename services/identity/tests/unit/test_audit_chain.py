"""The chain shows every change, removal, insertion and exchange of rows, and a cut end."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from identity.domain.audit_chain import AuditRow, ChainedRow, ChainEnd, ChainReader, next_row

ROWS = st.builds(
    AuditRow,
    st.text(max_size=5),
    st.sampled_from(["get_contact_points", "erase_person"]),
    st.text(max_size=5),
    st.just("{}"),
    st.lists(st.integers(1, 5), max_size=3).map(tuple),
    st.integers(0, 9),
    st.integers(0, 9),
)


def chain(rows: list[AuditRow]) -> list[ChainedRow]:
    end, chained = ChainEnd(), []
    for row in rows:
        chained.append(next_row(end, "t", row))
        end = ChainEnd(chained[-1].sequence, chained[-1].hash)
    return chained


def broken(rows: list[ChainedRow], stored: ChainEnd, tenant: str = "t") -> bool:
    reader = ChainReader(tenant)
    return (reader.read(rows) or reader.finish(stored)) is not None


@given(st.lists(ROWS, min_size=1, max_size=6), st.data())
def test_any_change_is_found(rows: list[AuditRow], data: st.DataObject) -> None:
    kept = chain(rows)
    end = ChainEnd(kept[-1].sequence, kept[-1].hash)
    assert not broken(kept, end)
    assert broken(kept, end, tenant="u")
    place = data.draw(st.integers(0, len(kept) - 1))
    what = data.draw(st.sampled_from(["change", "remove", "repeat", "swap", "rehash"]))
    changed = list(kept)
    if what == "change":
        other = data.draw(ROWS.filter(lambda row: row != rows[place]))
        changed[place] = replace(kept[place], row=other)
    elif what == "remove":
        del changed[place]
    elif what == "repeat":
        changed.insert(place, kept[place])
    elif what == "swap":
        other_place = data.draw(st.integers(0, len(kept) - 1))
        changed[place], changed[other_place] = kept[other_place], kept[place]
        if changed == kept:
            return
    else:
        other = data.draw(ROWS.filter(lambda row: row != rows[place]))
        before = ChainEnd(place, kept[place - 1].hash) if place else ChainEnd()
        changed[place] = next_row(before, "t", other)
    assert broken(changed, end)


def test_parts_are_read_one_after_the_other() -> None:
    rows = chain([AuditRow("s", "a", "", "{}", (), n, n) for n in range(5)])
    reader = ChainReader("t")
    assert reader.read(rows[:2]) is None
    assert reader.read(rows[2:]) is None
    assert reader.finish(ChainEnd(5, rows[-1].hash)) is None
    resumed = ChainReader("t", ChainEnd(2, rows[1].hash))
    assert resumed.read(rows[2:]) is None
