"""Workloads from their cells: E is the sum of N / B times the energy of a batch, stack by stack."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import pytest

from energy_fixtures.models.architecture import architecture
from energy_fixtures.models.shapes import SHAPES
from energy_fixtures.records import Environment, Result
from reports.ideal.flops import decode_flops, prefill_flops
from reports.workload_totals import over_ideal, savings_of, totals_of


@pytest.fixture
def cell(case: Callable[..., Result]) -> Callable[..., Result]:
    """A cell's Result: joules of each trial's one batch, requests in the cell, largest batch."""

    def make(tokens: tuple[int, int], joules: Sequence[float], requests: int, batch: int, **fields: object) -> Result:
        per_token = [one / (batch * tokens[1]) for one in joules]
        lengths = {"input_tokens": tokens[0], "output_tokens": tokens[1], "batch_size": batch}
        made = case(f"{tokens}-{fields}", per_token, question="workloads", **lengths, **fields)
        params = {"workload": "chat", "synthetic": True, "requests": requests, "workload_requests": 100, "left_out": 7}
        params |= {"true_input_tokens": requests * tokens[0] // 2, "true_output_tokens": requests * tokens[1] // 4}
        return msgspec.structs.replace(made, params=params)

    return make


def test_the_total_is_that_of_the_formula(cell: Callable[..., Result]) -> None:
    """By hand: 60 requests in batches of 8 at 4 J and 20 in batches of 10 at 5 J are 30 + 10 = 40 J, of 80 in 100 requests."""
    results = [cell((32, 8), [4.0] * 3, 60, 8), cell((128, 8), [5.0] * 3, 20, 10)]

    (total,) = totals_of(results, 0.95)

    assert total.total.covered_j == pytest.approx(40.0)
    assert (total.total.requests, total.of_requests, total.covered) == (80, 100, 0.8)
    assert total.total.batches == pytest.approx(9.5)
    assert (total.workload, total.synthetic, total.engine, total.execution) == ("chat", True, "vllm", "eager")


def test_the_inflation_of_the_measured_cells_stands_beside_the_total(cell: Callable[..., Result]) -> None:
    """Requests of half the bins' input and a quarter of their output are inflated by 2 and 4; exclusions are counted."""
    results = [cell((32, 8), [4.0] * 3, 60, 8), cell((128, 8), [5.0] * 3, 20, 10)]
    (total,) = totals_of(results, 0.95)
    assert (total.input_inflation, total.output_inflation, total.left_out) == (2.0, 4.0, 7)

    params = {name: value for name, value in results[0].params.items() if not name.startswith("true_")}
    (unsaid,) = totals_of([msgspec.structs.replace(results[0], params=params), results[1]], 0.95)
    assert (unsaid.input_inflation, unsaid.output_inflation) == (None, None)


def test_the_excess_over_the_ideal_is_that_of_table_4(
    cell: Callable[..., Result], environment: Callable[..., Environment]
) -> None:
    """On an A6000 an operation takes 300 W / 309.7 TFLOP/s = 0.9687 pJ at the peak with sparsity, twice that without.

    Attention of the prompt is counted full, as the paper's profiler does; the causal work is less, the excess more.
    """
    shape = architecture(SHAPES["llama-3.1-8b"].config)
    there = environment(boards=({"name": "NVIDIA RTX A6000"},), engine={"device": "cuda", "dtype": "bfloat16"})
    made = cell((32, 8), [400.0] * 3, 60, 8, dtype="bfloat16")
    (total,) = totals_of([msgspec.structs.replace(made, architecture=shape, environment=there.key)], 0.95)
    sizes = {"batch_size": 8, "input_tokens": 32}
    decode = decode_flops(shape, **sizes, output_tokens=8).total
    flop, less = (prefill_flops(shape, **sizes, counting=how).total + decode for how in ("full", "causal"))

    sparse, dense = (over_ideal(total, {there.key: there}, peak) for peak in ("sparse", "dense"))

    assert sparse == pytest.approx(400.0 / (flop * 0.9687e-12), rel=1e-4)
    assert sparse != pytest.approx(400.0 / (less * 0.9687e-12), rel=3e-4)
    assert isinstance(sparse, float) and dense == pytest.approx(sparse / 2, rel=1e-3)
    assert over_ideal(total, {}, "sparse") == "the environment is missing"


def test_uncertainties_of_cells_add_in_quadrature(cell: Callable[..., Result]) -> None:
    """Two cells with the same spread are together less sure than one by the square root of two, in joules."""
    joules = [3.9, 4.0, 4.1]
    (one,) = totals_of([cell((32, 8), joules, 8, 8)], 0.95)
    (two,) = totals_of([cell((32, 8), joules, 8, 8), cell((64, 8), joules, 8, 8)], 0.95)

    assert one.total.uncertainty_j is not None and two.total.uncertainty_j is not None
    assert two.total.uncertainty_j == pytest.approx(2**0.5 * one.total.uncertainty_j)


def test_the_boards_gain_is_shared_by_all_cells(cell: Callable[..., Result]) -> None:
    """A gain of 3 % adds to a total of 8 J as 0.24 J, however many cells there are, and cancels between two stacks."""
    gained = []
    for tokens in ((32, 8), (64, 8)):
        made = cell(tokens, [4.0] * 3, 8, 8)
        trials = tuple(
            msgspec.structs.replace(
                trial, reading=msgspec.structs.replace(trial.reading, parts_j={"gpu:0": {"board_gain": 0.12}})
            )
            for trial in made.trials
        )
        gained.append(msgspec.structs.replace(made, trials=trials))
    (total,) = totals_of(gained, 0.95)
    (unsaid,) = totals_of([gained[0], cell((64, 8), [4.0] * 3, 8, 8)], 0.95)
    old = [cell(tokens, [8.0] * 3, 8, 8, engine="transformers") for tokens in ((32, 8), (64, 8))]
    (saving,) = savings_of(totals_of([*old, *gained], 0.95), 0.95)

    assert total.total.scale == pytest.approx(0.03) and total.total.uncertainty_j == pytest.approx(0.24)
    assert unsaid.total.scale == 0
    assert (saving.low, saving.high) == (pytest.approx(0.5), pytest.approx(0.5))


def test_stacks_are_compared_over_the_cells_of_both(cell: Callable[..., Result]) -> None:
    """A cell that one stack has not measured is left out of the comparison, and batches may differ."""
    results = [
        cell((32, 8), [8.0] * 3, 10, 4, engine="transformers"),
        cell((128, 8), [9.0] * 3, 10, 4, engine="transformers"),
        cell((32, 8), [4.0] * 3, 10, 8),
    ]

    (saving,) = savings_of(totals_of(results, 0.95), 0.95)

    assert (saving.cells, saving.stack.engine, saving.against.engine) == (1, "vllm", "transformers")
    assert saving.ratio == pytest.approx(0.25)


def test_other_results_have_no_total(case: Callable[..., Result]) -> None:
    """Cases of other questions name no workload and are passed over."""
    assert totals_of([case("a", [1.0] * 3)], 0.95) == ()
    uncounted = msgspec.structs.replace(case("a", [1.0] * 3), params={"workload": "chat"})
    assert totals_of([uncounted], 0.95) == ()
