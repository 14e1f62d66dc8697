"""The load client: sends requests when they are due, streams the answers, notes when each token came.

    due ──► sent ──► first token ──► ... ──► last token        one connection per request on its way, kept for the next
     └ lag ┘ └─ TTFT ──┘ └──── ITL ────┘
             └───────────── E2E ───────────────┘

One asyncio loop, no task per request: the socket's callbacks do the work, so that the client costs little beside the
server whose joules are counted. It speaks HTTP/1.1 to one address and follows no redirect.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from energy_fixtures.serving.events import Events, ServerError, StreamError
from energy_fixtures.serving.http_stream import Answer, ProtocolError
from energy_fixtures.serving.records import Failure
from energy_fixtures.serving.schedule import Planned

Mark = Literal["steady_begin", "steady_end"]

STALL_S = 60.0
"""A stream in which nothing comes for so long has stalled; the longest step of a large model takes some seconds."""

AT_CAPACITY = (429, 503)
MOST_SAID = 400  # bytes of an answer with another status than 200: enough for its reason

now = time.monotonic
"""Not the loop's own time: uvloop's is the millisecond in which the loop last woke."""

LOOKS = 4  # at every stream, in each STALL_S


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where the server listens."""

    host: str
    port: int
    path: str = "/v1/completions"

    @property
    def at(self) -> str:
        """Host and port as a URL has them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def post(self, body: bytes, key: str | None = None) -> bytes:
        """A whole request with a JSON body; `key` is printable ASCII."""
        allowed = f"Authorization: Bearer {key}\r\n" if key else ""
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: {self.at}\r\nContent-Type: application/json\r\n"
            f"Accept: text/event-stream\r\n{allowed}Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode("ascii") + body


@dataclass(eq=False, slots=True)
class Sent:
    """One request on its way, and what came back; times are those of `time.monotonic()`.

    Attributes:
        due_s, sent_s, ended_s: As in `Served`, not yet counted from the run's beginning. 0 is "not yet".
        times_s: When each chunk of tokens came.
        seen_s: When the last byte came.
    """

    planned: Planned
    body: bytes
    events: Events = field(default_factory=Events)
    due_s: float = 0.0
    sent_s: float = 0.0
    seen_s: float = 0.0
    ended_s: float = 0.0
    times_s: list[float] = field(default_factory=list)
    failure: Failure | None = None
    why: str = ""
    next_turn: Sent | None = None


class Run:
    """All requests of one arrival run.

    Args:
        address: The server.
        planned: What to send, in order.
        bodies: A whole request for each.
        max_concurrency: Most requests on their way at once.
        full: B, the number of requests that fill the server; None for no marks.
        on_mark: Told at the two ends of the steady state, inside the loop; it should return at once.
        stall_s: See STALL_S.
    """

    def __init__(
        self,
        address: Address,
        planned: Sequence[Planned],
        bodies: Sequence[bytes],
        *,
        max_concurrency: int | None = None,
        full: int | None = None,
        on_mark: Callable[[Mark, float], None] = lambda mark, at_s: None,
        stall_s: float = STALL_S,
    ) -> None:
        self.requests = [Sent(planned=one, body=body) for one, body in zip(planned, bodies, strict=True)]
        for sent in self.requests:
            if sent.planned.after is not None:
                self.requests[sent.planned.after].next_turn = sent
        self.marks: dict[Mark, float] = {}
        self.began_s = 0.0
        self.cpu_s = 0.0
        self._address = address
        self._most = max_concurrency or len(self.requests)
        self._full = full
        self._on_mark = on_mark
        self._stall_s = stall_s
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()
        self._waiting: deque[Sent] = deque()
        self._on_their_way = 0
        self._first_tokens = 0
        self._finished = 0
        self._left = len(self.requests)
        self._seen_s = 0.0

    async def go(self) -> None:
        """Send everything and wait for every answer's end."""
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself holds only weak references
        cpu_s = time.process_time()
        self.began_s = self._seen_s = now()
        base_s = self._loop.time()
        for sent in self.requests:
            if sent.planned.at_s is not None:
                self._loop.call_at(base_s + sent.planned.at_s, self._due, sent, self.began_s + sent.planned.at_s)
        self._watching = self._loop.call_later(self._stall_s / LOOKS, self._watch)
        try:
            await self._done
        finally:
            self._watching.cancel()
            for connection in tuple(self._open):
                connection.abort()
            self.cpu_s = time.process_time() - cpu_s

    # -- one request's way ---------------------------------------------------------------------------------------

    def _due(self, sent: Sent, at_s: float) -> None:
        sent.due_s = at_s
        if self._on_their_way < self._most:
            self._send(sent)
        else:
            self._waiting.append(sent)

    def _send(self, sent: Sent) -> None:
        self._on_their_way += 1
        sent.sent_s = sent.seen_s = now()
        if self._idle:
            self._idle.pop().send(sent)
        else:
            self._connect(sent)

    def _connect(self, sent: Sent) -> None:
        task = self._loop.create_task(self._connected(sent))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connected(self, sent: Sent) -> None:
        try:
            _, connection = await self._loop.create_connection(
                lambda: _Connection(self), self._address.host, self._address.port
            )
        except OSError as error:
            self.failed(sent, "unreachable", error.strerror or str(error))
        else:
            connection.send(sent)

    def tokens(self, sent: Sent, new: int) -> None:
        """`new` chunks of tokens came now."""
        now_s = now()
        times_s = sent.times_s
        if not times_s:
            self._first_tokens += 1
            if self._first_tokens == self._full:
                self._mark("steady_begin", now_s)
        if new == 1:
            times_s.append(now_s)
        else:
            times_s.extend([now_s] * new)

    def seen(self, sent: Sent) -> None:
        """Something came."""
        sent.seen_s = self._seen_s = now()

    def finished(self, sent: Sent, connection: _Connection, *, keep: bool) -> None:
        """The whole answer came; the connection is free where it may be kept."""
        self._finished += 1
        if self._full is not None and self._finished == len(self.requests) - self._full - 1:
            self._mark("steady_end", now())
        sent.ended_s = sent.times_s[-1] if sent.times_s else now()
        if keep:
            self._idle.append(connection)
        else:
            connection.abort()
        self._ended(sent)

    def failed(self, sent: Sent, failure: Failure, why: str) -> None:
        """No whole answer will come, nor one to the turns that should follow."""
        self._end(sent, failure, why)
        self._ended(sent)

    def resend(self, sent: Sent) -> None:
        """The server had closed a kept connection before the request reached it: once more on a new one."""
        self._connect(sent)

    def lost(self, connection: _Connection) -> None:
        """A connection is gone."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def opened(self, connection: _Connection) -> None:
        """A connection is there."""
        self._open.add(connection)

    def _end(self, sent: Sent, failure: Failure, why: str) -> None:
        sent.failure, sent.why, sent.ended_s = failure, why, now()

    def _ended(self, sent: Sent) -> None:
        self._on_their_way -= 1
        self._left -= 1
        following = sent.next_turn
        if following is not None and sent.failure is None:
            self._due(following, now())
        while following is not None and sent.failure is not None:  # they would repeat an answer that is not there
            following.due_s = following.sent_s = now()
            self._end(following, sent.failure, sent.why)
            self._left -= 1
            following = following.next_turn
        if self._waiting and self._on_their_way < self._most:
            freed = self._waiting.popleft()
            freed.due_s = max(freed.due_s, now())
            self._send(freed)
        if self._left == 0 and not self._done.done():
            self._done.set_result(None)

    # -- beside --------------------------------------------------------------------------------------------------

    def _mark(self, mark: Mark, at_s: float) -> None:
        self.marks[mark] = at_s
        self._on_mark(mark, at_s)

    def _watch(self) -> None:
        """End the streams that have stalled: mid-stream each by itself, before a first token only when nobody gets any.

        A request may wait for its first token as long as the queue before it takes.
        """
        now_s = now()
        for connection in tuple(self._open):
            sent = connection.sent
            if sent is None:
                continue
            silent_since_s = sent.seen_s if sent.times_s else max(sent.seen_s, self._seen_s)
            if now_s - silent_since_s > self._stall_s:
                connection.stalled(self._stall_s)
        self._watching = self._loop.call_later(self._stall_s / LOOKS, self._watch)


class _Connection(asyncio.Protocol):
    """One connection: carries one request at a time."""

    def __init__(self, run: Run) -> None:
        self.sent: Sent | None = None
        self._run = run
        self._answer = Answer()
        self._said = b""
        self._reused = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")  # uvloop's is its own
        self._transport = transport  # type: ignore[assignment]  # checked above
        self._run.opened(self)

    def send(self, sent: Sent) -> None:
        """Send a request on this free connection."""
        assert self._transport is not None
        self._reused = self.sent is None and self._answer.status != 0
        self.sent, self._answer, self._said = sent, Answer(), b""
        self._transport.write(sent.body)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        sent, answer = self.sent, self._answer
        if sent is None:  # a server that speaks unasked
            self.abort()
            return
        self._run.seen(sent)
        try:
            body = answer.feed(data)
            if answer.status == 200:
                new = sent.events.feed(body) if body else 0
                if new:
                    self._run.tokens(sent, new)
            elif answer.status:
                self._said += body[: MOST_SAID - len(self._said)]
                if answer.complete or len(self._said) == MOST_SAID:
                    self._refused()
                return
        except ServerError as error:
            self.fail("http_error", f"inside the stream: {error}")
            return
        except (ProtocolError, StreamError) as error:
            self.fail("malformed", f"it sent {error}")
            return
        if answer.complete:
            self._whole(sent, answer)

    def eof_received(self) -> None:
        """See asyncio."""

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio."""
        self._run.lost(self)
        sent, self.sent = self.sent, None
        if sent is None:
            return
        answer = self._answer
        answer.closed()
        if answer.complete and sent.events.done:
            self._run.finished(sent, self, keep=False)
        elif answer.status == 0 and self._reused:
            self._run.resend(sent)
        elif answer.status == 0:
            self._run.failed(sent, "unreachable", str(error or "the connection was closed without an answer"))
        elif answer.status != 200:
            self.sent = sent
            self._refused()
        else:
            self._run.failed(sent, "cut_off", str(error or "the connection was closed inside the answer"))

    def fail(self, failure: Failure, why: str) -> None:
        """Give this request up and the connection with it."""
        sent, self.sent = self.sent, None
        self.abort()
        if sent is not None:
            self._run.failed(sent, failure, why)

    def abort(self) -> None:
        """Close at once."""
        self._run.lost(self)
        if self._transport is not None:
            self._transport.abort()

    def stalled(self, limit_s: float) -> None:
        """Nothing came for longer than a stream may pause."""
        if self._answer.status not in (0, 200):  # the status said it; only its reason did not come
            self._refused()
        else:
            self.fail("stalled", f"nothing came for {limit_s:g} s")

    def _refused(self) -> None:
        """Another status than 200: its text says why."""
        status, said = self._answer.status, self._said.decode("utf-8", "replace")
        self.fail("at_capacity" if status in AT_CAPACITY else "http_error", f"status {status}: {said}")

    def _whole(self, sent: Sent, answer: Answer) -> None:
        events = sent.events
        if events.chunks == 0 and events.unended:
            self.fail("malformed", "it sent no event stream")
        elif not events.done:
            self.fail("cut_off", "the stream ended without [DONE]")
        elif events.usage is None or not sent.times_s:
            self.fail("malformed", "it sent no token or no usage")
        else:
            self.sent = None
            self._run.finished(sent, self, keep=answer.keep_alive)
