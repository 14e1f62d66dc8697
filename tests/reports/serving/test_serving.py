"""`joules serving`: a saved run at another service level, as a table and as JSON."""

from __future__ import annotations

import json

import msgspec
import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.records import SCHEMA_VERSION, Generation, Request, Run, Scenario
from energy_fixtures.serving.records import Arrivals, Served, ServingRun
from energy_fixtures.serving.slo import service_level
from reports.serving.answer import answer, serving_results
from reports.serving.cli import serving
from tests.conftest import make_environment, make_result, make_trial

SCENARIO = Scenario(
    engine="vllm_server", model="tiny", batch_size=1, input_tokens=8, output_tokens=4, arrivals=Arrivals.poisson(3, 2.0)
)


def served_result():
    """Three requests of 0.4 s each in 2 s, whose first tokens came after 0.1, 0.1 and 0.3 s."""
    run = ServingRun(
        requests=tuple(
            Served(due_s=at_s, sent_s=at_s, first_token_s=at_s + 0.1, ended_s=at_s + 0.4, output_tokens=4)
            for at_s in (0.0, 0.5, 1.6)
        ),
        duration_s=2.0,
    )
    requests = tuple(
        Request(input_tokens=8, output_tokens=4, finish_reason="length", ttft_s=ttft_s, e2e_s=0.4)
        for ttft_s in (0.1, 0.1, 0.3)
    )
    trials = tuple(
        make_trial(6.0, index=index, generation=Generation(requests=requests, serving=(run,))) for index in range(2)
    )
    return make_result(
        "test_serving[poisson]",
        question="serving",
        scenario=SCENARIO,
        trials=trials,
        service_level=service_level("ttft_p99_ms:1000"),
    )


@pytest.fixture
def saved(tmp_path):
    """A saved run of one serving case and one that is none."""
    return save(tmp_path / "run.json", served_result(), make_result())


def save(path, *results):
    """A result file."""
    environment = make_environment()
    run = Run(schema_version=SCHEMA_VERSION, environments={environment.key: environment}, results=results)
    path.write_bytes(msgspec.json.encode({"energy": run}))
    return path


def test_a_run_keeps_its_own_level(saved, tmp_path):
    """Without another level that of the run holds; cases of other questions stay out."""
    name, results, _ = serving_results(str(saved), tmp_path, None)
    (case,) = answer(name, results).cases

    assert (name, case.case, case.valid_trials, case.failed_requests) == ("run", "poisson", 2, 0)
    assert case.figures["goodput"] == 1.5 and case.figures["slo_met"] == 1
    assert case.figures["joules_per_output_token_at_slo"] == 0.5
    assert "steady_joules_per_output_token" not in case.figures


def test_another_level_needs_no_measurement(saved, tmp_path):
    """Two of three answers keep 200 ms, which is one per second and meets no 99th percentile."""
    (case,) = answer(*serving_results(str(saved), tmp_path, "ttft_p99_ms:200")[:2]).cases

    assert case.figures["goodput"] == 1.0 and case.figures["slo_met"] == 0
    assert case.figures["joules_per_good_request"] == 3.0
    assert "joules_per_output_token_at_slo" not in case.figures


def test_the_table_and_the_json_are_printed(saved, tmp_path, capsys):
    """The command prints the table of the session that measured, or the figures for a program."""
    serving(run=str(saved), slo="ttft_p99_ms:200", form="table", storage=tmp_path)
    table = capsys.readouterr().out
    serving(run=str(saved), slo=None, form="json", storage=tmp_path)
    document = json.loads(capsys.readouterr().out)

    assert "poisson 2/s" in table and "not met" in table
    assert document["cases"][0]["arrivals"]["request_rate"] == 2.0
    assert document["service_level"]["limits"] == [["ttft", 0.99, 1.0]]


@pytest.mark.parametrize(
    ("reference", "slo", "said"),
    [
        ("other.json", None, "holds no serving case"),
        ("run.json", "ttft:5", "is no limit"),
        ("nothing", None, "nothing"),
    ],
)
def test_what_cannot_be_answered_is_told(saved, tmp_path, reference, slo, said):
    """A run without serving cases, a level that is none, and a run that is not there are each a sentence."""
    save(tmp_path / "other.json", make_result())
    path = str(tmp_path / reference) if reference.endswith(".json") else reference

    with pytest.raises(ConfigurationError, match=said):
        serving_results(path, tmp_path, slo)
