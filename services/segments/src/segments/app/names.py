"""Names that were probably meant."""

import difflib
from collections.abc import Iterable


def nearest(name: str, names: Iterable[str]) -> str:
    """The most similar of the names; empty when none is near."""
    return next(iter(difflib.get_close_matches(name, list(names), n=1)), "")
