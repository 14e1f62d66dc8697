"""Drawn workloads beside the figures that they are drawn to match."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.workloads.lengths import Lengths
from energy_fixtures.workloads.synthetic import RECIPES, Curve, draw

PAPERS = Path(__file__).parents[4] / "shared" / "reference" / "papers.md"
ALWAYS = {"translation-like": 64, "generation-like": 64, "classification-like": 1, "summarisation-like": 64}


def sides(name: str, lengths: Lengths) -> list[tuple[Curve, np.ndarray]]:
    recipe = RECIPES[name]
    return [(recipe.input, lengths.input_tokens), (recipe.output, lengths.output_tokens)]


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_published_figures_are_met(name: str, seed: int) -> None:
    """Ten thousand draws have the published mean, deviation, median and p99 or maximum, within half a percent."""
    for curve, tokens in sides(name, draw(name, 10_000, seed)):
        published = curve.published
        assert tokens.mean() == pytest.approx(published.mean, rel=0.002)
        assert tokens.std() == pytest.approx(published.sd, rel=0.01)
        assert published.median is None or np.median(tokens) == published.median
        assert published.p99 is None or np.percentile(tokens, 99) == pytest.approx(published.p99, rel=0.005)
        assert published.largest is None or tokens.max() == published.largest
        assert tokens.min() >= 1 and tokens.max() <= curve.ceiling


@pytest.mark.skipif(not PAPERS.exists(), reason="the reference is not beside this checkout")
@pytest.mark.parametrize("name", RECIPES)
def test_the_figures_are_those_of_the_reference(name: str) -> None:
    """Each number of the published table is the one we draw for."""
    recipe = RECIPES[name]
    line = next(line for line in PAPERS.read_text().splitlines() if line.startswith(f"| {recipe.stands_for} |"))
    mean_in, median_in, tail_in, mean_out, median_out, tail_out = (cell.strip() for cell in line.split("|")[2:8])
    for curve, mean, median, tail in (
        (recipe.input, mean_in, median_in, tail_in),
        (recipe.output, mean_out, median_out, tail_out),
    ):
        numbers = [float(number) for number in re.findall(r"[\d.]+", mean)]
        assert numbers == ([curve.published.mean, curve.published.sd] if curve.quantiles else [curve.published.mean])
        assert median == "-" or float(median) == curve.published.median
        if tail.startswith("max"):
            assert int(tail.removeprefix("max ")) == curve.published.largest
        elif tail != "-":
            assert float(tail) == curve.published.p99


@pytest.mark.parametrize(("name", "tokens"), ALWAYS.items())
def test_constant_outputs_are_constant(name: str, tokens: int) -> None:
    """The four tasks generate the published number of tokens, every time."""
    assert set(draw(name, 50, 3).output_tokens.tolist()) == {tokens}


@given(name=st.sampled_from(list(RECIPES)), requests=st.integers(1, 300), seed=st.integers(0, 2**32))
def test_equal_seeds_give_equal_requests(name: str, requests: int, seed: int) -> None:
    """The same seed draws the same, another one something else; all is labelled as drawn, without arrivals."""
    one, same, other = draw(name, requests, seed), draw(name, requests, seed), draw(name, requests, seed + 1)
    assert one.input_tokens.tolist() == same.input_tokens.tolist()
    assert one.output_tokens.tolist() == same.output_tokens.tolist()
    assert requests < 20 or one.input_tokens.tolist() != other.input_tokens.tolist()
    assert one.synthetic and one.arrival_s is None and len(one) == one.provenance.rows_read == requests
    assert "not recorded" in one.provenance.doubts[0]


@pytest.mark.parametrize("name", RECIPES)
def test_quantiles_belong_to_their_shares(name: str) -> None:
    """A curve has a length for each share, none above the next, the published ones among them."""
    recipe = RECIPES[name]
    for curve in (recipe.input, recipe.output):
        if not curve.quantiles:
            continue
        at = dict(zip(curve.shares, curve.quantiles, strict=True))
        assert list(curve.quantiles) == sorted(curve.quantiles) and at[0.0] >= 1
        assert curve.published.median in (None, at[0.5])
        assert curve.published.p99 in (None, at[0.99])
        assert curve.published.largest in (None, at[1.0])


def test_inputs_and_outputs_are_not_paired_by_rank() -> None:
    """Both sides are shuffled apart: a long prompt does not come with a long answer."""
    drawn = draw("azure-chat-like", 5_000, 0)
    ranks = [np.argsort(np.argsort(side)) for side in (drawn.input_tokens, drawn.output_tokens)]
    assert abs(np.corrcoef(*ranks)[0, 1]) < 0.05


def test_nothing_to_draw_is_refused() -> None:
    """No requests is no workload."""
    with pytest.raises(ValueError, match="requests is at least 1"):
        draw("burstgpt-like", 0, 0)
