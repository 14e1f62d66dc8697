"""The extension as it is built, in a real Chromium, on pages that behave like chat services."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.browser import LONGEST_S, Tab, find_chromium
from tools.build_extension import SOURCES, build
from tools.extension_browser import ExtensionBrowser

PAGES = Path(__file__).parent / "pages"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked extension."""
    return build(tmp_path_factory.mktemp("extension"))


@pytest.fixture(scope="session")
def loaded(built: Path) -> Iterator[ExtensionBrowser]:
    """A Chromium that has it."""
    if find_chromium() is None:
        pytest.skip("no Chromium on this machine; install chromium to test the extension in it")
    with ExtensionBrowser(built, PAGES) as browser:
        yield browser


@pytest.fixture
def browser(loaded: ExtensionBrowser) -> Iterator[ExtensionBrowser]:
    """The same with nothing stored; nothing asked the network and nobody complained when a test is over."""
    loaded.forget()
    yield loaded
    assert loaded.unexpected == []
    assert loaded.worker.complaints == []
    assert loaded.worker.requests == []


@pytest.fixture
def chat(browser: ExtensionBrowser) -> Iterator[Callable[..., Tab]]:
    """A page of a service whose console stays silent."""
    opened = []

    def open_page(name: str, **how: Any) -> Tab:
        opened.append(browser.chat(name, hasty=True, **how))
        return opened[-1]

    yield open_page
    for tab in opened:
        assert tab.complaints == []
        tab.close()


@pytest.fixture
def kept(browser: ExtensionBrowser) -> Callable[[int], list[list[float]]]:
    """Wait until so many answers are kept; `[at, fresh, context, output, half]` of each."""

    def wait(count: int) -> list[list[float]]:
        until = time.monotonic() + LONGEST_S
        while len(found := browser.answers()) != count:
            assert time.monotonic() < until, f"{len(found)} answers are kept, not {count}: {found}"
            time.sleep(0.05)
        return found

    return wait


@pytest.fixture
def tokens(browser: ExtensionBrowser) -> Callable[[Tab, str], float]:
    """What the extension counts in a text whose paragraphs are elements, read in one piece."""
    weights = (SOURCES / "data" / "tokens.json").read_text(encoding="utf-8")

    def count(tab: Tab, text: str) -> float:
        pieces = json.dumps(text.split("\n\n"))
        found: float = browser.inside(
            tab, f"{pieces}.reduce((all, one) => all + tokensOf(counts(one), {weights}).tokens, 0)"
        )
        return found

    return count
