"""Every block is worked on once, failures reach the caller, and a cancellation ends the work."""

from collections.abc import Iterator
from threading import Lock, Thread

import pytest
from servicekit.kernels.threads import Cancellation, Cancelled, Threads


@pytest.fixture(scope="module")
def threads() -> Iterator[Threads]:
    made = Threads(2)
    yield made
    made.close()


@pytest.mark.parametrize("blocks", [0, 1, 7, 500])
def test_every_block_is_worked_on_once(threads, blocks):
    seen, lock = [], Lock()

    def work(first, last):
        with lock:
            seen.extend(range(first, last))

    callers = [Thread(target=threads.each, args=(blocks, work)) for _ in range(3)]
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    assert sorted(seen) == sorted([*range(blocks)] * 3)


def test_a_failure_reaches_the_caller_and_ends_the_work(threads):
    done = []

    def work(first, last):
        if first > 50:
            raise KeyError(first)
        done.append(first)

    with pytest.raises(KeyError):
        threads.each(100_000, work)
    assert len(done) < 100


def test_a_cancellation_ends_the_work(threads):
    cancellation, done = Cancellation(), []

    def work(first, last):
        done.append(first)
        cancellation.cancel()

    with pytest.raises(Cancelled):
        threads.each(100_000, work, cancellation)
    assert len(done) <= threads.size
