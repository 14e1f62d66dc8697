"""What people do in chats: ask again, edit, switch branches, go to other chats, talk for long."""

from __future__ import annotations

import json

import pytest

from tests.extension.test_services import ask

SERVICES = ("chatgpt", "claude")  # with names on turns, and without
FAST = "{pieces: 8, ms: 15}"


@pytest.mark.parametrize("service", SERVICES)
def test_a_second_answer_reads_the_first(chat, kept, tokens, service):
    """The context of an answer is everything before it; only the new question is new."""
    tab = chat(service)
    tab.ask(ask("One?", "The first answer of all.", FAST))
    kept(1)
    tab.ask(ask("And two?", "The second answer.", FAST))
    first, second = kept(2)

    assert second[1] == pytest.approx(tokens(tab, "And two?"), abs=0.01)
    assert second[2] == pytest.approx(first[2] + first[3] + second[1], abs=0.02)


@pytest.mark.parametrize("reuse", ["false", "true"])
@pytest.mark.parametrize("service", SERVICES)
def test_an_answer_that_is_made_again_counts_again(chat, kept, tokens, service, reuse):
    """Both answers were computed, so both are kept, also where the page writes the second into the first's element."""
    tab = chat(service)
    tab.ask(ask("Why?", "Because it is so, and not otherwise.", FAST))
    kept(1)
    tab.ask(f"chat.regenerate('For another reason entirely: the sun.', {{reuse: {reuse}, pieces: 8, ms: 15}})")
    first, second = kept(2)

    assert first[:3][1:] == second[:3][1:]
    assert second[3] == pytest.approx(tokens(tab, "For another reason entirely: the sun."), abs=0.01)


def test_an_answer_that_pauses_stays_one(browser, chat, kept, tokens):
    """An answer that goes on after it seemed complete is kept once, whole."""
    tab = chat("claude")
    tab.ask(ask("Tell me", "A beginning that stops here for a while.", FAST))
    kept(1)
    tab.ask("chat.write(chat.turns.at(-1), 'A beginning that stops here for a while. And then it went on and on.')")
    whole = tokens(tab, "A beginning that stops here for a while. And then it went on and on.")
    tab.ask("new Promise((then) => setTimeout(then, 600))")

    assert [one[3] for one in kept(1)] == [pytest.approx(whole, abs=0.01)]
    assert "1 answer," in browser.badge(tab)["panel"]


@pytest.mark.parametrize("service", SERVICES)
def test_an_edit_counts_and_branches_do_not_count_twice(browser, chat, kept, service):
    """An edited question brings another answer; looking at the old branch again, and at the new one, brings none."""
    tab = chat(service)
    tab.ask(ask("Red?", "Red is a colour of long waves.", FAST))
    kept(1)
    tab.ask(f"chat.edit(0, 'Blue?', 'Blue is one of short waves.', {FAST})")
    kept(2)
    for _ in range(2):
        tab.ask("chat.branch()")
        tab.ask("new Promise((then) => setTimeout(then, 500))")

    assert len(kept(2)) == 2
    assert len([name for name in browser.stored() if name.startswith("chat:")]) == 1


PAIRS = json.dumps([["Old question?", "Old answer, number one."], ["Older?", "Another old answer."]])


@pytest.mark.parametrize("first", ["address", "content"])
def test_another_chat_without_a_reload(browser, chat, kept, first):
    """Each chat is kept by itself, whether the page changes its address or its content first; what was there has no day."""
    tab = chat("gemini")
    tab.ask(ask("New?", "An answer of today.", FAST))
    kept(1)
    tab.ask(f"chat.open('second', {PAIRS}, {{first: '{first}'}})")
    kept(3)
    chats = [one for name, one in browser.stored().items() if name.startswith("chat:")]

    assert sorted(len(one["answers"]) for one in chats) == [1, 2]
    (old,) = (one for one in chats if len(one["answers"]) == 2)
    assert [entry[1] for entry in old["answers"]] == [None, None]


def test_a_new_chat_gets_its_name(browser, chat, kept):
    """A chat that begins at an address without a name and gets one while it streams is one chat."""
    tab = chat("chatgpt", address="https://chatgpt.com/")
    tab.ask(f"void {ask('Hello?', 'Hello to you, and welcome. ' * 20, '{pieces: 20, ms: 20}')}")
    tab.until("chat.turns.length === 2 && chat.turns[1].text.length > 30")
    tab.ask("chat.name('named')")
    kept(1)
    tab.ask(ask("More?", "A little more.", FAST))
    kept(2)

    assert len([name for name in browser.stored() if name.startswith("chat:")]) == 1


def test_a_long_chat_is_read_once(browser, chat, kept):
    """Of a chat of 300 answers only what changes is read: one more answer costs its own characters, not those before."""
    tab = chat("chatgpt")
    tab.ask(
        "chat.history(Array.from({length: 300}, (_, n) => [`Question ${n}?`, `Answer ${n}. `.concat('A sentence. '.repeat(40))]))"
    )
    assert all(one[0] is None for one in kept(300))
    browser.inside(
        tab,
        "var charactersRead = 0, plainCounts = counts; counts = (text) => { charactersRead += text.length; return plainCounts(text); }; 0",
    )
    tab.ask(ask("And now?", "word " * 100, "{pieces: 10, ms: 30}"))
    found = kept(301)

    assert found[-1][0] is not None
    assert found[-1][2] > 300 * 80
    assert browser.inside(tab, "charactersRead") < 12 * 500


def test_turns_that_a_long_page_drops_stay_in_the_context(chat, kept):
    """A page that keeps only its last turns does not make the conversation shorter."""
    tab = chat("claude")
    tab.ask("chat.history(Array.from({length: 10}, (_, n) => [`Question ${n}?`, `Answer ${n} in a few words.`]))")
    whole = kept(10)
    tab.ask("chat.drop(16)")
    tab.ask(ask("Last?", "The last answer.", FAST))
    last = kept(11)[-1]

    assert last[2] == pytest.approx(whole[-1][2] + whole[-1][3] + last[1], abs=0.1)


def test_a_reload_counts_nothing_again(browser, chat, kept):
    """The same chat opened again, as history, is known."""
    pairs = [["What is it?", "It is an answer, as before."]]
    tab = chat("deepseek")
    tab.ask(ask(*pairs[0], FAST))
    before = kept(1)
    tab.ask("chat.turns.length")
    again = chat("deepseek")
    again.ask(f"chat.history({json.dumps(pairs)})")
    again.ask("new Promise((then) => setTimeout(then, 700))")

    assert kept(1) == before
    assert browser.badge(again) is not None
