"""Names, addresses and rows as matching compares them, by the packaged tables."""

import pytest
from identity.domain.matching.addresses import Address, parse_divisions
from identity.domain.matching.names import Name, parse_name_tables
from identity.domain.matching.rows import COLUMNS, RARE_NAME_ROWS, Profile, RowLayout
from identity.standards.divisions import TABLE, derive
from identity.standards.load_matching import load_match_standards
from identity.store.matching.sounds import pinyin
from zh_data import REFERENCE

STANDARDS = load_match_standards()
LAYOUT = RowLayout(STANDARDS.names, STANDARDS.divisions, pinyin)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("李明", Name("李", "明")),
        ("管 玉英", Name("管", "玉英")),
        ("陈健先生", Name("陈", "健")),
        ("欧阳娜娜女士", Name("欧阳", "娜娜")),
        ("欧阳", Name("欧", "阳")),
        ("爱新觉罗·溥仪", Name("爱新觉罗", "溥仪")),
        ("張偉", Name("张", "伟")),
        ("ＬＩ Ｍing", Name("ming", "li")),
        ("John Smith", Name("smith", "john")),
        ("黄*", None),
        ("张某某", None),
        ("李女士", None),
        ("王", None),
        ("12345", None),
        ("", None),
        ("李" * 65, None),
    ],
)
def test_names_are_taken_apart(written: str, name: Name | None) -> None:
    assert STANDARDS.names.parse(written) == name


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("江苏省淮安市洪泽区北京街y座 170241", Address("32", "3208", "320813", "北京街y座")),
        ("江苏淮安洪泽北京街1号", Address("32", "3208", "320813", "北京街1号")),
        ("中国江苏省洪泽区北京街1号", Address("32", "3208", "320813", "北京街1号")),
        ("淮安市洪泽区北京街1号", Address("32", "3208", "320813", "北京街1号")),
        ("重庆市永川区王街q座 843941", Address("50", "5001", "500118", "王街q座")),
        ("北京朝阳区建国路8号", Address("11", "1101", "110105", "建国路8号")),
        ("海南省文昌市文城镇", Address("46", "4690", "469005", "文城镇")),
        ("上海", Address("31", "31", "", "")),
        ("某处不知名路1号", Address("", "", "", "某处不知名路1号")),
        ("", None),
    ],
)
def test_addresses_are_taken_apart(written: str, address: Address | None) -> None:
    assert STANDARDS.divisions.parse(written) == address


def test_a_district_of_two_cities_alone_says_nothing() -> None:
    divisions = parse_divisions(
        ["# note", "11\t甲省", "1101\t乙市", "110101\t丁区", "1102\t丙市", "110201\t丁区"]
    )
    assert divisions.parse("丁区某路") == Address("", "", "", "丁区某路")
    assert divisions.parse("甲省丁区某路") == Address("11", "11", "", "丁区某路")
    assert divisions.parse("丙市丁区某路") == Address("11", "1102", "110201", "某路")


@pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"{REFERENCE} is absent: it is not part of the repository")
def test_the_packaged_divisions_are_those_of_the_data_set() -> None:
    assert TABLE.read_text(encoding="utf-8") == derive(REFERENCE)


def test_characters_pair_up() -> None:
    document = {"compound_surnames": [], "titles": [], "traditional_simplified": "張张偉"}
    with pytest.raises(ValueError, match="pairs"):
        parse_name_tables(document)


def test_rows_hold_what_can_be_compared_and_nothing_empty() -> None:
    full = Profile(
        "陈健先生",
        "male",
        "1992-05-16",
        "江苏省淮安市洪泽区北京街1号",
        phones=("+8613380405916",),
        emails=("b@x.cn", "a@x.cn"),
    )
    columns = LAYOUT.columns(
        [full, Profile("黄*", "male", "1990-01-02"), Profile("李明", birth_date="1900-01-01")]
    )
    assert set(columns) == set(COLUMNS)
    rows = [
        {name: values[row] for name, values in columns.items() if values[row] is not None} for row in range(3)
    ]
    assert rows[0]["sound"] == "chen jian"
    assert rows[0]["emails"] == ["a@x.cn", "b@x.cn"]
    assert rows[0]["address"] == "320813北京街1号"
    assert rows[1] == {}, "a masked name takes no part"
    assert "birth_date" not in rows[2], "a placeholder is no date"
    assert set(STANDARDS.specification.columns) <= set(COLUMNS)


def test_only_rare_names_are_blocks_of_their_own() -> None:
    often = [Profile("李明")] * (RARE_NAME_ROWS + 1)
    columns = LAYOUT.columns([*often, Profile("臧娜")])
    assert columns["rare_name"] == [None] * len(often) + ["臧娜"]


def test_homophones_sound_alike() -> None:
    assert pinyin("张伟") == pinyin("章威") == "zhang wei"
