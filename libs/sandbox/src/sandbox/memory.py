"""What a provider remembers across restarts: nonces, keys already used, tokens, opt-outs."""

from collections.abc import Iterable

from sandbox.clock import Clock
from sandbox.store import Store


class Memory:
    """Names with a value and an optional expiry on the suite's clock, kept apart by scope.

    Writes belong to the caller's transaction. An expired name counts as absent at once and is swept later.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._connection = store.connection
        self._clock = clock

    def get(self, scope: str, name: str) -> str | None:
        """The value, or None when absent or expired."""
        row = self._connection.execute(
            "SELECT value FROM remembered WHERE scope = ? AND name = ?"
            " AND (expires_epoch_s IS NULL OR expires_epoch_s > ?)",
            (scope, name, self._clock.now()),
        ).fetchone()
        return None if row is None else str(row[0])

    def put(self, scope: str, name: str, value: str = "", *, for_s: float | None = None) -> None:
        """Set or replace; without `for_s` it is kept for ever."""
        self.put_all(scope, [(name, value)], for_s=for_s)

    def put_all(self, scope: str, items: Iterable[tuple[str, str]], *, for_s: float | None = None) -> None:
        expires = None if for_s is None else self._clock.now() + for_s
        self._connection.executemany(
            "INSERT OR REPLACE INTO remembered (scope, name, value, expires_epoch_s) VALUES (?, ?, ?, ?)",
            [(scope, name, value, expires) for name, value in items],
        )

    def forget(self, scope: str, name: str) -> None:
        self._connection.execute("DELETE FROM remembered WHERE scope = ? AND name = ?", (scope, name))

    def forget_all(self, scope: str) -> None:
        self._connection.execute("DELETE FROM remembered WHERE scope = ?", (scope,))

    def next_number(self, scope: str, first: int) -> int:
        """Ascending numbers from `first`, never repeated, also after a restart."""
        number = int(self.get(scope, "number") or first)
        self.put(scope, "number", str(number + 1))
        return number

    def sweep(self) -> None:
        self._connection.execute(
            "DELETE FROM remembered WHERE expires_epoch_s IS NOT NULL AND expires_epoch_s <= ?",
            (self._clock.now(),),
        )
