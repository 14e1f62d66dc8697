"""A completions server on the loopback, in a thread: well, or wrong in the way that the nth request asks for."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp import web

from energy_fixtures.serving.client import Address


@dataclass
class Fake:
    """What the server does, and what it saw.

    Attributes:
        wrong: By number of the completions request, from 0, how it is answered; "well" for all others.
        gap_s: Between two chunks.
        bodies: Of every completions request, in order.
        address: Where it listens.
        foreign: Finished requests that its counters tell beside ours.
        metrics: Whether it has counters at all.
        caches: Whether its counters say that it caches prefixes; None where they do not say.
        busiest: Most requests on their way at once.
        models: Ids of what it serves.
        key: What it wants as a bearer's key; None for nothing.
        one_at_a_time: Whether a request waits, without an answer, until the one before is done.
    """

    wrong: Mapping[int, str] = field(default_factory=dict)
    gap_s: float = 0.001
    bodies: list[dict] = field(default_factory=list)
    address: Address = field(default_factory=lambda: Address(host="127.0.0.1", port=0))
    foreign: int = 0
    metrics: bool = True
    caches: bool | None = None
    busiest: int = 0
    models: tuple[str, ...] = ("/models/fake-1b",)
    key: str | None = None
    one_at_a_time: bool = False
    now: int = 0
    done: int = 0

    async def completions(self, request: web.Request) -> web.StreamResponse:
        self._let_in(request)
        number = len(self.bodies)
        self.bodies.append(await request.json())
        self.now += 1
        self.busiest = max(self.busiest, self.now)
        while self.one_at_a_time and number > self.done:
            await asyncio.sleep(0.01)
        try:
            return await self._answer(request, number)
        finally:
            self.done += 1
            self.now -= 1

    async def _answer(self, request: web.Request, number: int) -> web.StreamResponse:
        asked, how = self.bodies[number], self.wrong.get(number, "well")
        if how in ("500", "429", "503"):
            return web.json_response({"error": {"message": "no"}}, status=int(how))
        if how == "hang":
            await asyncio.sleep(30)
        if how == "json":
            return web.json_response({"choices": [{"text": " a"}]})
        if how == "400 later":
            return await self._later(request)
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        tokens = asked["max_tokens"] - (how == "short")
        for token in range(tokens):
            if token == 2:
                if how == "garbage":
                    await answer.write(b"data: {oops\n\n")
                elif how == "error":
                    await answer.write(b'data: {"error": {"message": "out of memory"}}\n\n')
                elif how == "reset":
                    request.transport.abort()
                    return answer
                elif how == "stall":
                    await asyncio.sleep(30)
                elif how == "end":
                    return answer
            if how == "pairs" and token % 2:  # came with the one before
                continue
            reason = "length" if token >= tokens - (2 if how == "pairs" else 1) else None
            text = "" if how == "empty" else " a" * (600_000 if how == "huge" else 1)
            await answer.write(event({"choices": [{"index": 0, "text": text, "finish_reason": reason}]}))
            await asyncio.sleep(self.gap_s)
        if how == "more":
            await answer.write(event({"choices": [{"index": 0, "text": " b", "finish_reason": None}]}))
        if how != "no usage":
            counted = -tokens if how == "negative" else tokens
            usage = {"prompt_tokens": len(asked["prompt"]), "completion_tokens": counted}
            await answer.write(event({"choices": [], "usage": usage}))
        await answer.write(b"data: [DONE]\n\n")
        if how == "after the end":
            await answer.write(event({"choices": [{"index": 0, "text": " b", "finish_reason": None}]}))
        return answer

    async def _later(self, request: web.Request) -> web.StreamResponse:
        """A refusal whose reason comes in a packet of its own."""
        answer = web.StreamResponse(status=400)
        await answer.prepare(request)
        await asyncio.sleep(0.05)
        await answer.write(b'{"error": "no model /srv/private/llama here"}')
        return answer

    def _let_in(self, request: web.Request) -> None:
        if self.key is not None and request.headers.get("Authorization") != f"Bearer {self.key}":
            raise web.HTTPUnauthorized

    async def list_models(self, request: web.Request) -> web.Response:
        self._let_in(request)
        return web.json_response({"data": [{"id": name, "max_model_len": 4096} for name in self.models]})

    async def counters(self, request: web.Request) -> web.Response:
        if not self.metrics:
            raise web.HTTPNotFound
        done = len(self.bodies) + self.foreign
        page = f'# HELP\nvllm:request_success_total{{finished_reason="length"}} {done}.0\n'
        if self.caches is not None:
            page += f'vllm:cache_config_info{{block_size="16",enable_prefix_caching="{self.caches}",engine="0"}} 1.0\n'
        return web.Response(text=page)

    async def version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": "0.0.1"})


def event(chunk: dict) -> bytes:
    """As vLLM writes it: no spaces."""
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


@contextmanager
def serving(fake: Fake) -> Iterator[Fake]:
    """Serve `fake` on a free port of the loopback."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(_start(fake), loop).result(10)
    try:
        yield fake
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _start(fake: Fake) -> web.AppRunner:
    application = web.Application()
    application.add_routes(
        [
            web.post("/v1/completions", fake.completions),
            web.get("/v1/models", fake.list_models),
            web.get("/metrics", fake.counters),
            web.get("/version", fake.version),
            web.get("/health", _well),
        ]
    )
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    fake.address = Address(host="127.0.0.1", port=port)
    return runner


async def _well(request: web.Request) -> web.Response:
    return web.Response()
