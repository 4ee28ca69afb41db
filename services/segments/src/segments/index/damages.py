"""Files of the index that were not what was written."""

from threading import Lock

from servicekit.logging import logger

from segments.domain.manifests import FileDamaged


class Damages:
    """By (tenant, column), until their columns are told anew."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], str] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._found)

    def add(self, tenant: str, damage: FileDamaged) -> None:
        """Notes and logs it, once."""
        with self._lock:
            if (tenant, damage.column) in self._found:
                return
            self._found[tenant, damage.column] = damage.file
        logger().error(
            "a file of the index is damaged and its column is told anew",
            tenant=tenant,
            tag=damage.column,
            path=damage.file,
            reason=damage.what,
        )

    def of(self, tenant: str, column: str) -> str:
        """The damaged file; empty when there is none."""
        return self._found.get((tenant, column), "")

    def all(self) -> dict[tuple[str, str], str]:
        """Files by (tenant, column)."""
        with self._lock:
            return dict(self._found)

    def clear(self) -> None:
        """All is told anew."""
        with self._lock:
            self._found.clear()
