"""What is read stays open; what nobody reads closes in order above the budget."""

from dataclasses import dataclass
from threading import Barrier, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st


@dataclass
class Tenant:
    name: int
    bytes: int = 10
    unsaved: bool = False
    closed: bool = False

    def close(self):
        assert not self.closed
        self.closed = not self.unsaved
        return self.closed


def budget(most):
    from segments.engine.live.budget import Budget

    opened = []

    def opens(name):
        opened.append(name)
        return Tenant(name)

    return Budget(most, opens), opened


@given(asked=st.lists(st.integers(0, 7), max_size=60), most=st.integers(0, 60))
def test_what_was_asked_for_last_is_open_within_the_budget(asked, most):
    tenants, opened = budget(most)
    expected, openings = [], []
    for each in asked:
        with tenants.reading(each) as tenant:
            assert (tenant.name, tenant.closed) == (each, False)
        if each in expected:
            expected.remove(each)
        else:
            openings.append(each)
        expected = [*expected, each]
        expected = expected[-(most // 10) :] if most >= 10 else []
        assert tenants.opened == expected
        assert tenants.bytes == 10 * len(expected) <= most
    assert opened == openings


def test_what_is_read_or_unsaved_stays_open():
    tenants, _ = budget(25)
    with tenants.reading("read") as read, tenants.reading("unsaved") as unsaved:
        unsaved.unsaved = True
        for each in range(5):
            with tenants.reading(each):
                pass
        assert not read.closed
        assert tenants.opened == ["read", "unsaved"]
    with tenants.reading("other"):
        pass
    assert read.closed
    assert tenants.opened == ["unsaved", "other"]


def test_it_is_opened_once_for_all_who_ask_at_once():
    tenants, opened = budget(100)
    start, seen = Barrier(8), []

    def ask():
        start.wait()
        with tenants.reading("one") as tenant:
            seen.append(tenant)

    threads = [Thread(target=ask) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert opened == ["one"]
    assert all(each is seen[0] for each in seen)


def test_what_does_not_open_is_tried_again():
    from segments.engine.live.budget import Budget

    answers = [OSError("no"), Tenant(1)]

    def opens(_):
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    tenants = Budget(100, opens)
    with pytest.raises(OSError, match="no"), tenants.reading(1):
        pass
    assert tenants.opened == []
    with tenants.reading(1) as tenant:
        assert tenant.name == 1
