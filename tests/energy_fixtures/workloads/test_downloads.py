"""Fetching published traces, from a server on this machine that answers well and badly."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.workloads.downloads import DOWNLOADS, Download, DownloadFailed, _redirects, fetch

CONTENT = b"TIMESTAMP,ContextTokens,GeneratedTokens\n" + b"2024-05-12 00:00:00Z,7,8\n" * 500
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Answer(BaseHTTPRequestHandler):
    """Answers by the path that is asked for."""

    timeout = 5

    def do_GET(self) -> None:
        kind = self.path.strip("/").removesuffix(".csv")
        if kind == "missing":
            self.send_error(404)
            return
        if kind == "moved":
            self.send_response(302)
            self.send_header("Location", "/whole.csv")
            self.end_headers()
            return
        sent_on = {
            "elsewhere": f"http://localhost:{self.server.server_port}/whole.csv",  # type: ignore[attr-defined]
            "local": "file:///etc/passwd",
            "ftp": "ftp://127.0.0.1/whole.csv",
            "endless": "/endless.csv",
        }
        if kind in sent_on:
            self.send_response(302)
            self.send_header("Location", sent_on[kind])
            self.end_headers()
            return
        self.send_response(200)
        if kind != "unannounced":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        body = {"truncated": CONTENT[:1000], "other": CONTENT[::-1], "silent": CONTENT[:1000]}.get(kind, CONTENT)
        self.wfile.write(body)
        self.wfile.flush()
        if kind == "silent":
            self.server.patience.wait(5)  # type: ignore[attr-defined]

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server on loopback; its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as serving:
        serving.patience = threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.patience.set()  # type: ignore[attr-defined]
        serving.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy stands between a test and this machine."""
    monkeypatch.setenv("no_proxy", "*")


def get(server: str, kind: str, folder: Path, sha256: str | None = SHA256, size: int | None = None) -> object:
    known = {kind: Download(url=f"{server}/{kind}.csv", licence="none", size_bytes=size, sha256=sha256)}
    return fetch(kind, folder, downloads=known, timeout_s=0.5)


@pytest.mark.parametrize("kind", ["whole", "moved", "unannounced"])
def test_a_file_is_fetched_and_checked(server: str, tmp_path: Path, kind: str) -> None:
    """It lies under its own name with the published checksum, also behind a redirection, in a folder that is made."""
    said: list[str] = []
    known = {kind: Download(url=f"{server}/{kind}.csv", licence="none", size_bytes=len(CONTENT), sha256=SHA256)}
    got = fetch(kind, tmp_path / "a" / "b", downloads=known, say=said.append)
    assert got.path == tmp_path / "a" / "b" / f"{kind}.csv" and got.path.read_bytes() == CONTENT
    assert got.verified and not got.was_there and got.sha256 == SHA256
    assert said[-1] == f"{kind}: 0 of 0 MB" and list(got.path.parent.iterdir()) == [got.path]


def test_what_is_there_is_not_fetched_again(server: str, tmp_path: Path) -> None:
    """A whole file is checked and kept; another file of its name is refused and stays as it is."""
    (tmp_path / "missing.csv").write_bytes(CONTENT)
    got = get(server, "missing", tmp_path)
    assert got.was_there and got.verified  # type: ignore[attr-defined]
    (tmp_path / "missing.csv").write_bytes(b"mine")
    with pytest.raises(ConfigurationError, match=r"is there and is another file .*; move it away"):
        get(server, "missing", tmp_path)
    assert (tmp_path / "missing.csv").read_bytes() == b"mine"


def test_a_file_without_a_known_checksum_says_so(server: str, tmp_path: Path) -> None:
    """Its checksum is computed, and that nobody could compare it is part of the answer."""
    got = get(server, "whole", tmp_path, sha256=None)
    assert not got.verified and got.sha256 == SHA256  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "size", "words"),
    [
        ("truncated", None, "gave 1,000 bytes, 12,540 are announced; nothing was kept"),
        ("unannounced", 12_541, "gave 12,540 bytes, 12,541 are announced"),
        ("whole", 99, "gave more bytes than the 99 that are published; nothing was kept"),
        ("other", None, f"published is {SHA256}; nothing was kept"),
        ("missing", None, "could not be fetched: Not Found; nothing was kept"),
        ("silent", None, "could not be fetched: timed out"),
        ("elsewhere", None, "sends on to http://localhost, which is not where its authors keep it; nothing was kept"),
        ("local", None, "could not be fetched"),
        ("ftp", None, "sends on to ftp://127.0.0.1, which is not"),
        ("endless", None, "could not be fetched"),
    ],
)
def test_a_bad_answer_leaves_nothing_behind(
    server: str, tmp_path: Path, kind: str, size: int | None, words: str
) -> None:
    """Cut off, silent, missing, or another file: one sentence, and no file that could be taken for the trace."""
    with pytest.raises(DownloadFailed) as caught:
        get(server, kind, tmp_path, size=size)
    assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_no_server_and_no_folder_are_told(tmp_path: Path) -> None:
    """A refused connection is the network's fault, a folder that is a file is the user's."""
    with pytest.raises(DownloadFailed, match="Connection refused"):
        get("http://127.0.0.1:1", "whole", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        get("http://127.0.0.1:1", "whole", tmp_path / "file" / "below")


def test_an_unknown_name_gives_the_nearest() -> None:
    """A misspelt name ends with those that look like it."""
    with pytest.raises(ConfigurationError, match="called 'azure-2023-con'; there are azure-2023-conv"):
        fetch("azure-2023-con", Path())


def test_every_download_can_be_checked_or_says_that_it_cannot() -> None:
    """Addresses are encrypted ones, checksums have their length, and only the files of 2024 have none."""
    assert all(one.url.startswith("https://") for one in DOWNLOADS.values())
    assert all(len(bytes.fromhex(one.sha256)) == 32 for one in DOWNLOADS.values() if one.sha256)
    assert {name for name, one in DOWNLOADS.items() if one.sha256 is None} == {"azure-2024-conv", "azure-2024-code"}
    assert len({one.file_name for one in DOWNLOADS.values()}) == len(DOWNLOADS)


@pytest.mark.parametrize(
    ("first", "new", "followed"),
    [
        ("https://github.com/a/b.csv", "https://objects.githubusercontent.com/x", True),
        ("https://github.com/a/b.csv", "https://github.com/c.csv", True),
        ("https://huggingface.co/a", "https://cdn-lfs.hf.co/x", True),
        ("https://github.com/a/b.csv", "http://objects.githubusercontent.com/x", False),
        ("https://github.com/a/b.csv", "https://githubusercontent.com.evil.example/x", False),
        ("https://github.com/a/b.csv", "https://evilgithubusercontent.com/x", False),
        ("https://github.com/a/b.csv", "https://user@169.254.169.254/x", False),
        ("https://github.com/a/b.csv", "https://cdn-lfs.hf.co/x", False),
    ],
)
def test_a_redirection_stays_encrypted_and_with_the_publisher(first: str, new: str, followed: bool) -> None:
    """Only the hosts where the publisher keeps large files are followed to, and never without encryption."""
    import urllib.request

    request = urllib.request.Request(first)
    if followed:
        sent = _redirects(first).redirect_request(request, None, 302, "Found", {}, new)
        assert sent.full_url == new
    else:
        with pytest.raises(DownloadFailed, match="which is not where its authors keep it"):
            _redirects(first).redirect_request(request, None, 302, "Found", {}, new)
