"""Frames over a socket: the length in 4 bytes, big-endian, then the content."""

import socket
import struct

UNABLE = b""
"""The answer to a message that could not be prepared."""
_LENGTH = struct.Struct(">I")


def send_frame(connection: socket.socket, content: bytes) -> None:
    """Blocks until the other end took it. Raises OSError."""
    connection.sendall(_LENGTH.pack(len(content)) + content)


def receive_frame(connection: socket.socket) -> bytes:
    """Blocks until the other end sent one. Raises OSError, EOFError when it closed the socket."""
    (length,) = _LENGTH.unpack(_receive(connection, _LENGTH.size))
    return _receive(connection, length)


def _receive(connection: socket.socket, count: int) -> bytes:
    content = bytearray(count)
    rest = memoryview(content)
    while rest:
        received = connection.recv_into(rest)
        if not received:
            raise EOFError("the other end closed the socket")
        rest = rest[received:]
    return bytes(content)
