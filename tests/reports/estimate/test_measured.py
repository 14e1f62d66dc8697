"""Costs from our own result files: what was metered, and no more than was metered."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from msgspec.structs import replace

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.readings import Method, Reading
from energy_fixtures.records import Generation, Request, Result, Run, Trial
from reports.estimate.costs import Linear
from reports.estimate.estimate import Question, estimate
from reports.estimate.measured import Basis, priced_results
from reports.estimate.reading import read_scenario
from reports.estimate.ways import Priced

PREFILL_J, DECODE_J = 0.002, 0.05


@pytest.fixture
def measured(case: Callable[..., Result], run_of: Callable[..., Run]) -> Callable[..., Run]:
    """A Run of cases with these lengths whose requests take PREFILL_J per input and DECODE_J per output token, by trial."""

    def one(name: str, inputs: int, outputs: int, noise: Sequence[float], method: Method, **fields: object) -> Result:
        made = case(name, [1.0], input_tokens=inputs, output_tokens=outputs, **fields)
        requests = (
            Request(input_tokens=inputs, output_tokens=outputs, finish_reason="length", ttft_s=None, e2e_s=None),
        ) * 4
        joules = 4 * (PREFILL_J * inputs + DECODE_J * outputs)
        trials = tuple(
            Trial(
                index=index,
                iterations=4,
                reading=Reading(energy_j={made.scope[0]: joules * factor}, duration_s=2.0 * factor, method=method),
                generation=Generation(requests=requests),
            )
            for index, factor in enumerate(noise)
        )
        return replace(made, trials=trials)

    def make(
        *lengths: tuple[int, int],
        noise: Sequence[float] = (0.99, 1.0, 1.01),
        method: Method = "counter",
        **fields: object,
    ) -> Run:
        return run_of(*(one(f"c{i}-{o}", i, o, noise, method, **fields) for i, o in lengths))

    return make


def priced(run: Run, basis: Basis = "joules", *sets: str) -> tuple[Priced, ...]:
    """The models of one run."""
    return priced_results([run], read_scenario(sets=sets, options={"method": "refined", "draws": 20_000}), basis)


def test_two_lengths_tell_prefill_from_decode(measured: Callable[..., Run]) -> None:
    """Joules of four cases give back what a prompt token and an output token took."""
    (model,) = priced(measured((1000, 10), (100, 100), (10, 500), (500, 250)))
    assert isinstance(model.cost, Linear)
    assert model.name == "tiny, vllm, batch 1"
    assert (model.cost.fit.prefill, model.cost.fit.decode) == pytest.approx((PREFILL_J, DECODE_J), rel=0.01)
    assert model.cost.meets == "boards"
    assert model.notes == ()


def test_one_length_is_told_as_a_doubt(measured: Callable[..., Run]) -> None:
    """A single case gives joules per output token, and a note that it stands for every length."""
    (model,) = priced(measured((100, 100)))
    assert isinstance(model.cost, Linear)
    assert model.cost.fit.prefill == 0
    assert model.cost.fit.decode == pytest.approx(DECODE_J + PREFILL_J, rel=1e-3)
    assert "one shape of lengths only" in model.notes[0]
    assert model.cost.scatter is not None
    assert model.cost.scatter.deviation == pytest.approx(0.01, rel=0.01)


def test_one_trial_has_no_spread(measured: Callable[..., Run]) -> None:
    """One valid trial of one case is taken as exact, and says so."""
    (model,) = priced(measured((100, 100), noise=(1.0,)))
    assert "no spread: one valid trial each" in model.notes


def test_joules_of_boards_are_gpu_only(measured: Callable[..., Run]) -> None:
    """In the boundary that was metered the median query costs what the meter says, and the answer is of that model."""
    scenario = read_scenario(
        sets=("tokens.input=1000",), options={"method": "refined", "draws": 20_000, "boundary": "gpu_only"}
    )
    models = priced_results([measured((1000, 10), (100, 100), (10, 500), (500, 250))], scenario, "joules")
    answer = estimate(scenario, Question(sensitivity=True), models)
    expected = (PREFILL_J * 1000 + DECODE_J * 300) / 3600
    assert answer.models[0].wh.p50 == pytest.approx(expected, rel=0.03)
    assert {one.assumption for one in answer.sensitivity} == {"answer", "prompt", "throughput"}
    assert answer.assumptions["joules per request"] == "of measured results"
    assert answer.what == "estimated from measured results, not measured for these queries"


def test_throughput_needs_the_power_of_what_served(measured: Callable[..., Run]) -> None:
    """Seconds of a run become energy only with a node's power that was named."""
    run = measured((1000, 10), (100, 100))
    with pytest.raises(ConfigurationError, match=r"--set node\.power_kw"):
        priced(run, "throughput")
    (model,) = priced(run, "throughput", "node.power_kw=0.7")
    assert isinstance(model.cost, Linear)
    assert (model.cost.power_kw, model.cost.meets) == (0.7, "node")
    assert model.cost.fit.cost(np.array([100.0]), np.array([100.0])).item() == pytest.approx(2.0 / 4, rel=0.01)


def test_measured_never_meets_modelled(measured: Callable[..., Run]) -> None:
    """Two runs obtained in both ways are refused; modelled joules alone are called so."""
    both = [measured((100, 100)), measured((100, 100), method="modelled", batch_size=2)]
    with pytest.raises(ConfigurationError, match="mix measured with modelled joules"):
        priced_results(both, read_scenario(), "joules")
    (model,) = priced(both[1])
    assert model.origin == "modelled results"


def test_boards_never_meet_whole_machines(measured: Callable[..., Run]) -> None:
    """Cases that metered boards and cases that metered processors are of two boundaries."""
    both = [measured((100, 100)), measured((100, 100), scope=("cpu:0",), batch_size=2)]
    with pytest.raises(ConfigurationError, match="mix boundaries"):
        priced_results(both, read_scenario(), "joules")
    (model,) = priced(both[1])
    assert model.cost.meets == "machine"


def test_different_batches_are_different_models(measured: Callable[..., Run]) -> None:
    """Cases that differ in more than their lengths are not fitted together."""
    runs = [measured((1000, 10), (100, 100)), measured((1000, 10), (100, 100), batch_size=8)]
    models = priced_results(runs, read_scenario(), "joules")
    assert [model.name for model in models] == ["tiny, vllm, batch 1", "tiny, vllm, batch 8"]


def test_nothing_to_estimate_from_is_told(case: Callable[..., Result], run_of: Callable[..., Run]) -> None:
    """A run without a valid trial of a scenario says so."""
    invalid = case("x", [1.0], invalid=[("throttled",)])
    with pytest.raises(ConfigurationError, match="no case with a scenario"):
        priced_results([run_of(invalid)], read_scenario(), "joules")


def test_an_unknown_model_offers_those_of_the_results(measured: Callable[..., Run]) -> None:
    """--model picks among the results' own models."""
    scenario = read_scenario(options={"models": ["big"], "method": "refined", "draws": 10})
    models = priced_results([measured((100, 100))], scenario, "joules")
    with pytest.raises(
        ConfigurationError, match="no model 'big' in these results; the nearest are 'tiny, vllm, batch 1'"
    ):
        estimate(scenario, Question(), models)
