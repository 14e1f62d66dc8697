"""Deployments that a predictor answers for, inside an estimate."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from energy_fixtures.errors import ConfigurationError
from reports.estimate.estimate import Question as Question_
from reports.estimate.estimate import estimate
from reports.estimate.histogram import read_histogram
from reports.estimate.lengths import Lengths, single
from reports.estimate.predicted import priced_predictions
from reports.estimate.reading import read_scenario
from reports.estimate.terminal import terminal
from reports.predict.answer import Question, answer
from reports.predict.predictor import read_predictor
from reports.render.text import to_lines

SPEC = "params-b=7, gpu=A100-80, batch=16"
CASE = "model=Llama-2-7b,gpu=A100-80,batch=16"


def test_a_deployment_costs_what_the_predictor_says() -> None:
    """At the predictor's own points the joules are its own, and their doubt is its interval there."""
    (priced,) = priced_predictions([SPEC], None, read_scenario())
    one = answer(Question(params_b=7, gpu="A100-80", batch=16, input_tokens=1, output_tokens=1), read_predictor())

    assert priced.name == "7 B on NVIDIA A100 80GB SXM, batch 16"
    assert priced.origin == "predicted joules"
    assert math.exp(priced.cost.ln_joules[0, 0]) == pytest.approx(one.joules_per_request.value)
    assert priced.cost.meets == "boards"
    figure = one.joules_per_request
    assert priced.cost.deviation[0, 0] == pytest.approx(math.log(figure.high / figure.low) / (2 * 1.645))
    assert priced.cost.deviation.max() > 2 * priced.cost.deviation.min()


def test_the_interval_is_the_predictors_own_at_the_lengths_asked() -> None:
    """A query of 500 + 300 tokens is as uncertain as `joules predict run` says, not as its widest answer."""
    (priced,) = priced_predictions([SPEC], None, read_scenario())
    one = answer(Question(params_b=7, gpu="A100-80", batch=16, input_tokens=500, output_tokens=300), read_predictor())
    figure = one.joules_per_request
    (wh,), (deviation,) = priced.cost.expected(single(np.array([500.0]), np.array([300.0])))

    assert wh == pytest.approx(one.wh_per_request.value, rel=0.02)
    assert math.exp(2 * 1.645 * deviation) == pytest.approx(figure.high / figure.low, rel=0.03)


def test_a_task_of_several_turns_decodes_over_its_whole_context() -> None:
    """The default task on Llama-2-7b costs the sum of its turns: prefill of new tokens, decode behind all before them."""
    (priced,) = priced_predictions([CASE], None, read_scenario(None, ("regime=agentic",)))
    outputs = np.full((10, 1), 433.0)
    contexts = 2000 + np.arange(10.0)[:, None] * (1000 + outputs)
    computed = contexts.copy()
    computed[1:] -= 0.9 * contexts[:-1]

    def terms(inputs: float, phase: str) -> float:
        question = Question(model="Llama-2-7b", gpu="A100-80", batch=16, input_tokens=round(inputs), output_tokens=433)
        return math.fsum(answer(question, read_predictor()).terms[phase].values())

    by_turn = math.fsum(
        terms(new, "prefill") + terms(whole, "decode")
        for new, whole in zip(computed[:, 0], contexts[:, 0], strict=True)
    )
    (wh,), _ = priced.cost.expected(Lengths(contexts=contexts, computed=computed, outputs=outputs))
    assert wh * 3600 == pytest.approx(by_turn, rel=0.02)
    (uncached,), _ = priced.cost.expected(Lengths(contexts=computed, computed=computed, outputs=outputs))
    assert wh > 2 * uncached  # what it would be if the cached context cost nothing to read
    assert "14,895 + 300 tokens" in priced.basis


def test_prompts_beyond_what_is_asked_are_told() -> None:
    """A task that grows past the longest prompt of the grid says that it counts as that."""
    (priced,) = priced_predictions([CASE], None, read_scenario(None, ("regime=agentic", "agentic.turns=60")))
    assert priced.notes[-1].startswith("the predictor is asked up to 32,768 tokens")


@pytest.fixture(scope="module")
def deployed() -> Callable[..., str]:
    """What the terminal shows of the case under these settings, as one line."""

    def told(question: Question_, *sets: str) -> str:
        scenario = read_scenario(None, sets, {"draws": 5_000, "method": "refined"})
        found = estimate(scenario, question, priced_predictions([CASE], None, scenario))
        return " ".join(" ".join(to_lines(terminal(found), width=200, colour=False)).split())

    return told


def test_what_moves_a_deployment(deployed: Callable[..., str]) -> None:
    """The predictor's own interval is an assumption; throughput, which plays no part, is none."""
    text = deployed(Question_(sensitivity=True))
    assert "predictor's interval its P5" in text
    assert "throughput" not in text.split("What this rests on")[0]
    assert "PUE 1.05" in text


def test_how_the_host_was_added_is_told(deployed: Callable[..., str]) -> None:
    """Beyond the boards an answer says by which share; of the boards alone it says nothing of a host or of PUE."""
    assert "boards' joules are taken as 0.549 of a DGX H100 node" in deployed(Question_())
    assert "taken as 0.500 of the node" in deployed(Question_(), "node.gpu_share=0.5")
    assert "idle machines added as × 1.10" in deployed(Question_(), "boundary=full_stack")
    assert "0.70 of that counted" in deployed(Question_(), "boundary=active_accelerator")
    alone = deployed(Question_(), "boundary=gpu_only")
    assert "host: " not in alone
    assert "PUE" not in alone


def test_an_interval_names_only_what_is_drawn(deployed: Callable[..., str], tmp_path: Path) -> None:
    """A fleet's interval names PUE where it is drawn, and never the utilisation of nodes that nobody assumed."""
    fleet = deployed(Question_(fleet=True))
    assert "what is drawn of PUE, and the predictor's error of the model, the same for all queries" in fleet
    assert "utilisation" not in fleet
    assert "drawn of PUE" not in deployed(Question_(fleet=True), "pue=1.2")
    (tmp_path / "t.csv").write_text("ContextTokens,GeneratedTokens\n500,300\n")
    traced = deployed(Question_(trace=read_histogram([tmp_path / "t.csv"])), "boundary=gpu_only")
    assert "over what is not known of one site: the predictor's error, the same for all queries" in traced
    assert "PUE" not in traced
    assert "utilisation" not in traced


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
