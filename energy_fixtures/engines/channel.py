"""The wire between a host and its child: one JSON message after another, each with its length before it.

┌────────────────────┬──────────────────────┐
│ 4 bytes, big-endian│ that many bytes: JSON│
└────────────────────┴──────────────────────┘
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

from energy_fixtures.engines.base import Command, Reply

Message = TypeVar("Message")

HEADER_BYTES = 4
READ_BYTES = 65536  # one read; messages are a few kB, so most arrive in one


def frame(message: Command | Reply) -> bytes:
    """The bytes that carry `message`."""
    body = msgspec.json.encode(message)
    return len(body).to_bytes(HEADER_BYTES, "big") + body


class Unframer(Generic[Message]):
    """Turns bytes, in whatever pieces they arrive, into messages of one type."""

    def __init__(self, decoder: msgspec.json.Decoder[Message]) -> None:
        self._decoder = decoder
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield every message that `data` completes.

        Raises:
            msgspec.ValidationError: The bytes are JSON of something else than a message.
            msgspec.DecodeError: The bytes are not JSON.
        """
        self._buffer += data
        while len(self._buffer) >= HEADER_BYTES:
            end = HEADER_BYTES + int.from_bytes(self._buffer[:HEADER_BYTES], "big")
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[HEADER_BYTES:end])
            del self._buffer[:end]
            try:
                message = self._decoder.decode(body)
            except (RecursionError, UnicodeDecodeError) as error:
                raise msgspec.DecodeError(f"no message: {error}") from error
            yield message


def commands(connection: socket.socket) -> Iterator[Command]:
    """Yield each command as it comes, until the other end is closed; waits without using the processor."""
    unframer: Unframer[Command] = Unframer(msgspec.json.Decoder(Command))
    while data := connection.recv(READ_BYTES):
        yield from unframer.feed(data)


def reply_unframer() -> Unframer[Reply]:
    """The parent's side: bytes in, replies out."""
    return Unframer(msgspec.json.Decoder(Reply))
