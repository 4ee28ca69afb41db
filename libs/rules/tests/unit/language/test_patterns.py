"""The pattern subset: what is refused, and that Python and RE2 (in DuckDB) agree on what is allowed."""

import re
import time

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.evaluate.meaning import text_test
from rules.patterns import MAX_PATTERN, PatternError, check_pattern, portable
from rules.tree import TextOperator

TEXTS = [
    "",
    "a",
    "ab",
    "ba",
    "aab",
    "a-b",
    "上海",
    "a.b",
    "x\ny",
    "A-1",
    "(a)",
    "[a]",
    "a\rb",
    "^a$",
    "&&",
    "a|b",
]

ALLOWED = [
    "a", "^a", "b$", "^a$", "a|b", "(a|b)c?", "(?:ab)+", "a{2}", "a{1,}b", "[^a-c]", "[a\\-z]", "[-a]", "[a-]",
    "上.", "a.b", "a\\.b", "\\(a\\)", "\\[", "[\\]\\[]", "x\\ny", "a*?b", "[a-z]{1,3}-[0-9]", "[.]", "\\^a\\$", "",
]  # fmt: skip


@pytest.mark.parametrize("pattern", ALLOWED[:-1])
def test_python_and_re2_agree(pattern: str) -> None:
    check_pattern(pattern)
    with duckdb.connect() as connection:
        for text in TEXTS:
            row = connection.execute("select regexp_matches(?, ?)", [text, portable(pattern)]).fetchone()
            assert row is not None
            assert row[0] == bool(re.search(portable(pattern), text)), text


@pytest.mark.parametrize(
    ("pattern", "offset", "said"),
    [
        ("", 0, "empty"),
        ("\\d+", 0, "differs between engines"),
        ("a\\w", 1, "differs between engines"),
        ("(?i)a", 0, "flags"),
        ("(?=a)", 0, "flags"),
        ("(?P<x>a)", 0, "flags"),
        ("(a)\\1", 3, "differs"),
        ("a++", 2, "two repeats"),
        ("(a+)+", 4, "for ever"),
        ("(a|b)*", 5, "for ever"),
        ("((a{100}){100}){2}", 9, "exceed"),
        ("a{101}", 1, "at most 100"),
        ("a{2,1}", 1, "at most 100"),
        ("a{,2}", 1, "a repeat is"),
        ("^*", 1, "cannot be repeated"),
        ("*a", 0, "nothing for"),
        ("(a", 0, "never closed"),
        ("a)", 1, "never opened"),
        ("[a", 0, "never closed"),
        ("[]", 0, "empty"),
        ("[[:alpha:]]", 1, "differs"),
        ("[a&&b]", 2, "differs"),
        ("[z-a]", 4, "backwards"),
        ("a]", 1, "closes nothing"),
        ("a" * (MAX_PATTERN + 1), MAX_PATTERN, "more than"),
        ("a\\", 1, "differs"),
    ],
)
def test_what_engines_read_differently_is_refused(pattern: str, offset: int, said: str) -> None:
    with pytest.raises(PatternError, match=said) as caught:
        check_pattern(pattern)
    assert caught.value.offset == offset


@given(pattern=st.text(alphabet="ab.^$|()[]{}*+?\\-,1&n:", max_size=12))
def test_whatever_is_allowed_means_the_same_to_python_and_re2(pattern: str) -> None:
    try:
        check_pattern(pattern)
    except PatternError:
        return
    with duckdb.connect() as connection:
        for text in TEXTS:
            row = connection.execute("select regexp_matches(?, ?)", [text, portable(pattern)]).fetchone()
            assert row is not None
            assert row[0] == bool(re.search(portable(pattern), text)), (pattern, text)


@pytest.mark.parametrize("pattern", ["(a?){30}b", "(a{0,20}){20}b", "(a|a)" * 33 + "b", "a*" * 60 + "b"])
def test_an_expression_with_many_ways_to_match_takes_no_time(pattern: str) -> None:
    """An engine that goes back would try them all: minutes and more, in the stream's thread."""
    check_pattern(pattern)
    started = time.perf_counter()
    assert not text_test(TextOperator.MATCHES, "a" * 4_096, pattern)
    assert time.perf_counter() - started < 5
