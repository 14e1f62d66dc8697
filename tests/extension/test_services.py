"""Answers are counted on every page that is listed, as they stream."""

from __future__ import annotations

import json

import pytest

from tests.extension.conftest import PAGES
from tools.build_extension import SOURCES, build
from tools.extension_browser import ExtensionBrowser

SERVICES = [one["key"] for one in json.loads((SOURCES / "services.json").read_text())["services"]]
QUESTION = "How much energy does an answer take?"
ANSWER = "It depends on the model, on the boards and on the batch.\n\nOften less than a watt-hour, say 0.3 Wh.\n\nDas ist eine Schätzung; 这是一个估计。"


def ask(question, answer, how="{pieces: 25, ms: 20}"):
    """The call that streams an answer."""
    return f"chat.ask({json.dumps(question)}, {json.dumps(answer)}, {how})"


@pytest.mark.parametrize("service", SERVICES)
def test_a_streamed_answer_is_counted(browser, chat, kept, tokens, service):
    """Prompt and answer are counted to the token as if read at once, words of the page around them are not."""
    tab = chat(service)
    tab.ask(ask(QUESTION, ANSWER))
    ((at, fresh, context, output, half),) = kept(1)

    assert at is not None
    assert fresh == context == pytest.approx(tokens(tab, QUESTION), abs=0.01)
    assert output == pytest.approx(tokens(tab, ANSWER), abs=0.01)
    assert 0.1 < half < 0.3
    (chat_,) = [one for name, one in browser.stored().items() if name.startswith("chat:")]
    assert chat_["service"] == service


def test_the_figure_has_an_interval_and_says_estimate(browser, chat, kept):
    """The page shows watt-hours with their interval, the word estimate, the grid and what is assumed."""
    tab = chat("chatgpt")
    tab.ask(ask(QUESTION, ANSWER))
    kept(1)
    said = browser.badge(tab)

    assert said["short"].startswith("≈ ") and said["short"].endswith(", estimate")
    assert " to " in said["short"] and "Wh (" in said["short"]
    assert all(word in said["panel"] for word in ("Undisclosed large model", "World, 2025", "LED bulb", "not counted"))


def test_it_is_shown_while_the_answer_streams(browser, chat):
    """Before an answer is complete the figure is there and grows, and nothing of it is kept yet."""
    tab = chat("claude")
    tab.ask(f"void {ask(QUESTION, 'word ' * 400, '{pieces: 30, ms: 30}')}")
    tab.until("chat.turns.length === 2 && chat.turns[1].text.length > 500")
    seen = set()
    while tab.ask("chat.turns[1].text.length") < 2000:
        seen.add((browser.badge(tab) or {}).get("short"))

    assert len(seen - {None}) >= 2
    assert browser.answers() == []


def test_a_page_that_the_user_added(tmp_path):
    """A page of one's own with its selectors is counted like the listed ones, once it is allowed."""
    with ExtensionBrowser(build(tmp_path, ["https://chat.example.org/*"]), PAGES) as browser:
        options = browser.page("options")
        for name, value in (
            ("name", "Ours"), ("pattern", "https://chat.example.org/*"), ("user", ".question"), ("answer", ".reply"),
        ):  # fmt: skip
            options.ask(f"document.getElementById('page-{name}').value = {json.dumps(value)}")
        add = "document.getElementById('page-add').click()"
        options.call("Runtime.evaluate", expression=add, userGesture=True)
        options.until("document.getElementById('said').textContent.startsWith('Added')")
        tab = browser.chat("plain", hasty=True)
        tab.ask(ask(QUESTION, ANSWER))
        tab.until("true")
        for _ in range(200):
            if len(browser.answers()) == 1:
                break
            tab.ask("new Promise((then) => setTimeout(then, 20))")

        assert len(browser.answers()) == 1
        assert tab.complaints == options.complaints == browser.worker.complaints == []
