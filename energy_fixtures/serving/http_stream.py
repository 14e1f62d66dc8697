"""The few parts of HTTP/1.1 that a streamed answer needs. Pure: bytes in, body bytes out; no socket.

    status line, header lines, empty line          parsed once
    body: chunked | Content-Length | until close   handed on as it comes, without its framing

Why not a full client: one that is measured with must cost less than what it measures. aiohttp takes about a quarter of a
millisecond per request and a task switch per chunk, on the cores whose joules are counted.
"""

from __future__ import annotations

import re

LONGEST_HEAD = 65_536  # bytes; more is no answer of a server that means well

_STATUS = re.compile(rb"[1-9]\d\d")
_LENGTH = re.compile(rb"\d{1,18}")
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}[ \t]*")  # Python's int() takes signs and underscores too


class ProtocolError(Exception):
    """The bytes are no HTTP/1.1 answer; the message says what was seen."""


class Answer:
    """One answer of a server.

    Attributes:
        status: Of the status line; 0 before it came.
        complete: Whether the whole body came.
        keep_alive: Whether the connection may carry another request, once this answer is complete.
    """

    __slots__ = ("_buffer", "_left", "_mode", "complete", "keep_alive", "status")

    def __init__(self) -> None:
        self.status = 0
        self.complete = False
        self.keep_alive = True
        self._mode = "head"
        self._buffer = b""
        self._left = 0

    def feed(self, data: bytes) -> bytes:
        """Take what came and return the part of it that is body; may be empty.

        Raises:
            ProtocolError: It is no HTTP/1.1 answer.
        """
        if self._mode == "chunked":
            return self._chunks(data)
        if self._mode == "head":
            self._buffer += data
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > LONGEST_HEAD:
                    raise ProtocolError(f"a head of more than {LONGEST_HEAD} bytes")
                return b""
            head, rest = self._buffer[:end], self._buffer[end + 4 :]
            self._buffer = b""
            self._read_head(head)
            if 100 <= self.status < 200:  # an interim answer; the real one follows
                self._mode, self.status = "head", 0
                return self.feed(rest)
            return self.feed(rest) if rest or self._mode == "length" else b""
        if self._mode == "length":
            body = data[: self._left]
            self._left -= len(body)
            self.complete = self._left == 0
            return body
        return data  # until the connection closes

    def closed(self) -> None:
        """The connection ended: that completes a body without a length."""
        if self._mode == "close":
            self.complete = True

    def _read_head(self, head: bytes) -> None:
        first, *lines = head.split(b"\r\n")
        words = first.split(b" ", 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or _STATUS.fullmatch(words[1]) is None:
            raise ProtocolError(f"a status line {first[:40]!r}")
        self.status = int(words[1])
        self.keep_alive = words[0] == b"HTTP/1.1"
        self._mode = "close"
        for line in lines:
            name, _, value = line.partition(b":")
            name, value = name.strip().lower(), value.strip().lower()
            if name == b"transfer-encoding" and value.endswith(b"chunked"):
                self._mode = "chunked"
            elif name == b"content-length" and self._mode != "chunked":
                if _LENGTH.fullmatch(value) is None:
                    raise ProtocolError(f"a Content-Length of {value[:40]!r}")
                self._mode, self._left = "length", int(value)
            elif name == b"connection" and b"close" in value:
                self.keep_alive = False
        if self._mode == "close":
            self.keep_alive = False

    def _chunks(self, data: bytes) -> bytes:
        """Body bytes of whole and begun chunks; framing that is cut by the end of `data` waits for more."""
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        body: list[bytes] = []
        at, end = 0, len(data)
        while at < end and not self.complete:
            if self._left > 2:  # inside a chunk, whose last two bytes are its line end
                part = data[at : at + self._left - 2]
                body.append(part)
                at += len(part)
                self._left -= len(part)
                continue
            if self._left:  # of the line end, or a part of it
                taken = min(self._left, end - at)
                at += taken
                self._left -= taken
                continue
            line_end = data.find(b"\r\n", at)
            if line_end < 0:
                if end - at > 64:
                    raise ProtocolError("a chunk without a size")
                self._buffer = data[at:]
                break
            size = self._size(data[at:line_end])
            if size == 0:  # the last chunk; trailers are not sent by the servers that we meet, and then a line end
                if end - line_end < 4:
                    self._buffer = data[at:]
                    break
                self.complete = True
                break
            at = line_end + 2
            self._left = size + 2
        return body[0] if len(body) == 1 else b"".join(body)

    @staticmethod
    def _size(line: bytes) -> int:
        digits = line.split(b";", 1)[0]
        if _CHUNK_SIZE.fullmatch(digits) is None:
            raise ProtocolError(f"a chunk size of {line[:40]!r}")
        return int(digits, 16)
