"""What the browser extension costs a page that streams, beside the same page without it, in one browser.

the same chat of 100 answers, one more streaming at 20 pieces a second:
    at an address that the extension knows ─► CPU time of the page, of all processes ┐
    at one that it does not know           ─► the same                               ┴► the difference
    at the first again, profiled           ─► time in the extension's own functions and what they call
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

from perf.figure import ROOT, CommandFailed, Figure
from tools.browser import find_chromium
from tools.build_extension import build
from tools.extension_browser import BARE, HOSTS, ExtensionBrowser

PAGES = ROOT / "tests" / "extension" / "pages"
ROUNDS = 5  # with and without in turn
STREAM_S = 12.0
PIECES_PER_S = 20
GOAL = 0.01

HISTORY = (
    "chat.history(Array.from({length: 100}, (_, n) => [`Question ${n}?`, 'A sentence of an answer. '.repeat(60)]))"
)
STREAM = (
    "void chat.ask('And now?', Array.from({length: 400}, (_, n) => `Sentence ${n} of a long answer.`"
    f".concat(n % 6 ? ' ' : '\\n\\n')).join(''), {{pieces: {STREAM_S * PIECES_PER_S:.0f}, ms: {1000 / PIECES_PER_S:.0f}}})"
)


@dataclass(frozen=True, kw_only=True)
class Spent:
    """Seconds of a processor per second: of the page's own thread, of all processes of the browser."""

    page: float
    browser: float


def figures() -> Iterator[Figure]:
    """Stream with and without, several times in turn."""
    if find_chromium() is None:
        raise CommandFailed("no Chromium on this machine")
    with tempfile.TemporaryDirectory() as name:
        folder = build(Path(name))
        with ExtensionBrowser(folder, PAGES) as browser:
            _spent(browser, HOSTS["chatgpt"], 3.0)  # what happens once: compiling, the first reading
            own = _own_share(browser)
            rounds = [(_spent(browser, HOSTS["chatgpt"]), _spent(browser, BARE)) for _ in range(ROUNDS)]
    yield Figure(
        name="the extension's own functions in a page that streams",
        value=100 * own,
        unit="% of the time",
        goal=100 * GOAL,
        detail=f"profiled every 0.2 ms for {STREAM_S:.0f} s, what they call included",
    )
    pages = [known.page - bare.page for known, bare in rounds]
    whole = [known.browser - bare.browser for known, bare in rounds]
    beside = f"without it the page takes {100 * mean(bare.page for _, bare in rounds):.2f} %"
    for said, values in (("the page's thread", pages), ("all processes of the browser", whole)):
        yield Figure(
            name=f"the extension while a page streams, {said}",
            value=100 * median(values),
            unit="% of a core",
            goal=100 * GOAL,
            detail=f"median of {ROUNDS} rounds of {STREAM_S:.0f} s: {', '.join(f'{100 * value:+.2f}' for value in values)}; {beside}",
        )


def _spent(browser: ExtensionBrowser, address: str, stream_s: float = STREAM_S) -> Spent:
    tab = browser.chat("chatgpt", address=address)
    tab.call("Performance.enable", timeDomain="threadTicks")
    tab.ask(HISTORY)
    time.sleep(4)  # a chat that was opened is counted once
    page, processes, began = _task_s(tab.call("Performance.getMetrics")), _processes_s(browser), time.monotonic()
    tab.ask(STREAM)
    time.sleep(stream_s)
    after = _task_s(tab.call("Performance.getMetrics")), _processes_s(browser)
    took_s = time.monotonic() - began
    tab.close()
    return Spent(page=(after[0] - page) / took_s, browser=(after[1] - processes) / took_s)


def _own_share(browser: ExtensionBrowser) -> float:
    """Share of the samples of the page's thread that lie in functions of the extension."""
    tab = browser.chat("chatgpt")
    tab.ask(HISTORY)
    time.sleep(4)
    tab.call("Profiler.enable")
    tab.call("Profiler.setSamplingInterval", interval=200)
    tab.call("Profiler.start")
    tab.ask(STREAM)
    time.sleep(STREAM_S)
    profile = tab.call("Profiler.stop")["profile"]
    tab.close()
    nodes = {one["id"]: one for one in profile["nodes"]}
    ours: set[int] = set()

    def take(number: int) -> None:
        ours.add(number)
        for child in nodes[number].get("children", ()):
            take(child)

    for number, node in nodes.items():
        if node["callFrame"]["url"].startswith("chrome-extension://"):
            take(number)
    return sum(one in ours for one in profile["samples"]) / len(profile["samples"])


def _task_s(answer: dict[str, Any]) -> float:
    return next(float(one["value"]) for one in answer["metrics"] if one["name"] == "TaskDuration")


def _processes_s(browser: ExtensionBrowser) -> float:
    return sum(float(one["cpuTime"]) for one in browser.call("SystemInfo.getProcessInfo")["processInfo"])
