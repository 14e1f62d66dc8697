"""The page in a real Chromium: it draws, filters, sorts, downloads and prints, and takes names for data."""

from __future__ import annotations

import csv
import time

import pytest

from tests.reports.page.conftest import HOSTILE

CASES = "document.querySelector('[data-figure=cases]')"
ROWS = f"{CASES}.querySelectorAll('tbody tr')"


@pytest.fixture
def page(browser, source, suite, written):
    """The suite's page, opened."""
    tab = browser.open(written(source(*suite)))
    yield tab
    tab.close()


def names(tab):
    """The first column of the table of cases."""
    return tab.ask(f"[...{ROWS}].map(row => row.cells[0].textContent)")


def test_it_opens_without_a_complaint_or_a_request(page):
    """Every picture is drawn, the console is silent, and no network is asked."""
    drawn = page.ask("[...document.querySelectorAll('.picture')].map(one => one.querySelectorAll('path').length > 3)")

    assert len(drawn) >= 9 and all(drawn)
    assert page.complaints == []
    assert page.requests == []


@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_every_width(browser, source, suite, written, dark):
    """No page is wider than its window, and no picture than the page, also after the window was resized."""
    tab = browser.open(written(source(*suite)), width=1440, dark=dark)
    for width in (1440, 820, 390):
        tab.resize(width, 900)
        tab.until(
            f"Math.max(...[...document.querySelectorAll('.picture svg')].map(one => one.getBoundingClientRect().right)) <= {width}"
        )
        assert tab.ask("document.documentElement.scrollWidth") <= width
    tab.close()


def test_the_theme_is_chosen_and_kept(page):
    """Light and dark are switched without drawing anew, and a reload keeps the choice."""
    ground = "getComputedStyle(document.body).backgroundColor"
    mark = "getComputedStyle(document.querySelector('.picture .mark-symbol path')).fill"
    light = (page.ask(ground), page.ask(mark))
    page.ask("theme.value = 'dark'; theme.dispatchEvent(new Event('change'))")
    dark = (page.ask(ground), page.ask(mark))
    page.call("Page.reload")
    page.until("document.readyState === 'complete' && document.documentElement.dataset.theme === 'dark'")

    assert light[0] == "rgb(255, 255, 255)"
    assert dark[0] != light[0] and dark[1] != light[1]
    assert page.ask(ground) == dark[0]
    page.ask("localStorage.clear()")  # pages of files share it


def test_cases_are_filtered(page, suite):
    """Words are looked for in every column, choices narrow further, and the count says so."""
    page.ask(
        f"var words = {CASES}.querySelector('input'); words.value = 'transformers b8'; words.dispatchEvent(new Event('input'))"
    )
    assert sorted(names(page)) == ["transformers-b8-in64", "transformers-b8-in8"]
    assert page.ask(f"{CASES}.querySelector('.count').textContent") == f"2 of {len(suite)} rows"

    page.ask("words.value = ''; words.dispatchEvent(new Event('input'))")
    page.ask(
        f"var choice = [...{CASES}.querySelectorAll('label')].find(one => one.textContent.startsWith('question')).querySelector('select');"
        "choice.value = [...choice.options].find(one => one.text === 'decoding').value; choice.dispatchEvent(new Event('change'))"
    )
    assert sorted(names(page)) == ["vllm-greedy", "vllm-sample"]


def test_cases_are_sorted_by_keyboard(page, suite):
    """Enter on a column's head sorts by it, once more the other way round, and says which way to those who cannot see."""
    head = f"[...{CASES}.querySelectorAll('th')].find(one => one.textContent === 'energy per output token')"
    page.ask(f"{head}.querySelector('button').focus()")
    seen = []
    for _ in range(2):
        for kind in ("keyDown", "keyUp"):
            page.call(
                "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r", windowsVirtualKeyCode=13
            )
        seen.append((page.ask(f"{head}.getAttribute('aria-sort')"), names(page)))

    assert [order for order, _ in seen] == ["ascending", "descending"]
    assert seen[0][1][0] in ("plain-b8", "vllm-b8-in8", "ngram-b8") and seen[0][1][-1] == seen[1][1][0]
    assert len(seen[1][1]) == len(suite)


def test_data_are_downloaded(page, tmp_path, suite):
    """The button gives the rows that the filter leaves as CSV with every column, the hidden ones too."""
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.ask(
        f"var words = {CASES}.querySelector('input'); words.value = 'decoding'; words.dispatchEvent(new Event('input'))"
    )
    page.ask(f"{CASES}.querySelector('.csv').click()")
    file, until = tmp_path / "cases.csv", time.monotonic() + 10
    while not file.exists() and time.monotonic() < until:
        time.sleep(0.02)
    rows = {row["case"]: row for row in csv.DictReader(file.read_text().splitlines())}

    assert set(rows) == {"vllm-sample", "vllm-greedy"}
    assert float(rows["vllm-greedy"]["mean (J/token)"]) == pytest.approx(2.05)
    assert rows["vllm-greedy"]["fullname"].endswith("test_decoding[vllm-greedy]")


def test_it_prints(browser, source, many, written):
    """On paper it is light whatever the theme, the table of cases is whole, and nothing to press is printed."""
    tab = browser.open(written(source(*many(130))), dark=True)
    assert tab.ask(f"{ROWS}.length") == 100
    tab.call("Emulation.setEmulatedMedia", media="print")
    tab.ask("dispatchEvent(new Event('beforeprint'))")

    assert tab.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.ask(f"{ROWS}.length") == 130
    assert tab.ask(
        "[...document.querySelectorAll('select, input, button.csv, button.more')].every(one => !one.offsetParent)"
    )
    assert tab.printed().startswith(b"%PDF")
    tab.close()


def test_names_are_data(browser, source, case, written, tmp_path):
    """Names with markup, script ends, quotes, templates and control characters are shown as text and run nothing."""
    results = [
        case(name, (1.0 + at, 1.1 + at), batch_size=2**at, model=name, question=name) for at, name in enumerate(HOSTILE)
    ]
    results += [case(name, (1.0, 1.2), batch_size=2, model=name) for name in HOSTILE]
    results += [case(f"{name}!", (1.0, 1.3), batch_size=4, model=name) for name in HOSTILE]
    file = written(source(*results, name=HOSTILE[1], label=HOSTILE[1]))
    tab = browser.open(file)

    assert tab.ask("typeof window.hacked") == "undefined"
    assert tab.complaints == [] and tab.requests == []
    shown = set(names(tab))
    assert {name for name in HOSTILE if name.isprintable()} <= shown
    assert r"bell \x07 escape \x1b[31m line \u2028 null \x00" in shown
    assert tab.ask("document.querySelectorAll('img, main script, svg[onload]').length") == 0
    assert tab.ask("document.title").startswith("Energy: </script>")
    tab.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    tab.ask(f"{CASES}.querySelector('.csv').click()")
    until = time.monotonic() + 10
    while not (tmp_path / "cases.csv").exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert "\"'=HYPERLINK(" in (tmp_path / "cases.csv").read_text()
    tab.close()


def test_five_thousand_cases_stay_usable(browser, source, many, written):
    """A hundred rows and a few thousand marks are drawn, whatever there is; the filter finds one among all."""
    tab = browser.open(written(source(*many(5_000))))

    assert tab.ask(f"{ROWS}.length") == 100
    assert tab.ask("document.querySelectorAll('.picture path').length") < 4_000
    tab.ask(
        f"var words = {CASES}.querySelector('input'); words.value = 'case-4321'; words.dispatchEvent(new Event('input'))"
    )
    assert names(tab) == ["case-4321"]
    assert tab.complaints == []
    tab.close()


def test_a_choice_changes_what_is_drawn(page):
    """Another question in the list beside a picture draws that question's cases."""
    figure = "document.querySelector('[data-figure=by-batch]')"
    before = page.ask(f"{figure}.querySelector('svg').outerHTML")
    page.ask(
        f"var list = {figure}.querySelector('.controls select'); list.value = '1'; list.dispatchEvent(new Event('change'))"
    )
    page.until(
        f"{figure}.querySelector('svg')?.outerHTML !== {before!r}.toString() && {figure}.querySelectorAll('path').length > 3"
    )

    assert page.ask("list.options.length") == 2
    assert page.complaints == []
