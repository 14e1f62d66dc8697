"""Formats for programs: what other tools ask of a file is in it, and nothing replaces anything."""

from __future__ import annotations

import csv
import io
import json

import msgspec
import pytest

from energy_fixtures.errors import ConfigurationError
from reports.compare.rows import Asked, Report, rows_of
from reports.compare.summary import summary
from reports.comparison import Around, Pair, State, hold
from reports.render.exporters import COLUMNS, as_bencher, as_csv, as_github_action_benchmark, as_json

CALM = (1.00, 1.01, 0.99, 1.0, 1.005)
DEARER = tuple(1.5 * value for value in CALM)


def report_of(*results, metrics=(), baseline=None):
    """A report of results, each against one baseline or alone."""
    asked = Asked(level=0.95, metrics=metrics)
    around = Around(unfair=(), notes=("driver 1 against 2",))
    pairs = [
        Pair(state=State.NEW, candidate=one) if baseline is None else hold(baseline, one, around, ()) for one in results
    ]
    rows = [row for pair in pairs for row in rows_of(pair, asked, "NVIDIA H200, 700 W")]
    return summary(rows, "before", "after", asked, by=None)


def test_bencher(case):
    """Case, measure, value and bounds, as Bencher's metric format has them; the bounds are the printed interval."""
    found = json.loads(as_bencher(report_of(case("b8", CALM))))

    (measures,) = found.values()
    assert list(found) == ["frameworks[b8]"]
    assert list(measures) == ["joules-per-output-token"]
    figure = measures["joules-per-output-token"]
    assert set(figure) == {"value", "lower_value", "upper_value"}
    assert figure["value"] == pytest.approx(1.001)
    assert figure["value"] - figure["lower_value"] == pytest.approx(0.0092, rel=0.01)  # 2.776 × 0.0074 / √5
    assert figure["upper_value"] - figure["value"] == pytest.approx(0.0092, rel=0.01)


def test_bencher_without_an_interval(case):
    """One trial has no bounds; they are left out, not null."""
    found = json.loads(as_bencher(report_of(case("b8", (1.0,)))))
    assert found == {"frameworks[b8]": {"joules-per-output-token": {"value": 1.0}}}


def test_github_action_benchmark(case):
    """Name, unit and value, with range and extra as strings."""
    (entry,) = json.loads(as_github_action_benchmark(report_of(case("b8", CALM))))

    assert set(entry) == {"name", "unit", "value", "range", "extra"}
    assert (entry["name"], entry["unit"]) == ("frameworks[b8]", "J/token")
    assert float(entry["range"]) == pytest.approx(0.0092, rel=0.01)
    assert entry["extra"] == "5 trials\nNVIDIA H200, 700 W\njoules of gpu:0"


def test_a_file_for_github_action_benchmark_has_one_better_side(case):
    """Joules and tokens per joule go into two files; what has no better side is refused."""
    one = case("b8", CALM)
    (entry,) = json.loads(as_github_action_benchmark(report_of(one, metrics=("output_tokens_per_joule",))))
    assert entry["unit"] == "tokens/J"
    for metrics in (("joules_per_request", "output_tokens_per_joule"), ("avg_power_w",)):
        with pytest.raises(ConfigurationError, match="one better side"):
            as_github_action_benchmark(report_of(one, metrics=metrics))


@pytest.mark.parametrize("method", ["modelled", "simulated", "replay"])
def test_joules_that_are_not_measured_never_meet_measured_ones(case, method):
    """In a chart that follows a run over time they have another name."""
    report = report_of(case("b8", CALM, method=method))
    assert list(json.loads(as_bencher(report))["frameworks[b8]"]) == [f"joules-per-output-token-{method}"]
    assert json.loads(as_github_action_benchmark(report))[0]["name"] == f"frameworks[b8] ({method})"


def test_cases_of_one_name_do_not_replace_each_other(case):
    """Two tests that share a short name are exported by their full ones."""
    one = case("b8", CALM)
    other = msgspec.structs.replace(one, fullname="other.py::test[b8]")
    found = json.loads(as_bencher(report_of(one, other)))
    assert set(found) == {one.fullname, other.fullname}


def test_only_the_candidate_is_exported(case):
    """A tracker follows the new run; the baseline's figures are not in its file."""
    report = report_of(case("b8", DEARER), baseline=case("b8", CALM))
    assert json.loads(as_github_action_benchmark(report))[0]["value"] == pytest.approx(1.5015)


def test_json_is_the_report(case):
    """The JSON reads back as the Report it was written from; unknown is null, not zero or left out."""
    report = report_of(case("b8", (1.0,)), baseline=case("b8", CALM))
    text = as_json(report)
    assert msgspec.json.decode(text, type=Report) == report
    assert json.loads(text)["rows"][0]["change"] == {"ratio": pytest.approx(1 / 1.001), "low": None, "high": None}


def test_csv(case):
    """One line per row under fixed names, figures in SI at full precision, unknown empty."""
    report = report_of(case("b8", DEARER), baseline=case("b8", CALM))
    (row,) = csv.DictReader(io.StringIO(as_csv(report)))
    assert tuple(row) == COLUMNS
    assert float(row["ratio"]) == report.rows[0].change.ratio
    assert (row["measured"], row["verdict"], row["notes"]) == ("yes", "", "driver 1 against 2")


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", 'a"b,c', "a\nb"])
def test_names_stay_text_in_a_spreadsheet(case, name):
    """No name begins a formula, and quotes and commas survive."""
    (row,) = csv.DictReader(io.StringIO(as_csv(report_of(case(name, CALM)))))
    assert row["case"].removeprefix("'") == name.replace("\n", "\\n")
    assert row["case"][0] not in "=+-@"


@pytest.mark.parametrize("domain", ["=cmd|x", "@x", "\x1b[31m", "＝1"])
def test_domains_stay_text_too(case, domain):
    """A name of a domain from a file begins no formula in a spreadsheet and paints nothing where it is exported."""
    report = report_of(msgspec.structs.replace(case("b8", CALM), scope=("gpu:0", domain)), metrics=("window_s",))
    odd = report_of(msgspec.structs.replace(case("b8", CALM), scope=(domain,)), metrics=("window_s",))
    (row,) = csv.DictReader(io.StringIO(as_csv(odd)))
    assert row["scope"][0] not in "=+-@＝\x1b"
    (entry,) = json.loads(as_github_action_benchmark(msgspec.structs.replace(report, rows=lower(report.rows))))
    assert "\x1b" not in entry["extra"]


def lower(rows):
    """Rows of a metric that has a better side."""
    return tuple(msgspec.structs.replace(row, direction="lower") for row in rows)
