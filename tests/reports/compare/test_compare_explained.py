"""Why cases of two runs moved, in each format of `joules compare`, and what printed intervals hold."""

from __future__ import annotations

import json
import math

import pytest

from reports.compare import why

CALM = (1.00, 1.01, 0.99, 1.0, 1.005)
DEARER = tuple(1.5 * value for value in CALM)
WHY = "+50.0 % J/token: "


@pytest.mark.parametrize("form", ["table", "markdown", "json", "csv"])
def test_a_case_that_moved_is_explained(saved, compared, case, form):
    """What the change is made of and what it costs stands in every format for readers; without a verdict there is none."""
    old, new = saved("old.json", case("b1", CALM)), saved("new.json", case("b1", DEARER))
    prices = ["--price-per-kwh", "0.3EUR", "--grid-g-per-kwh", "100"]

    printed = compared(old, new, "--format", form, "--fail", "mean:5%", *prices)[1]
    assert WHY in printed
    said = " ".join(printed.split())
    assert "1.39 kWh" in said
    assert "139 gCO2e and 0.417 EUR more per million requests" in said
    assert WHY not in compared(old, new, "--format", form)[1]


def test_the_largest_changes_are_explained(saved, compared, case, monkeypatch):
    """Regressions before improvements, each by size; those beyond a number are counted."""
    monkeypatch.setattr(why, "MOST", 3)
    changes = {"a": 1.5, "b": 2.0, "c": 0.4, "d": 1.0, "e": 0.5}
    old = saved("old.json", *(case(name, CALM) for name in changes))
    new = saved("new.json", *(case(name, tuple(factor * value for value in CALM)) for name, factor in changes.items()))

    found = json.loads(compared(old, new, "--format", "json", "--fail", "mean:5%")[1])
    assert [(one["case"], one["verdict"]) for one in found["explanations"]] == [
        ("b", "REGRESSED"),
        ("a", "REGRESSED"),
        ("c", "IMPROVED"),
    ]
    assert found["unexplained"] == 1
    assert "and 1 more" in compared(old, new, "--fail", "mean:5%")[1]


def test_a_limit_on_seconds_explains_no_joules(saved, compared, case):
    """A verdict on a latency says nothing about joules, so that none are explained for it."""
    old, new = saved("old.json", case("b1", CALM)), saved("new.json", case("b1", DEARER))

    found = json.loads(compared(old, new, "--format", "json", "--fail", "ttft:mean:5%")[1])
    assert found["explanations"] == []


def test_printed_intervals_hold_what_sessions_differ_by(saved, compared, case):
    """Rounds that agree do not make an old run exact: the interval is as wide as two days apart are, and says so."""
    same = (1.0, 1.0000001, 0.9999999, 1.0, 1.0)
    old, new = (saved(name, case("b1", same)) for name in ("old.json", "new.json"))

    printed = compared(old, new, "--format", "json")[1]
    change = json.loads(printed)["rows"][0]["change"]
    # t(10) = 2.228 of two sessions, each off by 1 %
    assert change["high"] == pytest.approx(math.exp(2.228 * math.sqrt(2) * 0.01), rel=1e-4)
    assert change["low"] == pytest.approx(1 / change["high"])
    assert any("what two sessions differ by" in note for note in json.loads(printed)["notes"])


def test_what_measuring_took_is_told(saved, compared, case):
    """The new run's joules and seconds inside windows, by its name; those of the old one are long spent."""
    old, new = saved("old.json", case("b1", CALM)), saved("new.json", case("b1", CALM), case("b2", CALM))

    printed = " ".join(compared(old, new)[1].split())
    assert "new: measuring took " in printed
    assert "old: measuring took " not in printed
