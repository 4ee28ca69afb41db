"""Room for questions about behaviour: how many there are at once, and what their sets weigh together."""

from servicekit.errors import QueueFull

COMPUTED_AT_ONCE = 2
"""Each holds the events of its persons in memory."""
MAX_WAITING = 16
MAX_HELD_BYTES = 1024 * 1024 * 1024
"""Sets of all questions together, as they came."""


class Room:
    """Of one event loop."""

    def __init__(self) -> None:
        self.questions = 0
        self.bytes = 0

    def enter(self) -> "Place":
        """A place, before anything of the question is read. Raises QueueFull."""
        if self.questions >= COMPUTED_AT_ONCE + MAX_WAITING:
            raise QueueFull("questions about behaviour", MAX_WAITING)
        return Place(self)


class Place:
    """What one question takes of a room, until it leaves."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._bytes = 0
        room.questions += 1

    def take(self, size: int) -> None:
        """So many bytes more. Raises QueueFull."""
        if self._room.bytes + size > MAX_HELD_BYTES:
            raise QueueFull("bytes of sets that questions about behaviour are asked of", MAX_HELD_BYTES)
        self._room.bytes += size
        self._bytes += size

    def leave(self) -> None:
        """Once."""
        self._room.questions -= 1
        self._room.bytes -= self._bytes
