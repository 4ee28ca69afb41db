"""How many files this process may have open: one that is mapped counts as long as it is."""

import resource
from contextlib import suppress

ASKED_FOR = 1 << 16
"""Shells and supervisors give 1,024 at first, and far more to who asks."""


def ask_for_more() -> None:
    """Raises the limit of this process to ASKED_FOR, or as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ASKED_FOR if hard == resource.RLIM_INFINITY else min(hard, ASKED_FOR)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError):  # some systems say that there is no limit, and have one
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def most_mapped() -> int:
    """Half of what may be open now: the rest is for connections, the store and columns that changed."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return ASKED_FOR // 2 if soft == resource.RLIM_INFINITY else soft // 2
