"""A provider that does not answer is spared."""

from activation.channels.port import Outcome, Scope, Verdict
from activation.workers.breaker import FAILURES_BORNE, MAX_PAUSE_S, Breaker

UNKNOWN = (Outcome("d", Verdict.UNKNOWN, "HTTP_500"),)
ACCEPTED = (Outcome("d", Verdict.ACCEPTED),)


def test_it_opens_after_three_failures_longer_each_time_and_closes_at_once() -> None:
    now = [0.0]
    breaker = Breaker(lambda: now[0])
    pauses = []
    for _ in range(FAILURES_BORNE + 20):
        breaker.note(UNKNOWN)
        pauses.append(breaker.left_s())
        now[0] += breaker.left_s()
    assert pauses[: FAILURES_BORNE - 1] == [0.0] * (FAILURES_BORNE - 1)
    assert pauses[FAILURES_BORNE - 1 : FAILURES_BORNE + 2] == [0.5, 1.0, 2.0]
    assert max(pauses) == MAX_PAUSE_S
    breaker.note(ACCEPTED)
    assert breaker.left_s() == 0.0


def test_refusals_and_rows_tried_alone_are_answers() -> None:
    breaker = Breaker(lambda: 0.0)
    for _ in range(10):
        breaker.note((Outcome("d", Verdict.REJECTED, "40003", Scope.RECIPIENT),))
        breaker.note((Outcome("d", Verdict.RETRY, "isv.X", alone=True),))
        breaker.note((*UNKNOWN, *ACCEPTED))
    assert breaker.left_s() == 0.0
