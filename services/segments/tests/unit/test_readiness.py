"""Nobody waits for the block engine."""

from threading import Event

import pytest
from segments.engine import compiling
from segments.index.readiness import Readiness


def test_bitmaps_answer_until_kernels_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    may_end, calls = Event(), []

    def compile_ahead(_: object) -> None:
        calls.append(1)
        assert may_end.wait(30)

    monkeypatch.setattr(compiling, "compile_ahead", compile_ahead)
    is_ready = Readiness()
    assert not is_ready()
    assert not is_ready()
    may_end.set()
    assert is_ready._ready.wait(30)
    assert is_ready()
    assert calls == [1]


def test_an_engine_that_cannot_be_compiled_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = Event()

    def compile_ahead(_: object) -> None:
        failed.set()
        raise OSError("no room for the code")

    monkeypatch.setattr(compiling, "compile_ahead", compile_ahead)
    is_ready = Readiness()
    assert not is_ready()
    assert failed.wait(30)
    assert not is_ready()
