"""`python -m identity.preparer`: prepares messages for the service that spawned it (api/preparers.py)."""

import gc
import marshal
import signal
import socket
import sys
from contextlib import suppress
from typing import NoReturn

from servicekit.revision import Lane

from identity.api.frames import UNABLE, receive_frame, send_frame
from identity.api.packed_batches import pack
from identity.api.parse_records import RecordParser
from identity.api.preparation import Message, Preparation
from identity.app.keyed_records import Batch, key_arrivals
from identity.domain.normalise import Normaliser
from identity.domain.record import Arrival
from identity.standards.load import load_standards
from identity.store.vault import KeyVault

BUILT_IN_VERSION = 0
"""Of the policy: another one is applied by the service, which knows it."""
COLLECTED_AFTER = 50_000
"""Containers made more than freed before the garbage collector looks: a message is thousands of them."""


def wire(secret: bytes) -> Preparation:
    """Preparation as the service itself does it."""
    standards, vault = load_standards(), KeyVault(secret)
    policy = standards.policy

    def key(tenant: str, lane: Lane, arrivals: list[Arrival]) -> Batch:
        keyed = key_arrivals(tenant, arrivals, vault, policy)
        return Batch(tenant, lane, arrivals, keyed, BUILT_IN_VERSION)

    normaliser = Normaliser(policy, standards.blocked)
    parser = RecordParser(policy, normaliser, standards.attributes, standards.closed_properties)
    return Preparation(parser, key)


def serve(connection: socket.socket) -> NoReturn:
    """Answers until the other end closes the socket: then EOFError or OSError."""
    prepare = wire(receive_frame(connection))
    gc.freeze()
    gc.set_threshold(COLLECTED_AFTER)
    while True:
        message = Message(*marshal.loads(receive_frame(connection)))  # noqa: S302  # from the service
        try:
            answer = pack(prepare(message))
        except Exception:  # the service prepares it again and tells why
            answer = UNABLE
        send_frame(connection, answer)


def main() -> int:
    """Serves the socket that is the standard input; returns the exit code."""
    for name in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # sent to all at once: the service closes the socket when it is done
        signal.signal(name, signal.SIG_IGN)
    with socket.socket(fileno=sys.stdin.fileno()) as connection, suppress(EOFError, OSError):
        serve(connection)
    return 0


if __name__ == "__main__":
    sys.exit(main())
