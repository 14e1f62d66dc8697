"""The event stream of the OpenAI completions API: how many chunks of tokens came, and what the last ones say. Pure.

    data: {"choices":[{"text":" a", ...}], ...}      one chunk, of one token or several
    data: {"choices":[], "usage":{...}}              how many tokens there were, as stream_options asked
    data: [DONE]

A chunk is looked at as bytes and not as JSON: that is most of what a load client costs. The last one of an answer and
the usage are decoded.
"""

from __future__ import annotations

import msgspec

from energy_fixtures.readings import Counted

LONGEST_EVENT = 1 << 20  # bytes; a chunk of one token has some hundreds
LONGEST_REASON = 40  # letters that are kept of a finish_reason; the API has words such as "length"


class StreamError(Exception):
    """The stream is not what the API says; the message holds its beginning."""


class ServerError(Exception):
    """The server said inside the stream that it could not go on; the message holds its words."""


class Usage(msgspec.Struct):
    """Token counts as the server tells them."""

    prompt_tokens: Counted
    completion_tokens: Counted


class _Choice(msgspec.Struct):
    finish_reason: str | None = None
    text: str | None = None


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
        finish_reason: As the server gave it; "" before.
    """

    __slots__ = ("_buffer", "_last", "_open", "chunks", "done", "finish_reason", "usage")

    def __init__(self) -> None:
        self.chunks = 0
        self.usage: Usage | None = None
        self.done = False
        self.finish_reason = ""
        self._buffer = b""
        self._last = b""
        self._open = True  # neither the last chunk nor the end was said

    def feed(self, body: bytes) -> int:
        """Take a part of the stream and return how many token chunks it completes.

        Raises:
            StreamError: A chunk that is no JSON object with choices or usage, one without an end, or tokens after the end.
            ServerError: A chunk that says that an error happened.
        """
        data = self._buffer + body if self._buffer else body
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
        *events, self._buffer = data.split(b"\n\n")
        if len(self._buffer) > LONGEST_EVENT:
            raise StreamError(f"an event of more than {LONGEST_EVENT} bytes")
        new = 0
        for event in events:
            if (
                self._open
                and event.startswith(b'data: {"')
                and event.endswith(b"}")
                and b'"choices":[{' in event
                and b'"finish_reason":null' in event
            ):
                new += 1
                self._last = event
            else:
                new += self._unusual(event)
        self.chunks += new
        return new

    @property
    def unended(self) -> bool:
        """Whether something came that no empty line has ended."""
        return bool(self._buffer.strip())

    def _unusual(self, event: bytes) -> int:
        """Everything but the usual chunk: comments, usage, the last one, the end, other ways to write JSON."""
        lines = [
            line for line in event.split(b"\n") if line and not line.startswith((b":", b"event:", b"id:", b"retry:"))
        ]
        if not lines:
            return 0
        if len(lines) > 1 or not lines[0].startswith(b"data:"):
            raise StreamError(f"an event {event[:80]!r}")
        if self.done:
            raise StreamError(f"more after [DONE], {event[:80]!r}")
        payload = lines[0][5:].strip()
        if payload == b"[DONE]":
            self.done, self._open = True, False
            self._finish()
            return 0
        chunk = self._decoded(payload)
        self.usage = chunk.usage or self.usage
        if chunk.choices:
            (choice, *_) = chunk.choices
            if self.finish_reason and choice.text:
                raise StreamError(f"tokens after its finish_reason, {event[:80]!r}")
            self._give(choice.finish_reason)
            self._last = b"data: " + payload
            return 1
        return 0

    def _finish(self) -> None:
        if self._last:
            chunk = self._decoded(self._last[5:])
            self._give(chunk.choices[0].finish_reason)
            self.usage = self.usage or chunk.usage

    def _give(self, reason: str | None) -> None:
        if reason and not self.finish_reason:
            self.finish_reason, self._open = reason[:LONGEST_REASON], False

    @staticmethod
    def _decoded(payload: bytes) -> _Chunk:
        try:
            chunk = _DECODER.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise StreamError(f"a chunk {payload[:80]!r}") from None
        if chunk.error:
            raise ServerError(bytes(chunk.error)[:200].decode("utf-8", "replace"))
        if not chunk.choices and chunk.usage is None:
            raise StreamError(f"a chunk {payload[:80]!r}")
        return chunk
