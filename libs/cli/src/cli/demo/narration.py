"""What the demo says while it works: one line per step with its time, bars for long work; on stderr."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cli.output import notes, progress, rate_of


class Narration:
    """`steps` is how many there are in all."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._step = 0
        self._facts: list[str] | None = None

    @contextmanager
    def step(self, text: str, zh: str) -> Iterator[None]:
        """Says a step with its time when it has ended, then its facts; and before, when people watch."""
        self._step += 1
        title = f"[{self._step:>2}/{self._steps}] {text} [dim]{zh}[/dim]"
        started = time.monotonic()
        facts: list[str] = []
        self._facts = facts
        try:
            with notes.status(title):
                yield
        finally:
            self._facts = None
            notes.print(f"{title} [dim]{time.monotonic() - started:.1f} s[/dim]", soft_wrap=True)
            for fact in facts:
                self.line(fact)

    def line(self, text: str) -> None:
        """A fact that belongs to the step."""
        if self._facts is not None:
            self._facts.append(text)
            return
        notes.print(f"        {text}", markup=False, soft_wrap=True)

    @contextmanager
    def bar(self, text: str, total: int | None, unit: str) -> Iterator[Callable[[int], None]]:
        """A bar that grows by what it is called with."""
        started = time.monotonic()
        with progress() as bars:
            task = bars.add_task(f"        {text}", total=total, rate="")

            def advance(done: int) -> None:
                bars.advance(task, done)
                bars.update(task, rate=rate_of(bars.tasks[task].completed, started, unit))

            yield advance
