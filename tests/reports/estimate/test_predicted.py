"""Deployments that a predictor answers for, inside an estimate."""

from __future__ import annotations

import math

import pytest

from energy_fixtures.errors import ConfigurationError
from reports.estimate.predicted import priced_predictions
from reports.estimate.reading import read_scenario
from reports.predict.answer import Question, answer
from reports.predict.predictor import read_predictor

SPEC = "params-b=7, gpu=A100-80, batch=16"


def test_a_deployment_costs_what_the_predictor_says() -> None:
    """At the predictor's own points the joules are its own, and their doubt no narrower than its interval."""
    (priced,) = priced_predictions([SPEC], None, read_scenario())
    one = answer(Question(params_b=7, gpu="A100-80", batch=16, input_tokens=1, output_tokens=1), read_predictor())

    assert priced.name == "7 B on NVIDIA A100 80GB SXM, batch 16"
    assert priced.origin == "predicted joules"
    assert math.exp(priced.cost.ln_joules[0, 0]) == pytest.approx(one.joules_per_request.value)
    assert priced.cost.meets == "boards"
    assert priced.cost.deviation > 0.1


def test_longer_answers_take_more() -> None:
    """Joules rise along both lengths."""
    (priced,) = priced_predictions([SPEC], None, read_scenario())
    grid = priced.cost.ln_joules

    assert (grid[:, 1:] >= grid[:, :-1]).all()
    assert (grid[1:] >= grid[:-1]).all()


@pytest.mark.parametrize(
    ("specs", "words"),
    [
        (["batch=3"], "names no board"),
        (["params-b=7,gpu=H100,batches=3"], "the nearest is batch"),
        (["params-b=seven,gpu=H100"], "params-b needs a number"),
        (["params-b=7,gpu"], "'gpu' is not KEY=VALUE"),
        (["params-b=7,gpu=H1OO"], "no board is called"),
        (["gpu=H100"], "say which model"),
        (["params-b=7,gpu=H100,execution=fast"], "eager or cuda_graphs"),
        (["params-b=70,gpu=L4"], "needs 140 GB"),
        ([SPEC, SPEC], "given twice"),
    ],
)
def test_what_cannot_be_asked_is_told(specs: list[str], words: str) -> None:
    """One sentence says which part of a deployment cannot be."""
    with pytest.raises(ConfigurationError, match=words):
        priced_predictions(specs, None, read_scenario())
