"""`energy.measure_largest` on a real engine: the batch that was found stands in the result, with why it is not larger."""

from __future__ import annotations

import json

import pytest

CASE = """
from energy_fixtures import Scenario

def test_cell(energy):
    result = energy.measure_largest(
        Scenario(engine="transformers", batch_size=6, input_tokens=16, output_tokens=4)
    )
    assert result.scenario.batch_size == 6
    assert all(len(trial.generation.requests) == 6 * trial.iterations for trial in result.trials)
"""
SHORT = ("--energy-min-rounds=2", "--energy-min-window=0.1", "--energy-max-warmup=0.2", "--energy-idle=0")


@pytest.mark.engines
def test_the_found_batch_is_the_one_that_is_measured(pytester, run):
    """Every window serves the batch that was found; the file names it and what set its limit."""
    pytester.makepyfile(test_workload=CASE)

    done = run("--energy-device=cpu", "--energy-json=out.json", *SHORT, own_process=True)

    done.assert_outcomes(passed=1)
    (result,) = json.loads((pytester.path / "out.json").read_text())["energy"]["results"]
    assert result["scenario"]["batch_size"] == 6
    assert result["params"] == {"most_tried": 6, "largest_because": "the most that was tried"}
