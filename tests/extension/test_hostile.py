"""Pages that are broken or mean harm: markup in texts, storms of changes, giant trees, forged messages."""

from __future__ import annotations

import json

import pytest

from tests.extension.test_services import ask
from tools.build_extension import SOURCES

WEIGHTS = json.loads((SOURCES / "data" / "tokens.json").read_text(encoding="utf-8"))
HOSTILE = (
    "<img src=x onerror='window.hacked = 1'>",
    "</div><script>window.hacked = 2</script>",
    "{{constructor}} ${window.hacked = 3} \u202e \x00",
)


def test_text_of_a_page_is_never_markup(browser, chat, kept):
    """Markup in a chat, in its address and in the names of its turns is counted and runs nowhere."""
    tab = chat("chatgpt", address="https://chatgpt.com/c/x%3Cimg%20src=x%20onerror=alert(1)%3E")
    tab.ask("chat.turns.length")
    tab.ask(ask(HOSTILE[0], " ".join(HOSTILE)))
    tab.ask("chat.turns[1].turn.querySelector('[data-message-id]').setAttribute('data-message-id', '\"><img src=x>')")
    kept(1)
    popup = browser.page("popup")

    assert tab.ask("window.hacked") is None
    assert popup.ask("document.querySelectorAll('img, script:not([src])').length") == 0
    assert popup.complaints == []
    popup.close()


def test_nothing_of_the_extension_is_in_the_page(chat, browser, kept):
    """The page finds no function, no global and no figure of the extension, and cannot press its button."""
    tab = chat("claude")
    tab.ask(ask("Is anybody there?", "Nobody that a page could see."))
    kept(1)
    tab.until("document.querySelector('joules-estimate') !== null")

    assert tab.ask("[typeof badge, typeof Chat, typeof counts, typeof TIMES].join()") == ",".join(["undefined"] * 4)
    assert tab.ask("document.querySelector('joules-estimate').shadowRoot") is None
    assert tab.ask("document.querySelector('joules-estimate').textContent") == ""
    assert "chrome-extension" not in tab.ask("document.documentElement.outerHTML")


def test_a_storm_of_changes_is_survived(chat, kept, tokens):
    """Ten thousand changes at once, in the chat and beside it, leave the page alive and the count right."""
    tab = chat("deepseek")
    tab.ask(ask("Ready?", "A first answer."))
    kept(1)
    tab.ask(
        """(() => {
          const noise = document.createElement("div");
          document.body.append(noise);
          const body = chat.turns[1].body;
          for (let place = 0; place < 5000; place += 1) {
            noise.append(document.createElement("i"));
            body.append(document.createElement("b"));
          }
          body.append("A word more.");
        })()"""
    )
    tab.ask("new Promise((then) => setTimeout(then, 800))")
    wanted = tokens(tab, "A first answer.\n\nA word more.")

    assert kept(1)[0][3] == pytest.approx(wanted, abs=0.01)


def test_giant_and_deep_trees_are_counted(browser, chat, kept):
    """An answer of 51,000 elements and one of 2,000 levels are counted, roughly, without an error."""
    tab = chat("claude")
    tab.ask("chat.add('user', 'Go'), chat.add('answer', 'begin'), 0")
    tab.ask(
        """(() => {
          const many = document.createElement("div");
          for (let place = 0; place < 51000; place += 1) many.append(Object.assign(document.createElement("i"), { textContent: "word " }));
          chat.turns[1].body.append(many);
        })()"""
    )
    (answer,) = kept(1)
    assert answer[3] == pytest.approx(51_000 * WEIGHTS["weights"]["words"], rel=0.05)
    tab.ask(
        """(() => {
          let at = chat.add("user", "Deeper") && chat.add("answer", "start").body;
          for (let level = 0; level < 2000; level += 1) at = at.appendChild(document.createElement("span"));
          at.textContent = "the end of a deep tree";
        })()"""
    )
    assert kept(2)[1][3] > 5


def test_a_figure_that_the_page_removes_comes_back_once_something_is_said(browser, chat, kept):
    """Removing the figure breaks nothing; with the next answer it is there again."""
    tab = chat("gemini")
    tab.ask(ask("One?", "First."))
    kept(1)
    tab.until("document.querySelector('joules-estimate') !== null")
    tab.ask("document.querySelector('joules-estimate').remove()")
    tab.ask(ask("Two?", "Second."))
    kept(2)
    tab.until("document.querySelector('joules-estimate') !== null")

    assert browser.badge(tab)["short"].endswith("estimate")


def test_what_is_no_count_is_not_kept(browser, chat):
    """Messages with other things than counts change nothing, whoever managed to send them."""
    tab = chat("chatgpt")
    whole = {"key": "a", "fresh": 1, "context": 1, "output": 1, "half": 0.1, "at": 1, "replaces": None}
    for broken in (
        {"fresh": "1e9"},
        {"output": -5},
        {"output": 1e300},
        {"half": None},
        {"key": "__proto__"},
        {"key": "<b>"},
        {"key": None},
    ):
        seen = {"kind": "seen", "chat": "c", "was": None, "answers": [{**whole, **broken}], "live": None}
        browser.inside(tab, f"chrome.runtime.sendMessage({json.dumps(seen)}).then(() => 0)")
    for message in ({"kind": "delete"}, {"kind": "seen"}, {"kind": "__proto__"}, 5, None):
        browser.inside(tab, f"chrome.runtime.sendMessage({json.dumps(message)}).then(() => 0, () => 0)")

    assert browser.answers() == []
    assert browser.badge(tab) is None
