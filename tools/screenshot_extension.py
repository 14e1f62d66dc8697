"""Photograph the browser extension for docs/: `python -m tools.screenshot_extension [FOLDER]`, with made-up chats.

Needs Chromium. Every page in both themes and at two widths, and the figure in a page; docs/extension.md shows some of them.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.build_extension import ROOT, build
from tools.extension_browser import ExtensionBrowser

SHOTS = ROOT / "docs" / "pictures"
SHOWN = (
    "extension-popup-light.png",
    "extension-page-dark.png",
    "extension-insights-wide-light.png",
    "extension-options-narrow-dark.png",
)
"""What the page of the documentation shows; another folder gets them all."""

PAGES = ROOT / "tests" / "extension" / "pages"
WIDTHS = {"wide": 900, "narrow": 390}
HEIGHT = 1000
DAY_MS, LAST_DAY_MS = 86_400_000, 1_795_262_400_000
QUESTION = "How much energy does an answer of yours take?"
ANSWER = (
    "Nobody outside the service knows. It depends on the model, on how many boards share it, and on how many requests they"
    " answer at once.\n\nWhat can be said is an interval: for a model of some size, on boards of some kind."
)


def chats() -> dict[str, object]:
    """Two weeks of made-up chats."""
    rng = random.Random(5)
    found: dict[str, object] = {}
    for number, service in enumerate(("chatgpt", "claude", "gemini", "deepseek", "chatgpt", "claude")):
        answers: list[tuple[str, int, int, int, int, float]] = []
        context = 0
        for place in range(rng.randint(5, 12)):
            fresh, output = rng.randint(10, 300), rng.randint(50, 900)
            context += fresh
            day = LAST_DAY_MS - DAY_MS * rng.randint(0, 13)
            answers.append((f"k{place}", day, fresh, context, output, 0.18))
            context += output
        found[f"chat:0{number}"] = {"service": service, "answers": sorted(answers, key=lambda one: float(one[1]))}
    return found


def photographs(browser: ExtensionBrowser) -> Iterator[tuple[str, bytes]]:
    """Name and picture of every view."""
    stored = f"chrome.storage.local.set({json.dumps(chats())})"
    browser.worker.ask(f"{stored}.then(() => chrome.storage.session.set({{latest: 'chat:00'}})).then(() => 0)")
    for dark in (False, True):
        theme = "dark" if dark else "light"
        popup = browser.page("popup", width=352, height=560, dark=dark)
        yield f"extension-popup-{theme}.png", popup.picture()
        popup.close()
        for name in ("options", "insights"):
            for size, width in WIDTHS.items():
                tab = browser.page(name, width=width, height=HEIGHT, dark=dark)
                yield f"extension-{name}-{size}-{theme}.png", tab.picture(whole=False)
                tab.close()
        tab = browser.chat("chatgpt", address=f"https://chatgpt.com/c/{theme}", width=760, dark=dark, hasty=True)
        tab.resize(760, 480)
        tab.ask(f"chat.ask({json.dumps(QUESTION)}, {json.dumps(ANSWER)}, {{pieces: 20, ms: 30}})")
        time.sleep(1.5)
        tab.call("Input.dispatchMouseEvent", type="mousePressed", x=660, y=452, button="left", clickCount=1)
        tab.call("Input.dispatchMouseEvent", type="mouseReleased", x=660, y=452, button="left", clickCount=1)
        yield f"extension-page-{theme}.png", tab.picture(whole=False)
        tab.close()


def main(arguments: Sequence[str]) -> None:
    """Write what the documentation shows, or everything into the folder that was named."""
    folder = Path(arguments[0]) if arguments else SHOTS
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, ExtensionBrowser(build(Path(place)), PAGES) as browser:
        for name, picture in photographs(browser):
            if arguments or name in SHOWN:
                (folder / name).write_bytes(picture)
                print(folder / name)


if __name__ == "__main__":
    main(sys.argv[1:])
