"""Estimates as a whole: blends, methods, fleets, what moves them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from energy_fixtures.errors import ConfigurationError
from reports.estimate.answer import Answer
from reports.estimate.blend import ascending, at, blended, quantiles, trimmed
from reports.estimate.estimate import Question, estimate
from reports.estimate.montecarlo import Task, compute, draw_all, on_threads
from reports.estimate.reading import read_scenario
from reports.estimate.scenario import Row, Scenario, Served
from reports.estimate.ways import priced, works


def test_the_blend_is_twice_trimmed() -> None:
    """Of 0 to 1000 the P5 to P95 is 50 to 950, and of that the P10 to P90 is 140 to 860."""
    wh = np.arange(1001.0)
    assert (trimmed(wh)[0], trimmed(wh)[-1]) == (140.0, 860.0)
    assert len(blended([wh, wh + 1, wh + 2])) == 3 * 721
    assert blended([wh]) is wh


def test_percentiles_are_numpys() -> None:
    """Quantiles of sorted draws are those of numpy.percentile, also of one draw."""
    wh = ascending(np.random.default_rng(1).lognormal(size=1234))
    found = quantiles(wh)
    expected = np.percentile(wh, (5, 25, 50, 75, 95))
    assert (found.p5, found.p25, found.p50, found.p75, found.p95) == pytest.approx(tuple(expected))
    assert at(np.array([3.0]), 0.95) == 3.0


def test_which_models_are_dearest_follows_from_the_run(answered: Callable[..., Answer]) -> None:
    """The three change with the settings: a thousand times the power makes Mixtral one of them."""
    assert answered().blend_of == ("DeepSeek-R1", "Llama 3.1 405B", "Llama 3.1 Nemotron Ultra 253B")
    assert answered(None, 'node.models."Mixtral 8x22B"=9999').blend_of[0] == "Mixtral 8x22B"


@pytest.mark.parametrize("draws", [1, 65_536, 65_537, 200_000])
def test_it_does_not_matter_who_computes_a_block(draws: int) -> None:
    """Threads, and one task after another in any order, give the same numbers, whole blocks or not."""
    scenario = read_scenario(options={"draws": draws, "models": ["DeepSeek-R1", "Llama 3.1 405B"]})
    mine = works(priced(scenario), scenario, "traditional")

    def backwards(tasks: list[Task]) -> list[np.ndarray]:
        return [compute(task) for task in tasks[::-1]][::-1]

    threads, alone = draw_all(mine, draws, on_threads), draw_all(mine, draws, backwards)  # type: ignore[arg-type]
    assert all((a == b).all() for a, b in zip(threads, alone, strict=True))


def test_more_draws_begin_with_the_same_blocks() -> None:
    """The first draws of a larger run are those of a smaller one, and models do not depend on each other."""
    few, many = Scenario(draws=65_536), Scenario(draws=131_072, models=("DeepSeek-R1",))
    first = draw_all(works(priced(few), few, "traditional"), few.draws)[3]
    second = draw_all(works(priced(many), many, "traditional"), many.draws)[0]
    assert (first == second[:65_536]).all()


def test_the_seed_decides(answered: Callable[..., Answer]) -> None:
    """The same seed gives the same answer, another one another."""
    assert answered(seed=1) == answered(seed=1)
    assert answered(seed=1).blend != answered(seed=2).blend


def test_power_counts_in_proportion(answered: Callable[..., Answer]) -> None:
    """At full utilisation every query costs twice what it costs at half, up to the bound of what is possible."""
    exact = ("pue.p5=1.0", "pue.p95=1.0")
    full = answered(None, "utilisation.p5=1.0", "utilisation.p95=1.0", *exact, method="refined")
    half = answered(None, "utilisation.p5=0.5", "utilisation.p95=0.5", *exact, method="refined")
    assert full.models[0].wh.p95 / half.models[0].wh.p95 == pytest.approx(2, rel=1e-9)


def test_the_methods_differ_where_the_released_one_ignores_prompts(answered: Callable[..., Answer]) -> None:
    """Nemotron, a constant by the released method, costs the more with a long prompt by ours, and no more by the released."""
    name = "Llama 3.1 Nemotron Ultra 253B"

    def median(method: str, tokens: int) -> float:
        return answered(None, f"tokens.input={tokens}", method=method, models=[name]).models[0].wh.p50

    assert median("released", 5000) == median("released", 500)
    assert median("refined", 5000) > 3 * median("refined", 500)


def test_few_rows_stay_uncertain(answered: Callable[..., Answer]) -> None:
    """A model with as many rows as constants says so, and has at least the spread of the pooled scatter."""
    sets = ("utilisation.p5=0.6", "utilisation.p95=0.6", "pue.p5=1.1", "pue.p95=1.1", "tokens.traditional=1")
    answer = answered(None, *sets, "tokens.input=5000", method="refined", models=["Llama 3.1 Nemotron Ultra 253B"])
    assert "scatter is that of the other models" in answer.models[0].notes[0]
    assert answer.models[0].wh.p95 / answer.models[0].wh.p5 > np.exp(2 * 1.645 * 0.2435)


def test_one_model_alone_has_no_blend_of_others(answered: Callable[..., Answer]) -> None:
    """Asked for one model, its own quantiles are the blend's, untrimmed."""
    answer = answered(models=["Llama 3.1 70B"])
    assert answer.blend == answer.models[0].wh


def test_agentic_tasks_cost_more_than_their_turns_alone(answered: Callable[..., Answer]) -> None:
    """Ten turns of a growing context cost more than ten first turns, by both methods, and a cache saves by ours alone."""
    for method in ("released", "refined"):
        options = {"method": method, "regime": "agentic", "models": ["Llama 3.1 405B"]}
        ten, one = answered(**options), answered(None, "agentic.turns=1", **options)
        assert ten.models[0].wh.p50 > 10 * one.models[0].wh.p50
    cold = answered(None, "agentic.cached_share=0", method="refined", regime="agentic", models=["Llama 3.1 405B"])
    warm = answered(method="refined", regime="agentic", models=["Llama 3.1 405B"])
    assert cold.models[0].wh.p50 > warm.models[0].wh.p50


def test_a_fleet_mixes_and_grows(answered: Callable[..., Answer]) -> None:
    """A mix is the weighted sum of its kinds, half as many again each year multiplies it, and lines scale with queries."""
    fleet = answered(
        Question(fleet=True), "fleet.queries_per_day=2e9", "fleet.growth_per_year=0.5", "fleet.years=2", draws=2_000
    ).fleet
    assert fleet is not None
    cases = {case.name: case for case in fleet.cases}
    mixed = 0.9 * cases["traditional"].gwh_per_day + 0.1 * cases["test-time"].gwh_per_day
    main = fleet.cases[fleet.main]
    assert main.name == "10 % test-time"
    assert main.gwh_per_day == pytest.approx(mixed)
    assert [year.gwh_per_day / main.gwh_per_day for year in fleet.years] == pytest.approx([1.5, 2.25])
    assert list(fleet.lines.values()) == pytest.approx([0.576, 0.6])
    assert fleet.tco2e_per_day == pytest.approx(main.gwh_per_day * 458)


def test_a_refined_fleet_keeps_what_is_not_known(answered: Callable[..., Answer]) -> None:
    """The released interval is a few percent wide whatever is unknown of the site; ours is wider than utilisation alone."""
    wide = {}
    for method in ("released", "refined"):
        fleet = answered(Question(fleet=True), method=method, draws=2_000).fleet
        assert fleet is not None
        case = fleet.cases[0]
        assert case.low_gwh < case.gwh_per_day < case.high_gwh
        wide[method] = case.high_gwh / case.low_gwh
    assert wide["released"] < 1.15
    assert wide["refined"] > 2


def test_levers_combine_to_their_product(answered: Callable[..., Answer]) -> None:
    """All levers together divide by about the product of their medians, from independent streams."""
    levers = answered(Question(levers=("model", "serving"))).levers
    assert [one.levers for one in levers] == [("model",), ("serving",), ("model", "serving")]
    assert levers[2].divisor_median == pytest.approx(levers[0].divisor_median * levers[1].divisor_median, rel=0.02)
    assert levers[2].wh.p50 < min(levers[0].wh.p50, levers[1].wh.p50)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"answer", "utilisation", "throughput", "prompt", "PUE", "power of the node", "which model"}),
        (
            {"boundary": "gpu_only", "method": "refined"},
            {"answer", "utilisation", "throughput", "prompt", "power of the node", "which model"},
        ),
        (
            {"regime": "agentic", "method": "refined", "models": ["DeepSeek-R1"]},
            {
                "turns",
                "answer of a turn",
                "growth of the context",
                "prefix cache",
                "utilisation",
                "PUE",
                "power of the node",
                "throughput",
            },
        ),
    ],
)
def test_what_moves_the_answer(options: dict[str, object], expected: set[str], answered: Callable[..., Answer]) -> None:
    """Every assumption that plays a part has two ends around the answer, the widest first."""
    answer = answered(Question(sensitivity=True), draws=5_000, **options)
    assert {one.assumption for one in answer.sensitivity} == expected
    widths = [one.width for one in answer.sensitivity]
    assert widths == sorted(widths, reverse=True)
    assert answer.blend is not None
    assert all(
        min(one.low_wh, one.high_wh) < answer.blend.p50 < max(one.low_wh, one.high_wh) for one in answer.sensitivity
    )


def test_proportional_assumptions_move_it_in_proportion(answered: Callable[..., Answer]) -> None:
    """Ten percent more power are ten percent more Wh, draw by draw."""
    swings = {one.assumption: one for one in answered(Question(sensitivity=True), draws=5_000).sensitivity}
    power = swings["power of the node"]
    assert power.high_wh / power.low_wh == pytest.approx(1.1 / 0.9, rel=1e-9)


def test_carbon_water_and_money_by_hand(answered: Callable[..., Answer]) -> None:
    """1 Wh at 500 g/kWh is half a gram; water is of the machines' part; a million queries of 1 Wh are 1,000 kWh."""
    sets = ("grid.gco2e_per_kwh=500", "grid.price_per_kwh=0.2", "grid.currency=EUR", "pue.p5=1.25", "pue.p95=1.25")
    answer = answered(None, *sets)
    assert answer.blend is not None
    assert answer.footprint is not None
    wh = answer.blend.p50
    assert answer.footprint.gco2e == pytest.approx(wh / 2)
    assert answer.footprint.water_ml == pytest.approx(wh / 1.25 * 1.15)
    assert answer.footprint.money_per_million == pytest.approx(wh * 1000 * 0.2)
    assert answered().footprint.money_per_million is None  # type: ignore[union-attr]


def test_the_other_method_stands_beside(answered: Callable[..., Answer]) -> None:
    """Asked so, the refined method's blend comes with the released answer, and is the one it gives alone."""
    answer = answered(Question(beside=True))
    assert answer.beside is not None
    assert answer.beside.wh == answered(method="refined").blend
    assert "not measured" in answer.what


def test_a_model_that_ours_cannot_fit_stays_with_the_released(answered: Callable[..., Answer]) -> None:
    """Rows of one shape give the released answer with a note, and a sentence where ours is asked for by name."""
    rows = tuple(Row(input_tokens=i, output_tokens=i, tokens_per_s=9.0, source="x") for i in (10, 500))
    scenario = Scenario(draws=100, served=(Served(name="mine", rows=rows),), models=("mine",))
    answer = estimate(scenario, Question(beside=True, sensitivity=True))
    assert answer.beside is None
    assert "no refined method beside it: the 2 rows of 'mine' do not tell prefill from decode" in answer.notes[0]
    with pytest.raises(ConfigurationError, match="do not tell prefill from decode"):
        estimate(Scenario(draws=100, served=scenario.served, models=("mine",), method="refined"), Question())
    assert (
        len(
            estimate(
                Scenario(draws=100, served=scenario.served, models=("DeepSeek-R1",), method="refined"), Question()
            ).models
        )
        == 1
    )


def test_estimates_of_the_library_are_estimates(answered: Callable[..., Answer]) -> None:
    """estimate() without a question answers, and says what it is and what it includes."""
    answer = estimate(Scenario(draws=100), Question())
    assert answer.what == "estimated bottom-up, not measured"
    assert "cooling" in answer.includes
    assert set(answer.assumptions) == {"lengths", "power of the node", "utilisation", "PUE", "throughput"}
