"""The event stream of the OpenAI completions API: how many chunks of tokens came, and what the last ones say. Pure.

    data: {"choices":[{"text":" a", ...}], ...}      one chunk, of one token or several
    data: {"choices":[], "usage":{...}}              how many tokens there were, as stream_options asked
    data: [DONE]

A chunk is looked at as bytes and not as JSON: that is most of what a load client costs. The last one of an answer and
the usage are decoded.
"""

from __future__ import annotations

import msgspec


class StreamError(Exception):
    """The stream is not what the API says; the message holds its beginning."""


class ServerError(Exception):
    """The server said inside the stream that it could not go on; the message holds its words."""


class Usage(msgspec.Struct):
    """Token counts as the server tells them."""

    prompt_tokens: int
    completion_tokens: int


class _Choice(msgspec.Struct):
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    usage: Usage | None = None
    error: msgspec.Raw = msgspec.Raw()


_DECODER = msgspec.json.Decoder(_Chunk)


class Events:
    """Counts the chunks of one answer.

    Attributes:
        chunks: Token chunks so far.
        usage: None until the server said it.
        done: Whether the end was announced.
        finish_reason: As the last chunk said; "" before.
    """

    __slots__ = ("_buffer", "_last", "chunks", "done", "finish_reason", "usage")

    def __init__(self) -> None:
        self.chunks = 0
        self.usage: Usage | None = None
        self.done = False
        self.finish_reason = ""
        self._buffer = b""
        self._last = b""

    def feed(self, body: bytes) -> int:
        """Take a part of the stream and return how many token chunks it completes.

        Raises:
            StreamError: A chunk that is no JSON object with choices or usage.
            ServerError: A chunk that says that an error happened.
        """
        data = self._buffer + body if self._buffer else body
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
        *events, self._buffer = data.split(b"\n\n")
        new = 0
        for event in events:
            if event.startswith(b'data: {"') and event.endswith(b"}") and b'"choices":[{' in event:
                new += 1
                self._last = event
            else:
                new += self._unusual(event)
        self.chunks += new
        return new

    def _unusual(self, event: bytes) -> int:
        """Everything but the usual chunk: comments, usage, the end, other ways to write JSON."""
        lines = [
            line for line in event.split(b"\n") if line and not line.startswith((b":", b"event:", b"id:", b"retry:"))
        ]
        if not lines:
            return 0
        if len(lines) > 1 or not lines[0].startswith(b"data:"):
            raise StreamError(f"an event {event[:80]!r}")
        payload = lines[0][5:].strip()
        if payload == b"[DONE]":
            self.done = True
            self._finish()
            return 0
        chunk = self._decoded(payload)
        self.usage = chunk.usage or self.usage
        if chunk.choices:
            self._last = b"data: " + payload
            return 1
        return 0

    def _finish(self) -> None:
        if self._last:
            chunk = self._decoded(self._last[5:])
            self.finish_reason = chunk.choices[0].finish_reason or ""
            self.usage = self.usage or chunk.usage

    @staticmethod
    def _decoded(payload: bytes) -> _Chunk:
        try:
            chunk = _DECODER.decode(payload)
        except msgspec.DecodeError:
            raise StreamError(f"a chunk {payload[:80]!r}") from None
        if chunk.error:
            raise ServerError(bytes(chunk.error)[:200].decode("utf-8", "replace"))
        if not chunk.choices and chunk.usage is None:
            raise StreamError(f"a chunk {payload[:80]!r}")
        return chunk
