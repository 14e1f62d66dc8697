"""The page in a real browser, and that nobody else can read it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from energy_fixtures.live import LiveFeed
from tests.conftest import make_result
from tools.browser import Browser, find_chromium

COMMAND = "import sys; from reports.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def address(runtime: object) -> Iterator[str]:
    """A real `joules live --serve --metrics`."""
    command = [sys.executable, "-c", COMMAND, "live", "--serve", "--metrics", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = re.search(r"http://127\.0\.0\.1:\d+/", process.stderr.readline())
        assert found is not None
        yield found[0]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def get(address: str, **headers: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=20) as answer:
        return str(answer.read().decode())


def test_the_page_follows_the_run(feed: LiveFeed, address: str):
    """What the run tells appears without a reload and is all there after one; names are text, and the console is silent."""
    if find_chromium() is None:
        pytest.skip("needs a Chromium, and this machine has none")
    rows = "[...document.querySelectorAll('tbody tr')].map(row => row.textContent)"
    with Browser() as browser:
        tab = browser.open(address, wait=False)
        tab.until("document.querySelectorAll('tbody tr').length === 1")
        assert "REGRESSED" in tab.ask(rows)[0] and "2.00 J/token" in tab.ask(rows)[0]
        feed.measured(make_result("test_x[<img src=x onerror=alert(1)>]"))
        feed.step("test_x[b2]: warming up", seconds_left=None)
        tab.until("document.querySelectorAll('tbody tr').length === 2")
        tab.until("document.getElementById('step').textContent === 'test_x[b2]: warming up'")
        assert "<img src=x onerror=alert(1)>" in tab.ask(rows)[0]
        assert tab.ask("document.images.length") == 0
        tab.call("Page.reload")
        tab.until("document.querySelectorAll('tbody tr').length === 2")
        feed.end(("saved.json",))
        tab.until("document.getElementById('step').textContent.startsWith('the run has ended at ')")
        assert tab.ask("document.getElementById('step').textContent").endswith("; saved in saved.json")
        assert tab.ask("document.documentElement.scrollWidth <= innerWidth")
        assert tab.complaints == []
        assert all(asked.startswith(address) for asked in tab.requests)


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing(feed: LiveFeed, address: str, axe: str, dark: bool):
    """No rule of axe is broken while a run goes on, in either theme."""
    with Browser() as browser:
        tab = browser.open(address, width=390, dark=dark, wait=False)
        tab.until("document.querySelectorAll('tbody tr').length === 1")
        tab.ask(f"{axe};0")
        told = ".then(seen => seen.violations.map(one => `${one.id}: ${one.nodes[0].html}`))"
        assert tab.ask(f"axe.run(document){told}") == []


def test_it_waits_for_a_run(address: str):
    """Without a run the page says that it waits, and Prometheus that none is up."""
    assert "joules live" in get(address)
    assert get(f"{address}metrics").splitlines()[-1] == "joules_up 0.0"


def test_a_name_from_elsewhere_is_refused(address: str):
    """A web page that reaches this port through a name of its own reads nothing."""
    with pytest.raises(urllib.error.HTTPError, match="403"):
        get(f"{address}events", Host="evil.example")


def test_a_taken_port_is_one_sentence(address: str):
    """A second page on the same port is refused with a remedy."""
    port = address.rsplit(":", 1)[1].strip("/")
    command = [sys.executable, "-c", COMMAND, "live", "--serve", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=os.environ)
    assert done.returncode == 4
    assert f"port {port} of this machine cannot be had" in done.stderr and "--port" in done.stderr
