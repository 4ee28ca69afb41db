"""Event types that no rule knows are told with a near name."""

from cli.calls.dictionary import unknown_types

KNOWN = frozenset({"order_paid", "page_viewed"})


def test_a_misspelt_type_is_told_with_the_near_one() -> None:
    (said,) = unknown_types(["order_payed", "page_viewed"], KNOWN)
    assert "order_payed is not in the dictionary" in said
    assert said.endswith("did you mean order_paid?")


def test_a_type_like_no_other_is_told_without_a_guess() -> None:
    (said,) = unknown_types(["zzz"], KNOWN)
    assert "did you mean" not in said
