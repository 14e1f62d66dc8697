"""Popup, options and insights: for everybody, in both themes, at two widths; what they do with what was counted."""

from __future__ import annotations

import csv
import io
import itertools
import json
import time

import pytest

DAY_MS = 86_400_000
NOW_MS = 1_795_000_000_000
CHATS = {
    "chat:0a": {
        "service": "chatgpt",
        "answers": [["a", NOW_MS, 40, 40, 300, 0.18], ["b", NOW_MS + DAY_MS, 20, 360, 500, 0.18]],
    },
    "chat:0b": {"service": "deepseek", "answers": [["c", None, 10, 10, 800, 0.2]]},
    "chat:0c": {"service": "page-gone", "answers": [["d", NOW_MS, 10, 10, 50, 0.2]]},
}
PAGES = ("popup", "options", "insights")


@pytest.fixture
def stored(browser):
    """Three chats: two answers on two days, one from before, one of a page that was removed since."""
    browser.worker.ask(
        f"chrome.storage.local.set({json.dumps(CHATS)}).then(() => chrome.storage.session.set({{latest: 'chat:0a'}})).then(() => 0)"
    )
    return browser


@pytest.fixture
def show(stored):
    """A page of the extension whose console stays silent."""
    opened = []

    def page(name, **how):
        opened.append(stored.page(name, **how))
        return opened[-1]

    yield page
    for tab in opened:
        assert tab.complaints == []
        assert tab.requests == []
        tab.close()


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(show, axe, name):
    """No rule of axe is broken, nor one on contrast in the dark theme."""
    told = ".then(seen => seen.violations.map(one => `${one.id}: ${one.nodes[0].html}`))"
    tab = show(name)
    tab.call("Runtime.evaluate", expression=axe)
    assert tab.ask(f"axe.run(document){told}") == []
    tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert tab.ask("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 29)"
    assert tab.ask(f"axe.run(document, {{runOnly: ['color-contrast']}}){told}") == []


@pytest.mark.parametrize("name", PAGES)
def test_it_fits_narrow_and_wide_windows(show, name):
    """No page is wider than its window."""
    tab = show(name, width=1200)
    for width in (1200, 360):
        tab.resize(width, 700)
        assert tab.ask("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", PAGES)
def test_no_figure_without_interval_and_the_word_estimate(show, name):
    """Every energy and every mass of carbon that is said has an interval, in a section that says estimate."""
    text = show(name).ask("document.body.innerText")
    figures = [line for line in text.splitlines() if any(unit in line for unit in (" Wh (", " g (", " mWh (", " mg ("))]

    assert "estimate" in text.casefold()
    assert name == "options" or figures
    assert all(" to " in line for line in figures)


def test_the_popup_names_the_chat(show):
    """It says service, energy, carbon, comparisons, tokens and what is assumed."""
    text = show("popup").ask("document.body.innerText")

    for word in (
        "ChatGPT (estimate)",
        "Wh (",
        "CO2e, estimate",
        "LED bulb",
        "2 answers",
        "Assumed: Undisclosed large model",
        "cache",
    ):
        assert word in text


def test_insights_tell_days_and_services(show):
    """Answers are told by day, those from before apart, and by service, one that is gone among them."""
    tab = show("insights")
    days, services = (
        tab.ask(
            f"[...document.querySelectorAll('table')[{place}].querySelectorAll('tbody tr')].map((row) => [...row.cells].filter((_, place) => [0, 3, 4].includes(place)).map((cell) => cell.textContent))"
        )
        for place in (0, 1)
    )

    assert days[0][0] == "before it was watched"
    assert [row[1:] for row in days] == [
        ["1", "800 (650 to 980)"],
        ["1", "500 (420 to 600)"],
        ["2", "350 (290 to 420)"],
    ]
    assert {row[0]: row[1:] for row in services} == {
        "ChatGPT": ["2", "800 (670 to 960)"], "DeepSeek": ["1", "800 (650 to 980)"], "a page removed since": ["1", "50 (41 to 61)"],
    }  # fmt: skip


def test_exports_hold_every_figure(show):
    """CSV and JSON hold each day and service with value and interval, and say that they are estimates."""
    tab = show("insights")
    tab.ask(
        "var made = []; URL.createObjectURL = (blob) => (made.push(blob), 'blob:none'); HTMLAnchorElement.prototype.click = () => {}; 0"
    )
    for place in (0, 1):
        tab.ask(f"document.querySelectorAll('.tools button')[{place}].click()")
    table, plain = tab.ask("Promise.all(made.map((one) => one.text()))")
    rows = list(csv.DictReader(io.StringIO(table)))
    known = json.loads(plain)

    assert [(row["service"], row["estimated_answer_tokens_value"]) for row in rows] == [
        ("DeepSeek", "800"), ("ChatGPT", "500"), ("a page removed since", "50"), ("ChatGPT", "300"),
    ]  # fmt: skip
    assert all(
        float(row["estimated_wh_low"]) < float(row["estimated_wh_value"]) < float(row["estimated_wh_high"])
        for row in rows
    )
    assert "not measurements" in known["what"]
    assert len(known["answers"]) == 4 and len(known["totals"]) == len(rows)
    assert set(known["assumptions"]) == {"chatgpt", "deepseek", "page-gone"}


def test_delete_all_asks_first(show, stored):
    """Nothing goes before the question is answered; then every chat is gone, and options stay."""
    stored.worker.ask("chrome.storage.local.set({settings: {grid: 'fr'}}).then(() => 0)")
    tab = show("insights")
    tab.ask("document.querySelectorAll('.tools button.danger')[0].click()")
    assert tab.ask("document.querySelector('dialog').open && document.activeElement.textContent") == "Keep"
    assert len(stored.answers()) == 4
    tab.ask("document.querySelector('dialog button.danger').click()")
    tab.until("document.body.innerText.includes('Nothing was counted yet')")

    assert stored.answers() == []
    assert stored.stored() == {"settings": {"grid": "fr"}}


def wh_of(tab):
    """The large figure of a page."""
    return tab.ask("document.querySelector('.figure').textContent")


def test_options_change_the_figures(show):
    """Another model, grid and PUE are said at once wherever figures are shown."""
    before = show("popup")
    options = show("options")
    options.ask(
        """(() => {
          const [model] = document.querySelectorAll("select");
          model.value = "small";
          model.dispatchEvent(new Event("change"));
        })()"""
    )
    options.until("document.getElementById('said').textContent === 'Saved.'")
    options.ask(
        """(() => {
          const [, grid] = document.querySelectorAll("fieldset");
          const [choice, own, pue] = grid.querySelectorAll("select, input[type=number]");
          own.value = "20";
          own.dispatchEvent(new Event("change"));
          pue.value = "1.1";
          pue.dispatchEvent(new Event("change"));
        })()"""
    )
    time.sleep(0.2)
    after = show("popup")

    assert float(wh_of(after).split(" ")[0]) != float(wh_of(before).split(" ")[0])
    assert "Small or fast model" in after.ask("document.body.innerText")
    assert "grid: your own" in after.ask("document.body.innerText")


def test_an_assumption_of_ones_own_is_checked(show, stored):
    """What cannot be is refused in a sentence; what can is kept and can be chosen."""
    tab = show("options")
    boards = "document.querySelectorAll('.row')[2].querySelectorAll('input')[0]"
    save = "[...document.querySelectorAll('button')].find((one) => one.textContent === 'Save my assumption').click()"
    tab.ask(f"{boards}.value = 2; {save}")
    tab.until("document.getElementById('said').textContent !== ''")
    assert "does not fit: give 8 boards or more" in tab.ask("document.getElementById('said').textContent")
    assert "settings" not in stored.stored()

    tab.ask(f"{boards}.value = 32; {save}")
    tab.until("document.getElementById('said').textContent.startsWith('Saved')")
    assert stored.stored()["settings"]["own"]["high"]["boards"] == 32
    assert tab.ask("[...document.querySelector('select').options].at(-1).value") == "own"


def test_a_page_that_cannot_be_added(show, stored):
    """Addresses of everything, selectors and expressions that are none are refused in a sentence."""
    tab = show("options")
    whole = {"name": "Ours", "pattern": "https://chat.example.org/*", "user": ".q", "answer": ".a", "chat": ""}
    for name, value, words in (
        ("name", " ", "Give the page a name"),
        ("pattern", "https://*/*", "must look like"),
        ("pattern", "file:///*", "must look like"),
        ("user", "p[", "is no CSS selector"),
        ("answer", "", "Give a selector"),
        ("chat", "(", "no regular expression"),
    ):
        typed = json.dumps({**whole, name: value})
        tab.ask(
            f"for (const [name, text] of Object.entries({typed})) document.getElementById(`page-${{name}}`).value = text"
        )
        tab.ask("document.getElementById('page-add').click()")
        assert words in tab.ask("document.getElementById('said').textContent")

    assert "settings" not in stored.stored()


def test_broken_settings_are_defaults(show, stored):
    """What another version stored, or a hand, breaks no page."""
    broken = {
        "grid": 7,
        "pue": "x",
        "own": {"low": 3},
        "services": [{"name": "x"}, None],
        "assumption": {"chatgpt": "none"},
    }
    stored.worker.ask(f"chrome.storage.local.set({{settings: {json.dumps(broken)}}}).then(() => 0)")

    assert "World, 2025" in show("popup").ask("document.body.innerText")
    assert show("options").ask("document.querySelectorAll('fieldset').length") == 4


@pytest.mark.parametrize("name", PAGES)
def test_everything_is_reached_by_keyboard(show, name):
    """The tab key reaches every control of a page, in the order of the page."""
    tab = show(name)
    wanted = tab.ask(
        "[...document.querySelectorAll('a[href], button:not([disabled]), input, select, summary')].filter((one) => one.offsetParent).length"
    )
    seen = []
    for _ in range(3 * wanted):
        for kind in ("keyDown", "keyUp"):
            tab.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        place = tab.ask(
            "[...document.querySelectorAll('a[href], button, input, select, summary')].indexOf(document.activeElement)"
        )
        if place in seen:
            break
        if place >= 0:
            seen.append(place)

    assert len(seen) == wanted
    assert all(before < after for before, after in itertools.pairwise(seen))
