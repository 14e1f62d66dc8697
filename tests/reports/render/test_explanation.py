"""Why cases moved, in each form that a reader meets it."""

from __future__ import annotations

import json

import msgspec
import pytest

from reports.comparison import Pair, State
from reports.explain.prices import Prices
from reports.gate import Verdict
from reports.render.explanation import (
    Moved,
    moved,
    terminal_lines,
    told_of,
)
from tests.reports.sides import STEADY, side

EVIL = "\x1b[31mb`8``|<b>\n- [x](y)"


def judged(name: str, factor: float, verdict: Verdict | None, state: State = State.COMPARED):
    """A pair of which the seconds changed by a factor."""
    before, after = (side(spread=STEADY, name=name, seconds=seconds) for seconds in (2.0, 2.0 * factor))
    return Pair(state=state, candidate=after, baseline=None if state is State.NEW else before), verdict


def found(*pairs, **more: object) -> Moved:
    """What moved among these pairs, without environments."""
    return moved(pairs, {}, {}, level=0.95, **more)  # type: ignore[arg-type]


def as_json(*pairs):
    """What JSON holds of these pairs."""
    return json.loads(msgspec.json.encode(told_of(found(*pairs))))


def test_cases_that_moved_are_ordered_by_verdict_and_size():
    """Regressions before improvements, the largest change of each first; what did not move is left out."""
    cases = found(
        judged("a", 0.5, Verdict.IMPROVED),
        judged("b", 1.05, Verdict.REGRESSED),
        judged("c", 1.0, Verdict.UNCHANGED),
        judged("d", 1.2, Verdict.REGRESSED),
        judged("e", 1.5, Verdict.INCONCLUSIVE),
        judged("f", 1.5, Verdict.INCOMPARABLE),
        judged("g", 0.9, Verdict.IMPROVED),
        judged("h", 1.5, None),
        judged("i", 1.5, Verdict.REGRESSED, State.NEW),
    )

    assert [one.case for one in cases.cases] == ["d", "b", "a", "g"]
    assert cases.more == 0


def test_the_terminal_has_two_lines_per_case_and_the_basis_once():
    """Sentence, costs, how many more there are, and what the costs rest on."""
    pairs = [judged(f"b{number}", 1 + number / 10, Verdict.REGRESSED) for number in range(1, 10)]
    two = found(*pairs, most=2)
    lines = terminal_lines(told_of(two), two.more)

    assert lines == [
        "  REGRESSED b9: +90.0 % J/token: 90.0 % more time at the same power",
        "    37.5 kWh (37.3 kWh to 37.7 kWh) and 17.2 kgCO2e more per million requests",
        "  REGRESSED b8: +80.0 % J/token: 80.0 % more time at the same power",
        "    33.3 kWh (33.2 kWh to 33.5 kWh) and 15.3 kgCO2e more per million requests",
        "  and 7 more",
        "  costs: 458 gCO2e/kWh (world average of 2025, Ember); "
        "of the metered domains alone, cooling and losses of supplies not in them",
    ]


def test_five_cases_are_shown_unless_more_are_asked_for():
    """The default keeps a report short; None shows all."""
    pairs = [judged(f"b{number}", 1.1, Verdict.REGRESSED) for number in range(7)]

    assert (len(found(*pairs).cases), found(*pairs).more) == (5, 2)
    assert (len(found(*pairs, most=None).cases), found(*pairs, most=None).more) == (7, 0)


def test_prices_are_the_callers():
    """Whoever prints may name grid and price; both stand in the line and in the basis."""
    prices = Prices(grid_gco2e_per_kwh=50.0, price_per_kwh=0.2, currency="EUR")
    lines = terminal_lines(told_of(found(judged("b8", 1.1, Verdict.REGRESSED)), prices.costs))

    assert lines[1] == "    4.17 kWh (4.06 kWh to 4.27 kWh), 208 gCO2e and 0.833 EUR more per million requests"
    assert lines[2].startswith("  costs: 50 gCO2e/kWh, 0.2 EUR per kWh; ")


def test_nothing_moved_says_nothing():
    """Without a case there is no line, and no basis of costs that are not there."""
    nothing = told_of(found(judged("b8", 1.1, Verdict.INCONCLUSIVE)))

    assert nothing == ()
    assert terminal_lines(nothing) == []


def test_cases_that_moved_without_an_explanation_are_counted():
    """Where nothing can be split, a line says how many cases that concerns."""
    assert terminal_lines((), 3) == ["  3 are not explained"]


def test_a_hostile_name_paints_nothing():
    """Control characters of a case's name are written out."""
    lines = terminal_lines(told_of(found(judged(EVIL, 1.1, Verdict.REGRESSED))))

    assert all(line.isprintable() for line in lines)
    assert lines[0].startswith("  REGRESSED \\x1b[31mb`8``|<b>")


def test_json_holds_the_figures_behind_the_sentence():
    """Parts with what they add, ends of intervals, shares, costs: numbers, and null where unknown."""
    (one,) = as_json(judged("b8", 1.1, Verdict.REGRESSED))

    assert one["fullname"] == "benchmarks/test_frameworks.py::test_frameworks[b8]"
    assert (one["case"], one["verdict"], one["method"]) == ("b8", "REGRESSED", "counter")
    assert one["sentence"] == "+10.0 % J/token: 10.0 % more time at the same power"
    assert (one["metric"], one["ratio"]) == ("joules_per_output_token", pytest.approx(1.1))
    power, time, tokens = one["parts"]
    assert [part["name"] for part in one["parts"]] == ["power", "time", "tokens"]
    assert [part["told"] for part in one["parts"]] == [False, True, False]
    assert time["share"] == pytest.approx(1.0)
    assert (time["before"], time["after"]) == (pytest.approx(2.0), pytest.approx(2.2))
    assert time["low"] < time["adds"] < time["high"]
    assert power["adds"] + time["adds"] + tokens["adds"] == pytest.approx(one["whole"]["adds"], abs=1e-12)
    assert one["time_by_phase"] == one["energy_by_phase"] == one["work"] == one["environment"] == []
    assert one["windows"] == [3, 3]
    assert one["same_work"] is True
    assert one["costs"]["energy_j"] == pytest.approx(15e6, rel=1e-6)
    assert one["costs"]["money"] is None


def test_json_has_no_interval_where_there_is_none():
    """One window leaves the ends of every interval null, and the figures stay."""
    before, after = side(spread=(0.0,)), side(spread=(0.0,), seconds=3.0)
    pair = Pair(state=State.COMPARED, candidate=after, baseline=before)
    (one,) = as_json((pair, Verdict.REGRESSED))

    assert (one["whole"]["low"], one["whole"]["high"], one["costs"]["energy_low_j"]) == (None, None, None)
    assert one["ratio"] == pytest.approx(1.5)


def test_environments_are_found_by_their_key(environment):
    """What differs around a case comes from the environments that its two results name."""
    before, after = environment(), environment(packages={"torch": "2.14.0"})
    cases = moved([judged("b8", 1.1, Verdict.REGRESSED)], {"here": before}, {"here": after}, level=0.95)

    assert told_of(cases)[0].environment == ("torch 2.13.0 against 2.14.0",)
