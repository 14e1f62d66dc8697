"""A server that costs next to nothing: the completions API on the loopback, every answer from ready-made bytes.

python -m perf.cases.fake_server GAP_MS [--port PORT]      prints its port; each chunk of one token comes GAP_MS after the last
"""

from __future__ import annotations

import asyncio
import sys

MODELS = b'{"object":"list","data":[{"id":"model","object":"model","max_model_len":1000000}]}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
# as long as vLLM 0.32's own
TOKEN = (
    b'data: {"id":"cmpl-8f2b1c9d3e4f5a6b7c8d9e0f1a2b3c4d","object":"text_completion","created":1780000000,'
    b'"model":"model","choices":[{"index":0,"text":" token","logprobs":null,"finish_reason":%s,"stop_reason":null}],'
    b'"usage":null}\n\n'
)
USAGE = (
    b'data: {"id":"cmpl-8f2b1c9d3e4f5a6b7c8d9e0f1a2b3c4d","object":"text_completion","created":1780000000,'
    b'"model":"model","choices":[],"usage":{"prompt_tokens":64,"total_tokens":%d,"completion_tokens":%d}}\n\n'
)
DONE = b"data: [DONE]\n\n"


def chunk(data: bytes) -> bytes:
    """In HTTP's chunked framing."""
    return b"%x\r\n%b\r\n" % (len(data), data)


MIDDLE = chunk(TOKEN % b"null")


def ending(tokens: int) -> bytes:
    """The last token, the usage, the end."""
    last, usage = TOKEN % b'"length"', USAGE % (64 + tokens, tokens)
    return chunk(last) + chunk(usage) + chunk(DONE) + b"0\r\n\r\n"


class Fake(asyncio.Protocol):
    """One connection; requests come one after another."""

    gap_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # a TCP one
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head, body = self._buffer[:end], self._buffer[end + 4 :]
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if len(body) < (int(lengths[0][15:]) if lengths else 0):
            return
        self._buffer = b""
        if head.startswith(b"GET"):
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(MODELS) + MODELS)
            return
        if not head.startswith(b"POST /v1/completions "):
            self._transport.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return
        start = body.find(b'"max_tokens":') + 13
        tokens = int(body[start:].replace(b"}", b",").split(b",", 1)[0])
        if self.gap_s == 0:
            self._transport.write(HEAD + MIDDLE * (tokens - 1) + ending(tokens))
            return
        self._transport.write(HEAD + (MIDDLE if tokens > 1 else b""))
        asyncio.get_running_loop().call_later(self.gap_s, self._next, tokens - 2, tokens)

    def _next(self, left: int, tokens: int) -> None:
        if left <= 0:
            self._transport.write(ending(tokens))
            return
        self._transport.write(MIDDLE)
        asyncio.get_running_loop().call_later(self.gap_s, self._next, left - 1, tokens)


async def serve(gap_s: float, port: int) -> None:
    """Serve until killed."""
    Fake.gap_s = gap_s
    server = await asyncio.get_running_loop().create_server(Fake, "127.0.0.1", port, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        from uvloop import run
    except ImportError:
        from asyncio import run  # type: ignore[assignment]  # the slower one
    run(serve(float(sys.argv[1]) / 1e3, int(sys.argv[2]) if len(sys.argv) > 2 else 0))
