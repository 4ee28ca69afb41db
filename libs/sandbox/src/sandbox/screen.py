"""The screens of devices, on which a notification takes the place of one with the same tag."""

from dataclasses import replace

from sandbox.carrier import Message
from sandbox.provider import Desk
from sandbox.responses import Response

SHOWN_S = 28 * 86_400.0
"""A notification that nobody taps stays at most so long."""


class Screen:
    """Remembers which tags each device of a provider shows; a tap takes a notification away."""

    def __init__(self, scope: str, desk: Desk) -> None:
        self._scope = scope
        self._desk = desk

    def show(self, message: Message) -> Response | None:
        """Send a message whose key is its tag. None when it took the place of what the device shows already:
        then its effect says REPLACED, and nobody has seen a second message."""
        desk, place = self._desk, f"{message.address} {message.key}"
        if message.key and desk.memory.get(self._scope, place) is not None:
            desk.carrier.send(replace(message, replaces=True))
            return None
        _, response = desk.carrier.send(message)
        if message.key and response.delivered:
            shown_s = SHOWN_S if response.clicked_after_s is None else response.clicked_after_s
            desk.memory.put(self._scope, place, for_s=shown_s)
        return response
