"""The memory of parsed policies: bounded, and shared by threads."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from identity.app.policies import MAX_REMEMBERED, PolicyBook
from identity.standards.load import load_standards

TENANTS, THREADS = 30 * MAX_REMEMBERED, 4
NO_STORE: Any = None
"""The built-in policy is not in the store."""


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("hasty")
def test_threads_that_forget_the_same_tenants_do_not_mind() -> None:
    book = PolicyBook(load_standards().policy)

    def ask(thread: int) -> bool:
        asked = (f"t{thread}-{number}" for number in range(TENANTS))
        return all(book.of_version(NO_STORE, tenant, 0) is book.built_in for tenant in asked)

    with ThreadPoolExecutor(THREADS) as threads:
        assert all(threads.map(ask, range(THREADS)))
    last = f"t0-{TENANTS}"
    book.of_version(NO_STORE, last, 0)
    assert book.remembered(last) is book.built_in
    assert book.remembered("t0-0") is None
