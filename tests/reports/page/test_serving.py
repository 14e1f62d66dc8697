"""The page's section on serving: figures by rate, the service level, the steady state's share; absent without arrivals."""

from __future__ import annotations

import json

import altair
import msgspec
import pytest

from energy_fixtures.records import Result
from energy_fixtures.serving.records import Arrivals
from reports.page.cases import cases_of
from reports.page.content import page_of
from reports.page.document import html_of
from reports.page.sections import serving
from tests.reports.page.conftest import HOSTILE
from tests.reports.page.test_figures import strings
from tests.reports.render.test_serving import offline, online

LEVEL = "e2el_p99_ms:1000"


@pytest.fixture
def served() -> list[Result]:
    """One batch, three rates of which the highest misses the level, and all at once with failures."""
    return [
        offline((8.0, 8.0)),
        online("r1", (24.0, 24.0), Arrivals.poisson(3, 1.0), level=LEVEL),
        online("r2", (12.0, 12.0), Arrivals.poisson(3, 2.0), level=LEVEL),
        online("r4", (6.0, 6.0), Arrivals.poisson(3, 4.0), level=LEVEL, e2e_s=3.0),
        online("burst", (6.0, 6.0), Arrivals.all_at_once(3), level=LEVEL, failure="at_capacity"),
    ]


def figures(*sources):
    """The section's figures by name."""
    section = serving.section(cases_of(sources, 0.95))
    return section, {figure.name: figure for figure in section.figures}


def test_every_case_with_arrivals_has_its_figures(source, served):
    """Joules, latencies, level, failures and the steady state's share, by hand: 1.0 s of 1.5 s are steady."""
    section, found = figures(source(*served))
    rows = {row["case"]: row for row in found["serving"].rows}

    assert list(rows) == ["r1", "r2", "r4", "burst"]
    assert (rows["r2"]["mean"], rows["r2"]["steady_joules_per_output_token"], rows["r2"]["e2el_p99"]) == (1.0, 0.5, 0.5)
    assert rows["r2"]["share"] == pytest.approx(2 / 3)
    assert [rows[name]["level"] for name in rows] == ["met", "met", "not met", "not met"]
    assert (rows["burst"]["sent"], rows["burst"]["failed"], rows["burst"]["mean"]) == (6, 2, None)
    assert section.said[0] == "Service level: E2EL p99 <= 1000 ms."
    assert any("the cheapest of 2 rates that meet it is 2.00 requests/s" in sentence for sentence in section.said)
    assert any(sentence.startswith("r1: +100.0 % joules per token beside offline") for sentence in section.said)


def test_rates_are_drawn_in_order(source, served):
    """Joules and good answers along the rate, one line for what differs in it alone; what came all at once is in the table."""
    _, found = figures(source(*served))
    energy, answers = found["energy-by-rate"], found["goodput"]

    assert [(row["rate"], row["mean"]) for row in energy.datasets["drawn"]] == [(1.0, 2.0), (2.0, 1.0), (4.0, 0.5)]
    assert {row["work"] for row in energy.datasets["drawn"]} == {"poisson, 3 requests"}
    assert [row["answered"] for row in answers.datasets["drawn"]] == [2.0, 2.0, 0.0]
    assert answers.datasets["asked"] == [{"rate": 1.0, "answered": 1.0}, {"rate": 4.0, "answered": 4.0}]
    assert "Pale dots do not meet the service level." in energy.notes
    for figure in (energy, answers):
        altair.LayerChart.from_dict(json.loads(json.dumps(figure.spec)))


def test_without_a_level_answers_are_drawn(source):
    """Nobody is called good where nothing was promised, and one rate makes no picture."""
    cases = [online(f"r{rate}", (12.0, 12.0), Arrivals.poisson(3, float(rate))) for rate in (1, 2)]
    _, found = figures(source(*cases))
    _, single = figures(source(cases[0]))

    assert found["goodput"].title.startswith("Answers per second") and found["goodput"].notes == ()
    assert {row["level"] for row in found["serving"].rows} == {""}
    assert list(single) == ["serving"]


def test_two_runs_are_told_apart(source, served):
    """The same cases in two runs have a colour each, and sentences that name their run."""
    section, found = figures(source(*served, label="old"), source(*served, label="new"))
    (spec,) = [layer for layer in found["goodput"].spec["layer"] if layer["mark"]["type"] == "point"]

    assert spec["encoding"]["color"]["field"] == "source"
    assert [sentence.split(":")[0] for sentence in section.said if "cheapest" in sentence] == ["old", "new"]


def test_work_that_differs_in_more_than_arrivals_is_named_by_it(source):
    """Two batch sizes at the same rates are two lines with names of their own."""
    cases = []
    for rate in (1.0, 2.0):
        one = online(f"r{rate}", (12.0, 12.0), Arrivals.poisson(6, rate))
        cases += [one, msgspec.structs.replace(one, scenario=msgspec.structs.replace(one.scenario, batch_size=2))]
    _, found = figures(source(*cases))

    assert {row["work"] for row in found["serving"].rows} == {"poisson, 6 requests · b1", "poisson, 6 requests · b2"}


def test_without_arrivals_it_is_absent_and_said(source, case):
    """A run of batches has no such section, and the page says what would make one."""
    page = page_of([source(case("only", (2.0, 2.2)))], [], 0.95)

    assert "serving" not in [section.name for section in page.sections]
    assert any(sentence.startswith("Serving: no case") for sentence in page.absent)


def test_names_stay_data(source):
    """Names of cases and workloads that look like markup are text on the page."""
    cases = [
        online(name, (12.0, 12.0), msgspec.structs.replace(Arrivals.poisson(3, 1.0 + at), workload=name))
        for at, name in enumerate(HOSTILE)
    ]
    page = html_of(page_of([source(*cases)], [], 0.95))
    _, found = figures(source(*cases))
    specified = {text for figure in found.values() for text in strings(figure.spec)}

    assert not any(name in page for name in HOSTILE if "<" in name)
    assert len(specified) > 20 and not any(name in text for name in HOSTILE for text in specified)
