"""A Chromium with the browser extension in it, and pages that behave like chat services, answered without any network.

with ExtensionBrowser(folder, PAGES) as browser:
    tab = browser.chat("chatgpt")                       # https://chatgpt.com/c/first, from PAGES/chatgpt.html
    browser.inside(tab, "badge.words")                  # asked where the extension's own script runs
    browser.page("popup")                               # a page of the extension
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.browser import LONGEST_S, Browser, Tab

HOSTS: Mapping[str, str] = {
    "chatgpt": "https://chatgpt.com/c/first",
    "gemini": "https://gemini.google.com/app/first",
    "deepseek": "https://chat.deepseek.com/a/chat/s/first",
    "claude": "https://claude.ai/chat/first",
    "plain": "https://chat.example.org/first",
}
"""Address of a first chat, by the name of its page."""

BARE = "https://bare.example.org/c/first"
"""ChatGPT's page at an address that the extension does not know."""

HASTY = "{flush_ms: 50, quiet_ms: 200, share: 1}"
UNHEARD = 1_000_000_000  # the number of what nobody waits for: `call` counts from 1
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


class ExtensionBrowser(Browser):
    """As `Browser`, with the extension of a folder; pages of services come from files.

    Attributes:
        asked: Every address that a page asked for. unexpected: Those of them that no file answers.
        worker: The extension's background, as a tab.
    """

    def __init__(self, extension: Path, pages: Path) -> None:
        self._pages = pages
        self._worlds: dict[str, int] = {}  # the extension's own world of each tab
        super().__init__(extension)
        self.asked: list[str] = []
        self.unexpected: list[str] = []
        target = self._find("service_worker")
        self.id = target["url"].split("/")[2]
        session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        self.worker = Tab(self, target["targetId"], session)
        for domain in ("Runtime", "Network", "Log"):
            self.worker.call(f"{domain}.enable")
        self.worker.until("self.registration?.active?.state === 'activated'")

    def _find(self, kind: str) -> dict[str, Any]:
        until = time.monotonic() + LONGEST_S
        while time.monotonic() < until:
            for info in self.call("Target.getTargets")["targetInfos"]:
                if info["type"] == kind and info["url"].startswith("chrome-extension://"):
                    found: dict[str, Any] = info
                    return found
            time.sleep(0.05)
        raise RuntimeError("this Chromium did not load the extension; branded builds refuse --load-extension")

    def chat(
        self, name: str, *, address: str | None = None, width: int = 1024, dark: bool = False, hasty: bool = False
    ) -> Tab:
        """A page that behaves like this service, at the address of its first chat or another.

        `hasty` shortens what the extension waits for, from seconds to tenths.
        """
        tab = self.open(address or HOSTS[name], width=width, dark=dark, wait=False)
        tab.until("window.chat !== undefined")
        if hasty:
            until = time.monotonic() + LONGEST_S
            while not self.inside(tab, f"Boolean(Object.assign(TIMES, {HASTY}))"):
                if time.monotonic() > until:
                    raise RuntimeError(f"the extension does not run in {tab.ask('location.href')}")
                time.sleep(0.02)
        return tab

    def page(self, name: str, *, width: int = 1024, height: int = 800, dark: bool = False) -> Tab:
        """A page of the extension, drawn."""
        return self.open(f"chrome-extension://{self.id}/pages/{name}.html", width=width, height=height, dark=dark)

    def inside(self, tab: Tab, expression: str) -> Any:
        """What an expression gives in the extension's own world of a page."""
        place = self._worlds.get(tab.session)
        if place is None:
            return None
        answer = tab.call(
            "Runtime.evaluate", expression=expression, contextId=place, returnByValue=True, awaitPromise=True
        )
        return answer["result"].get("value")

    def badge(self, tab: Tab) -> dict[str, str] | None:
        """What the figure in the page says, None while it says nothing."""
        found: dict[str, str] | None = self.inside(tab, "badge.words")
        return found

    def stored(self) -> dict[str, Any]:
        """Everything that the extension keeps."""
        found: dict[str, Any] = self.worker.ask("chrome.storage.local.get(null)")
        return found

    def answers(self) -> list[list[float]]:
        """`[at, fresh, context, output, half]` of every answer that is kept."""
        chats = [chat for name, chat in self.stored().items() if name.startswith("chat:")]
        return [entry for chat in chats for _, *entry in chat["answers"]]

    def forget(self) -> None:
        """Empty storage, options included, and what the browser told so far."""
        self.events.clear()
        self.worker.ask("Promise.all([chrome.storage.local.clear(), chrome.storage.session.clear()]).then(() => 0)")

    def _prepare(self, tab: Tab) -> None:
        tab.call("Fetch.enable", patterns=[{"urlPattern": "http*://*"}])

    def _next(self, until: float) -> dict[str, Any]:
        while True:
            message = super()._next(until)
            if message.get("method") == "Fetch.requestPaused":
                self._answer(message["sessionId"], message["params"])
                continue
            if message.get("method") == "Runtime.executionContextCreated":
                world = message["params"]["context"]
                if (
                    world["origin"].startswith("chrome-extension://")
                    and world.get("auxData", {}).get("type") == "isolated"
                ):
                    self._worlds[message["sessionId"]] = world["id"]
            if message.get("id") != UNHEARD:
                return message

    def _answer(self, session: str, paused: dict[str, Any]) -> None:
        """Answer a request of a page from a file; nobody waits for the browser's confirmation."""
        address = paused["request"]["url"]
        self.asked.append(address)
        host, _, path = address.partition("://")[2].partition("/")
        name = "chatgpt" if address.startswith(BARE[:24]) else None
        name = next((name for name, first in HOSTS.items() if first.split("/")[2] == host), name)
        file = self._pages / ("service.js" if path == "service.js" else f"{name}.html")
        method = "Fetch.failRequest"
        parameters: dict[str, Any] = {"errorReason": "BlockedByClient"}
        if path == "favicon.ico":
            method, parameters = "Fetch.fulfillRequest", {"responseCode": 204}
        elif name is not None:
            body = base64.b64encode(file.read_bytes()).decode()
            headers = [{"name": "content-type", "value": TYPES[file.suffix]}]
            method, parameters = "Fetch.fulfillRequest", {"responseCode": 200, "responseHeaders": headers, "body": body}
        else:
            self.unexpected.append(address)
        message = {"id": UNHEARD, "sessionId": session, "method": method}
        message["params"] = {"requestId": paused["requestId"], **parameters}
        os.write(self._out, json.dumps(message).encode() + b"\0")
