"""Which addresses a provider knows: everything well-formed, or only those listed; and who has left."""

from dataclasses import dataclass, field
from pathlib import Path

from sandbox.clock import Clock
from sandbox.document import Reader
from sandbox.memory import Memory


@dataclass(frozen=True, slots=True)
class Directory:
    """Known addresses, and those of people who left before the sandbox started."""

    listed: frozenset[str] | None = field(repr=False)
    """None = every address is known."""
    gone: frozenset[str] = field(repr=False)
    """Known, but not reachable any more."""

    @classmethod
    def read(cls, reader: Reader) -> "Directory":
        """Read {listed: [...], listed_file: path, gone: [...]}; without the first two all are known."""
        listed: frozenset[str] | None = None
        if reader.has("listed") or reader.has("listed_file"):
            listed = frozenset(reader.texts("listed")) | _lines(reader)
        directory = cls(listed, frozenset(reader.texts("gone")))
        reader.close()
        return directory

    def knows(self, address: str) -> bool:
        return self.listed is None or address in self.listed

    def reachable(self, address: str) -> bool:
        return address not in self.gone


class Leavers:
    """People who leave while the sandbox runs, each from a moment on the suite's clock."""

    def __init__(self, scope: str, memory: Memory, clock: Clock) -> None:
        self._scope = scope
        self._memory = memory
        self._clock = clock

    def add(self, address: str, after_s: float) -> None:
        self._memory.put(self._scope, address, str(self._clock.now() + after_s))

    def holds(self, address: str) -> bool:
        """Whether the person has left by now."""
        return self.since(address) is not None

    def since(self, address: str) -> float | None:
        """Since when the person is gone, None while there."""
        since = self._memory.get(self._scope, address)
        return float(since) if since is not None and float(since) <= self._clock.now() else None


def _lines(reader: Reader) -> frozenset[str]:
    path = reader.text("listed_file", "")
    if not path:
        return frozenset()
    try:
        return frozenset(Path(path).read_text(encoding="utf-8").split())
    except OSError as error:
        reader.problems.append(f"{reader.path}.listed_file cannot be read: {error.strerror}")
        return frozenset()
