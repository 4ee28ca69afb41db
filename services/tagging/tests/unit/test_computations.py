"""The worker's duties take turns: none starves behind another that always has work, or always fails."""

from types import SimpleNamespace

import pytest
from servicekit.revision import Revision
from tagging.app.publish import Interrupted
from tagging.workers.computations import PATIENCE_LOOKS, QUIET_LOOKS, ComputationWorker


class Duties:
    """Each duty says what was asked of it and what it found."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.finds = dict.fromkeys(("day", "backfill", "ageing", "stale", "unneeded"), False)
        self.fails: dict[str, Exception] = {}
        self.bulk: int | None = 0

    def duty(self, name):
        def do():
            self.done.append(name)
            if name in self.fails:
                raise self.fails[name]
            return self.finds[name]

        return do

    def worker(self):
        return ComputationWorker(
            database=SimpleNamespace(read_now=lambda read: read(None)),
            progress=SimpleNamespace(cursor=lambda _: self.cursor()),
            runs=SimpleNamespace(next=lambda: None),
            days=SimpleNamespace(roll=self.duty("day")),
            current=SimpleNamespace(age=self.duty("ageing"), recompute_stale=self.duty("stale")),
            features=SimpleNamespace(backfill=self.duty("backfill"), drop_unneeded=self.duty("unneeded")),
            mapping=SimpleNamespace(follow=lambda: False),
            compute=None,
        )

    def cursor(self):
        return None if self.bulk is None else Revision("identity", "0" * 16, 0, self.bulk)


@pytest.fixture
def duties():
    return Duties()


def test_persons_who_age_all_the_time_do_not_keep_stale_ones_waiting(duties):
    worker = duties.worker()
    duties.finds["ageing"] = True
    for _ in range(QUIET_LOOKS + 2):
        assert worker.step()
    assert "stale" in duties.done
    assert "unneeded" in duties.done


def test_a_duty_that_fails_does_not_keep_the_others_from_theirs(duties):
    worker = duties.worker()
    duties.fails["day"] = OSError("the disk")
    with pytest.raises(ExceptionGroup, match="day") as failed:
        worker.step()
    assert failed.group_contains(OSError, match="the disk")
    assert duties.done == ["day", "backfill", "ageing", "unneeded"]


def test_a_process_that_ends_begins_nothing_more(duties):
    worker = duties.worker()
    duties.fails["backfill"] = Interrupted("the service stops")
    with pytest.raises(Interrupted):
        worker.step()
    assert duties.done == ["day", "backfill"]


def test_a_burst_is_computed_once_it_is_over(duties):
    worker = duties.worker()
    for position in range(1, 6):
        duties.bulk = position
        worker.step()
    assert "stale" not in duties.done
    for _ in range(QUIET_LOOKS):
        worker.step()
    assert duties.done.count("stale") == 1


def test_bulk_facts_that_never_end_are_computed_all_the_same(duties):
    worker = duties.worker()
    duties.finds["stale"] = True
    for position in range(1, PATIENCE_LOOKS + 10):
        duties.bulk = position
        worker.step()
    assert duties.done.count("stale") >= 10


def test_during_a_bootstrap_stale_persons_are_the_bootstraps(duties):
    worker = duties.worker()
    duties.bulk = None
    for _ in range(PATIENCE_LOOKS + QUIET_LOOKS):
        worker.step()
    assert "stale" not in duties.done


def test_it_rests_only_after_a_look_that_found_nobody_stale(duties):
    worker = duties.worker()
    for position in (1, 2):
        duties.bulk = position
        worker.step()
        assert not worker.rested
    for _ in range(QUIET_LOOKS):
        worker.step()
    assert worker.rested
    duties.bulk, duties.finds["stale"] = 3, True
    for _ in range(QUIET_LOOKS + 1):
        worker.step()
        assert not worker.rested
