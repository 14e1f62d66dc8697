"""A running session as a page on this machine: one HTML file, then server-sent events.

    GET /         the page        GET /metrics  for Prometheus, where asked for
    GET /events   the picture as it is, then what changes: {"reset", "now", "text", "rows", "power"}

It listens on the loopback interface alone, and answers only requests that were addressed to it by a loopback name: a web
page elsewhere cannot read it through a name of its own that points here.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.resources import files

import msgspec
from aiohttp import web

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.record import Record
from reports.live.follow import Watcher
from reports.live.prometheus import CONTENT_TYPE, exposition
from reports.live.state import Now, Picture
from reports.live.words import figures_of, headline_of, name_of, step_of, value_of, verdict_of

LOOK_S = 0.5
"""Between two looks at the session's file."""
ALIVE_S = 15.0
"""A stream without news for this long says that it is alive, so that nothing between takes it for dead."""
LOOPBACK = "127.0.0.1"
PORT = 8765


class Line(Record, frozen=True, kw_only=True, omit_defaults=False):
    """A row as the page shows it; `index` is its place."""

    index: int
    name: str
    figure: str
    verdict: str
    sentence: str


class Update(Record, frozen=True, kw_only=True, omit_defaults=False):
    """One event of the stream; with `reset` everything before it is of another session."""

    reset: bool
    state: str
    headline: str
    step: str
    figures: list[tuple[str, str]]
    rows: list[Line]
    power: list[tuple[float, float]]


class _Reader:
    """One open page: which session it saw, and how far."""

    def __init__(self) -> None:
        self._number = -1
        self._place = 0
        self._power_at = 0.0
        self._told: Now | None = None

    def update(self, watcher: Watcher) -> Update | None:
        """What this page does not know yet; None for nothing."""
        picture, reset = watcher.picture, watcher.number != self._number
        if reset:
            self._number, self._place, self._power_at, self._told = watcher.number, 0, 0.0, None
        if picture is None:
            return _waiting() if reset else None
        now = picture.now(float(int(time.time())))  # whole seconds: what only time changes is sent once a second
        if not reset and now == self._told:
            return None
        self._told = now
        places = {name: index for index, name in enumerate(picture.rows)}
        fresh = dict.fromkeys(picture.changes[self._place :])
        self._place = len(picture.changes)
        power = [point for point in picture.power if point[0] > self._power_at]
        self._power_at = power[-1][0] if power else self._power_at
        return Update(
            reset=reset,
            state=now.state,
            headline=headline_of(now),
            step=step_of(now),
            figures=figures_of(now),
            rows=[_line(picture, name, places[name]) for name in fresh],
            power=power,
        )


def application(watcher: Watcher, *, metrics: bool) -> web.Application:
    """The web application; `serve` runs it."""
    page, policy = _page()

    async def index(request: web.Request) -> web.Response:
        return web.Response(text=page, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def figures(request: web.Request) -> web.Response:
        return web.Response(body=exposition(watcher.picture).encode(), headers={"Content-Type": CONTENT_TYPE})

    async def events(request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await stream.prepare(request)
        reader, silent_s = _Reader(), 0.0
        with contextlib.suppress(ConnectionError):  # the page was closed
            while True:
                update = reader.update(watcher)
                if update is not None:
                    await stream.write(b"data: " + msgspec.json.encode(update) + b"\n\n")
                    silent_s = 0.0
                elif silent_s >= ALIVE_S:
                    await stream.write(b": alive\n\n")
                    silent_s = 0.0
                await asyncio.sleep(LOOK_S)
                silent_s += LOOK_S
        return stream

    app = web.Application(middlewares=[_guard])
    app.router.add_get("/", index)
    app.router.add_get("/events", events)
    if metrics:
        app.router.add_get("/metrics", figures)
    app.cleanup_ctx.append(_looking(watcher))
    return app


def serve(*, port: int, pid: int | None, metrics: bool, say: Callable[[str], None]) -> None:
    """Serve until Ctrl-C.

    Raises:
        ConfigurationError: The port is taken or may not be used.
    """

    async def run() -> None:
        runner = web.AppRunner(application(Watcher(pid), metrics=metrics), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, LOOPBACK, port)
            try:
                await site.start()
            except OSError as error:
                raise ConfigurationError(
                    f"port {port} of this machine cannot be had ({error.strerror}); name another one with --port, 0 for any free one"
                ) from error
            say(f"http://{LOOPBACK}:{runner.addresses[0][1]}/ shows the run; Ctrl-C ends this page, not the run")
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run())


@web.middleware
async def _guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    name = request.url.host or ""
    if name not in (LOOPBACK, "localhost"):
        raise web.HTTPForbidden(text="this page answers only to http://127.0.0.1 and http://localhost\n")
    response = await handler(request)
    if not response.prepared:
        response.headers.update(
            {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
        )
    return response


def _looking(watcher: Watcher) -> Callable[[web.Application], AsyncIterator[None]]:
    """Looks at the session's file as long as the server runs."""

    async def look() -> None:
        while True:
            watcher.look()
            await asyncio.sleep(LOOK_S)

    async def context(app: web.Application) -> AsyncIterator[None]:
        watcher.look()
        task = asyncio.create_task(look())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    return context


def _line(picture: Picture, name: str, index: int) -> Line:
    row = picture.rows[name]
    return Line(
        index=index, name=name_of(row), figure=value_of(row), verdict=verdict_of(row), sentence=row.sentence or row.why
    )


def _waiting() -> Update:
    return Update(
        reset=True, state="waiting", headline="no run yet", step="waiting for a run of this user on this machine",
        figures=[], rows=[], power=[],
    )  # fmt: skip


def _page() -> tuple[str, str]:
    """The page, and the policy that lets run its one script and load nothing else."""
    folder = files("reports.live")
    style, script = ((folder / name).read_text(encoding="utf-8") for name in ("live.css", "live.js"))
    html = (folder / "live.html").read_text(encoding="utf-8")
    page = html.replace("{{style}}", style).replace("{{script}}", script)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page, policy
