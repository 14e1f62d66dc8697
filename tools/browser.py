"""A headless Chromium that looks at a page, spoken to in the DevTools protocol over two pipes; needs no other package.

with Browser() as browser:
    page = browser.open(Path("report.html"))
    page.ask("document.title")
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
LONGEST_S = 30.0
NETWORK = ("http:", "https:", "ws:", "wss:", "ftp:")


def find_chromium() -> str | None:
    """A Chromium of this machine, None where there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One browser process with an empty profile of its own.

    Args:
        extension: Folder of an unpacked extension that it loads; it then reaches no network.

    Raises:
        RuntimeError: There is no Chromium, or it does not answer.
    """

    def __init__(self, extension: Path | None = None) -> None:
        command = find_chromium()
        if command is None:
            raise RuntimeError(f"no Chromium found; install one of {', '.join(NAMES)}")
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        ours, theirs = os.pipe(), os.pipe()
        inputs, outputs = (fcntl.fcntl(end, fcntl.F_DUPFD, 50) for end in (ours[0], theirs[1]))

        def connect() -> None:
            os.dup2(inputs, 3)
            os.dup2(outputs, 4)

        flags = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe")
        quiet = ("--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage")
        loaded = ["--disable-extensions"]
        if extension is not None:
            loaded = [f"--load-extension={extension.absolute()}", "--host-resolver-rules=MAP * ~NOTFOUND"]
        self._process = subprocess.Popen(
            [command, *flags, *quiet, *loaded, f"--user-data-dir={self._profile.name}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(3, 4, inputs, outputs),
            preexec_fn=connect,
        )
        for end in (ours[0], theirs[1], inputs, outputs):
            os.close(end)
        self._out, self._in = ours[1], theirs[0]
        self._read, self._number = b"", 0
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(LONGEST_S)
        os.close(self._out)
        os.close(self._in)
        self._profile.cleanup()

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; events that come meanwhile are kept.

        Raises:
            RuntimeError: The browser refuses, ends, or is silent for too long.
        """
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + LONGEST_S
        while True:
            answer = self._next(until)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                found: dict[str, Any] = answer["result"]
                return found
            self.events.append(answer)

    def _next(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._in], [], [], max(0.0, until - time.monotonic()))
            more = os.read(self._in, 1 << 20) if ready else b""
            if not more:
                raise RuntimeError("the browser does not answer")
            self._read += more
        line, _, self._read = self._read.partition(b"\0")
        found: dict[str, Any] = json.loads(line)
        return found

    def open(
        self, page: Path | str, *, width: int = 1024, height: int = 800, dark: bool = False, wait: bool = True
    ) -> Tab:
        """Open a file of this machine, or an address, in a tab of this size; `wait` until all of its pictures are drawn."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = Tab(self, target, session)
        for domain in ("Page", "Runtime", "Network", "Log"):
            tab.call(f"{domain}.enable")
        tab.resize(width, height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        tab.call("Emulation.setEmulatedMedia", features=[scheme])
        self._prepare(tab)
        tab.call("Page.navigate", url=page.absolute().as_uri() if isinstance(page, Path) else page)
        tab.until("document.readyState === 'complete' && location.protocol !== 'about:'")
        if wait:
            tab.until("document.documentElement.dataset.ready === 'yes'")
        return tab

    def _prepare(self, tab: Tab) -> None:
        """Called before a tab goes to its address."""


class Tab:
    """One page."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self._browser, self._target, self._session = browser, target, session

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """As `Browser.call`, of this tab."""
        return self._browser.call(method, self._session, **parameters)

    def ask(self, expression: str) -> Any:
        """What a JavaScript expression gives, a promise's value included.

        Raises:
            RuntimeError: It throws.
        """
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            said = answer["exceptionDetails"]
            raise RuntimeError(said.get("exception", {}).get("description", said["text"]))
        return answer["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until an expression is true.

        Raises:
            RuntimeError: It does not become so.
        """
        until = time.monotonic() + LONGEST_S
        while not self.ask(expression):
            if time.monotonic() > until:
                raise RuntimeError(f"never true: {expression}")
            time.sleep(0.02)

    def resize(self, width: int, height: int) -> None:
        """Another size of the window."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def picture(self, *, whole: bool = True) -> bytes:
        """The page as PNG, `whole` or what the window shows."""
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(answer["data"])

    def printed(self) -> bytes:
        """The page as PDF, as it is printed."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    @property
    def complaints(self) -> list[str]:
        """Errors and warnings of the console, exceptions, and what the policy of the page refused."""
        found = []
        for event in self._mine():
            seen = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                found.append(str(seen["exceptionDetails"]))
            elif event["method"] == "Runtime.consoleAPICalled" and seen["type"] in ("error", "warning", "assert"):
                found.append(str([one.get("value", one.get("description")) for one in seen["args"]]))
            elif event["method"] == "Log.entryAdded" and seen["entry"]["level"] in ("error", "warning"):
                found.append(f"{seen['entry']['text']} {seen['entry'].get('url', '')}")
        return found

    @property
    def requests(self) -> list[str]:
        """Addresses that were asked over a network."""
        sent = [
            event["params"]["request"]["url"]
            for event in self._mine()
            if event["method"] == "Network.requestWillBeSent"
        ]
        return [address for address in sent if address.startswith(NETWORK)]

    @property
    def session(self) -> str:
        """The protocol's name for it."""
        return self._session

    def _mine(self) -> list[dict[str, Any]]:
        self.ask("0")  # what happened before has been told when this is answered
        return [event for event in self._browser.events if event.get("sessionId") == self._session]

    def close(self) -> None:
        """End the tab."""
        self._browser.call("Target.closeTarget", targetId=self._target)
