"""Runs that a command waits for: their ids, how far they are, and how to find one that nobody waits for any more."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import Progress

from cli.exits import Refusal
from cli.output import notes, progress


class Watched:
    """A run that a command waits for; told as soon as its id is known."""

    def __init__(self, bars: Progress, name: str) -> None:
        self.run_id = ""
        self._bars, self._name = bars, name
        self._task = bars.add_task(name, total=None, rate="")

    def see(self, run_id: str, state: str, done: int, total: int) -> None:
        """What has become of it; a `total` of 0 is not known yet."""
        if not self.run_id:
            notes.print(f"run {run_id}", markup=False)
        self.run_id = run_id
        said = f"{self._name}, {state}"
        self._bars.update(self._task, total=total or None, completed=done, description=said)


@contextmanager
def watching(group: str, name: str, listed_by: str = "") -> Iterator[Watched]:
    """A run of `huaxiang <group>` that works on `name`. Raises Refusal when somebody stops waiting: the run does not
    stop, and `<group> runs` tells of it, by its id or by what they are listed by."""
    with progress() as bars:
        watched = Watched(bars, name)
        try:
            yield watched
        except KeyboardInterrupt:
            raise Refusal(_left(group, watched.run_id, listed_by)) from None


def _left(group: str, run_id: str, listed_by: str) -> str:
    runs = f"huaxiang {group} runs"
    if not run_id:
        return f"stopped before the run's id was known; whether one was started tells: {runs}"
    return (
        f"stopped waiting; run {run_id} goes on. Look at it with: {runs} {listed_by or run_id}; "
        f"end it with: huaxiang {group} cancel {run_id}"
    )
