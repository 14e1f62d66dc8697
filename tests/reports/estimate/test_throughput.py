"""Fits of throughput: the released one by its published coefficients, ours by rows made from known constants."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.errors import ConfigurationError
from reports.estimate.reading import published_models
from reports.estimate.scenario import Row, Served
from reports.estimate.throughput import Phases, node_phases, phases, piecewise, pooled

SOURCE = Path(__file__).parents[4] / "shared" / "data" / "model_throughput_DB.csv"
MODELS = {model.name: model for model in published_models()}


def served(*rows: tuple[float, float, float]) -> Served:
    """A model with rows of input, output, tokens/s."""
    return Served(
        name="mine",
        rows=tuple(Row(input_tokens=i, output_tokens=o, tokens_per_s=s, source="made up") for i, o, s in rows),
    )


def linear(prefill_s: float, decode_s: float, *lengths: tuple[float, float]) -> Served:
    """Rows as a node gives them whose request takes exactly prefill_s per input and decode_s per output token."""
    return served(*((i, o, o / (prefill_s * i + decode_s * o)) for i, o in lengths))


@pytest.mark.parametrize(
    ("name", "coefficients", "cap", "r_squared"),
    [
        ("Llama 3.1 405B", (9.7620, -0.5854, 0.2266), 4572.23, 0.942),
        ("Llama 3.1 70B", (10.8238, -0.5623, 0.2621), 17463.99, 0.932),
        ("Mixtral 8x22B", (11.2254, -0.5530, 0.2517), 25150.03, 0.928),
        ("DeepSeek-R1", (10.5593, -0.5394, -0.0049), 1300.0, 1.0),
    ],
)
def test_published_coefficients(name: str, coefficients: tuple[float, ...], cap: float, r_squared: float) -> None:
    """The released fit has its published coefficients to four decimals, cap and R²."""
    fit = piecewise(MODELS[name])
    assert fit.coefficients is not None
    assert fit.r_squared is not None
    assert tuple(round(value, 4) for value in fit.coefficients) == coefficients
    assert fit.cap == cap
    assert round(fit.r_squared, 3) == r_squared


def test_two_rows_are_a_constant() -> None:
    """Nemotron's two rows are not fitted: its throughput is the larger one at any lengths."""
    fit = piecewise(MODELS["Llama 3.1 Nemotron Ultra 253B"])
    assert fit.coefficients is None
    assert fit.tokens_per_s(np.array([500.0]), np.array([0.0, 300.0, 9e5])).tolist() == [5200.0] * 3


def test_throughput_is_capped_and_bears_empty_answers() -> None:
    """No length gives more than the largest row, and an answer of no tokens gives a number."""
    speeds = piecewise(MODELS["Llama 3.1 70B"]).tokens_per_s(np.array([500.0]), np.array([0.0, 300.0, 5000.0, 1e6]))
    assert speeds[1:3] == pytest.approx([6797, 14214], rel=1e-3)
    assert speeds[3] == 17463.99
    assert 0 < speeds[0] < speeds[1]


@pytest.mark.skipif(not SOURCE.exists(), reason="the published table is not beside this checkout")
def test_the_shipped_table_is_the_published_one() -> None:
    """Every FP8 row of the published table is in ours, in its order, and no other."""
    with SOURCE.open(encoding="utf-8-sig") as file:
        rows = [row for row in csv.DictReader(file) if row["Quantization"] == "FP8"]
    theirs: dict[str, list[tuple[float, ...]]] = {}
    for row in rows:
        values = tuple(float(row[name]) for name in ("Input Length", "Output Length", "Tokens per Second (TPS)"))
        theirs.setdefault(row["Model"].removeprefix("Llama-3.1 ").removeprefix("Llama 3.1 "), []).append(values)
    ours = {
        model.name.removeprefix("Llama 3.1 "): [
            (row.input_tokens, row.output_tokens, row.tokens_per_s) for row in model.rows
        ]
        for model in published_models()
    }
    assert {name: sorted(values) for name, values in ours.items()} == {
        name: sorted(rows) for name, rows in theirs.items()
    }
    first = [row["Model"] for row in rows]
    assert [model.name.split()[-1] for model in published_models()] == [
        name.split()[-1] for name in dict.fromkeys(first)
    ]


@pytest.mark.parametrize("rows", [[], [(100, 100, 5.0)]])
def test_too_few_rows_are_refused(rows: list[tuple[float, float, float]]) -> None:
    """Both fits need two rows and say so."""
    for fit in (piecewise, node_phases):
        with pytest.raises(ConfigurationError, match=rf"'mine' has {len(rows)} row\(s\) .* at least 2"):
            fit(served(*rows))


def test_rows_on_a_line_are_refused() -> None:
    """Three rows of one ratio of lengths fit many planes, so none is taken."""
    with pytest.raises(ConfigurationError, match="do not differ enough in both lengths"):
        piecewise(linear(1e-4, 1e-3, (100, 10), (200, 20), (400, 40)))


def test_rows_of_one_shape_do_not_tell_prefill_from_decode() -> None:
    """Rows of one ratio of input to output are refused by ours too."""
    with pytest.raises(ConfigurationError, match="do not tell prefill from decode"):
        node_phases(linear(1e-4, 1e-3, (100, 10), (200, 20)))


@given(
    prefill_s=st.floats(1e-6, 1e-2),
    ratio=st.floats(0.01, 100),
    lengths=st.lists(st.integers(1, 100_000), min_size=2, max_size=5, unique=True),
)
def test_known_constants_are_found(prefill_s: float, ratio: float, lengths: list[int]) -> None:
    """Rows made from two constants give them back, however few, where the lengths show both."""
    cells = [(float(one), 1000.0) for one in lengths]
    shares = [ratio * i / (ratio * i + o) for i, o in cells]
    if max(shares) - min(shares) < 0.05:
        return
    fit = node_phases(linear(prefill_s, prefill_s / ratio, *cells))
    assert fit.prefill == pytest.approx(prefill_s, rel=0.01)
    assert fit.decode == pytest.approx(prefill_s / ratio, rel=0.01)
    assert fit.squares < 1e-6


def test_scatter_is_pooled_over_models() -> None:
    """The published table scatters by 0.243 of ln with 12 rows more than constants; Nemotron's two rows have none."""
    fits = [node_phases(model) for model in published_models()]
    scatter = pooled(fits)
    assert scatter is not None
    assert (round(scatter.deviation, 3), scatter.freedom) == (0.243, 12)
    assert fits[-1].freedom == 0
    assert pooled(fits[-1:]) is None


def test_the_covariance_is_that_of_least_squares() -> None:
    """Scattered rows, fitted a thousand times over, scatter as the covariance says."""
    rng = np.random.default_rng(1)
    inputs, outputs = np.array([100.0, 2000.0, 5000.0, 500.0, 100.0]), np.array([100.0, 100.0, 500.0, 2000.0, 2000.0])
    clean, deviation = 1e-4 * inputs + 3e-4 * outputs, 0.05
    found = [phases("x", inputs, outputs, clean * np.exp(deviation * rng.standard_normal(5))) for _ in range(400)]
    logs = np.log([(fit.prefill, fit.decode) for fit in found])
    root = np.array(phases("x", inputs, outputs, clean).root)
    assert np.cov(logs.T) == pytest.approx(deviation**2 * root @ root.T, rel=0.25)
    scatter = pooled(found)
    assert scatter is not None
    assert scatter.deviation == pytest.approx(deviation, rel=0.05)


def test_costs_are_linear_in_tokens() -> None:
    """A request costs prefill × input + decode × output."""
    fit = Phases(prefill=2.0, decode=3.0, root=((0.0, 0.0), (0.0, 0.0)), squares=0.0, freedom=0, rows=2)
    assert fit.cost(np.array([10.0]), np.array([1.0, 2.0])).tolist() == [23.0, 26.0]
    assert math.isclose(fit.cost(np.array([1.0]), np.array([1.0])).item(), 5.0)
