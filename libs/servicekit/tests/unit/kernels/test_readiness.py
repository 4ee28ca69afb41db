"""Nobody waits for kernels."""

from threading import Event

from servicekit.kernels.readiness import Readiness


def test_others_answer_until_kernels_are_compiled() -> None:
    may_end, calls = Event(), []

    def compile_all() -> None:
        calls.append(1)
        assert may_end.wait(30)

    is_ready = Readiness(compile_all, "others answer")
    assert not is_ready()
    assert not is_ready()
    may_end.set()
    assert is_ready.wait(30)
    assert is_ready()
    assert calls == [1]


def test_kernels_that_cannot_be_compiled_are_done_without() -> None:
    failed = Event()

    def compile_all() -> None:
        failed.set()
        raise OSError("no room for the code")

    is_ready = Readiness(compile_all, "others answer")
    assert not is_ready()
    assert failed.wait(30)
    assert not is_ready()
