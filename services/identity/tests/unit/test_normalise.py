"""Normal forms: what sources write, and what cannot be used and why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from identity.domain import phone
from identity.domain.normalise import Normaliser, NormalValue, Problem, Unusable
from identity.standards.load import load_standards

MOBILE = "+8613912345670"


@pytest.fixture(scope="module")
def normaliser() -> Normaliser:
    standards = load_standards()
    return Normaliser(standards.policy, standards.blocked)


@pytest.mark.parametrize(
    "raw",
    [
        "13912345670", "+8613912345670", "008613912345670", "8613912345670", "+86 139-1234-5670",
        " 139 1234 5670 ", "１３９１２３４５６７０", "（139）1234 5670", "139–1234–5670", "13912345670.0",
        "tel:13912345670", "013912345670", "+86 (0)139 1234 5670",
    ],
)  # fmt: skip
def test_ways_to_write_a_mainland_mobile(raw: str, normaliser: Normaliser) -> None:
    assert normaliser.value("phone", raw) == NormalValue(MOBILE)


@pytest.mark.parametrize(
    ("namespace", "raw", "normal"),
    [
        ("phone", "010-62345678", "+861062345678"),
        ("phone", "+852 6123 4567", "+85261234567"),
        ("email", " Ann.Lee@Example.COM ", "ann.lee@example.com"),
        ("email", "ann@例子.中国", "ann@xn--fsqu00a.xn--fiqs8s"),
        ("wechat_openid", "oLVPpjqs9BhvzwPj5A-vTYAX3GLc", "oLVPpjqs9BhvzwPj5A-vTYAX3GLc"),
        ("wechat_openid", "oM1xX57cCDNxKbquKjiaALQaXX63", "oM1xX57cCDNxKbquKjiaALQaXX63"),
        ("member_id", " Ｍ1001 ", "M1001"),
        ("idfa", "6D92078A-8246-4BA4-AE5B-76104861E7DC", "6d92078a-8246-4ba4-ae5b-76104861e7dc"),
    ],
)
def test_normal_forms(namespace: str, raw: str, normal: str, normaliser: Normaliser) -> None:
    assert normaliser.value(namespace, raw) == NormalValue(normal)


@pytest.mark.parametrize(
    ("namespace", "raw", "problem"),
    [
        ("phone", "1.38E+10", Problem.VALUE_ROUNDED),
        ("member_id", "1.00123E+12", Problem.VALUE_ROUNDED),
        ("phone", "138****1234", Problem.VALUE_MASKED),
        ("phone", "138＊＊＊＊1234", Problem.VALUE_MASKED),
        ("phone", "138xxxx1234", Problem.VALUE_MASKED),
        ("email", "z***@qq.com", Problem.VALUE_MASKED),
        ("phone", "1391234", Problem.VALUE_MALFORMED),
        ("phone", "1391234567012", Problem.VALUE_MALFORMED),
        ("phone", "call me", Problem.VALUE_MALFORMED),
        ("phone", "13912345670 ext 5", Problem.VALUE_MALFORMED),
        ("email", "ann.example.com", Problem.VALUE_MALFORMED),
        ("email", "ann@localhost", Problem.VALUE_MALFORMED),
        ("wechat_openid", "o v p p", Problem.VALUE_MALFORMED),
        ("member_id", "", Problem.VALUE_MALFORMED),
        ("member_id", "M1\u0000", Problem.VALUE_MALFORMED),
        ("member_id", "M1\u200b2", Problem.VALUE_MALFORMED),
        ("member_id", "x" * 10_240, Problem.LIMIT_EXCEEDED),
        ("passport", "E1234567", Problem.NAMESPACE_UNKNOWN),
    ],
)
def test_unusable_values_say_why_without_the_value(
    namespace: str, raw: str, problem: Problem, normaliser: Normaliser
) -> None:
    answer = normaliser.value(namespace, raw)
    assert isinstance(answer, Unusable)
    assert answer.problem is problem
    assert not raw or raw not in answer.hint


@pytest.mark.parametrize(
    ("namespace", "raw"),
    [
        ("phone", "13800138000"), ("phone", "+86 138-0013-8000"), ("phone", "00000000000"),
        ("phone", "11111111111"), ("phone", "NULL"), ("member_id", "None"), ("member_id", "0"),
        ("member_id", "-1"), ("device_id", "undefined"), ("email", "Test@Test.com"),
        ("idfa", "00000000-0000-0000-0000-000000000000"), ("crm_id", "匿名"), ("card_no", "----"),
        ("member_id", "nan"), ("android_id", "9774d56d682e549c"), ("member_id", "Guest"),
    ],
)  # fmt: skip
def test_placeholders_are_blocked(namespace: str, raw: str, normaliser: Normaliser) -> None:
    answer = normaliser.value(namespace, raw)
    assert isinstance(answer, NormalValue)
    assert answer.blocked


@given(
    prefix=st.sampled_from(["", "+86", "0086", "86", "0", "+", "00"]),
    number=st.one_of(
        st.from_regex(r"1[0-9]{10}", fullmatch=True), st.from_regex(r"[0-9]{3,15}", fullmatch=True)
    ),
)
def test_the_quick_way_equals_the_library(prefix: str, number: str) -> None:
    assert phone.e164(prefix + number) == phone.library_e164(prefix + number)


def test_every_segment_of_the_quick_way_is_the_librarys() -> None:
    for segment in range(1000, 2000):
        number = f"{segment}1234567"
        assert phone.e164(number) == phone.library_e164(number)


@given(
    st.sampled_from(sorted(load_standards().policy.namespaces)),
    st.text(max_size=40) | st.from_regex(r"[ +0-9-]{5,18}", fullmatch=True),
)
def test_normalising_a_normal_form_changes_nothing(namespace: str, raw: str) -> None:
    standards = load_standards()
    normaliser = Normaliser(standards.policy, standards.blocked)
    once = normaliser.value(namespace, raw)
    if isinstance(once, NormalValue):
        assert normaliser.value(namespace, once.text) == once
