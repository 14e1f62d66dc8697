"""Whether sessions differ by more than their rounds."""

from __future__ import annotations

import random

import pytest
from scipy.stats import f_oneway

from reports.ab.spread import DOUBTFUL, block_spread


def blocks_of(case, seed, *, between, within=0.01, blocks=4, rounds=3):
    """Blocks of one case with seeded noise: of each session, and of each round."""
    draw = random.Random(seed)
    return [
        [case("b1", [shift * draw.lognormvariate(0, within) for _ in range(rounds)])]
        for shift in [draw.lognormvariate(0, between) if between else 1.0 for _ in range(blocks)]
    ]


def test_probability_is_that_of_the_analysis_of_variance(case, side):
    """For one case on one side the probability is SciPy's one-way ANOVA of the logarithms, to the digit."""
    import math

    made = blocks_of(case, 1, between=0.01)
    spread = block_spread([side(*made)])
    values = [[math.log(trial.reading.energy_j["gpu:0"] / 10) for trial in block[0].trials] for block in made]
    assert spread is not None
    assert spread.probability == pytest.approx(f_oneway(*values).pvalue, rel=1e-6)


def test_equal_sessions_are_rarely_doubted(case, side):
    """Of 200 A/A comparisons whose sessions add nothing, about one in a hundred is doubted."""
    found = [block_spread([side(*blocks_of(case, 2 * seed + i, between=0)) for i in (0, 1)]) for seed in range(200)]
    assert sum(one.probability < DOUBTFUL for one in found) <= 8


def test_sessions_that_differ_are_told_with_how_much(case, side):
    """Sessions that differ by 3 % beside rounds of 0.5 % are told, with about that figure."""
    made = [side(*blocks_of(case, seed, between=0.03, within=0.005, blocks=12)) for seed in (1, 2)]
    spread = block_spread(made)
    assert spread is not None and spread.sentence is not None
    assert 0.02 < spread.deviation < 0.045
    assert "sessions of one side differ by" in spread.sentence


@pytest.mark.parametrize("blocks", [[[1.0, 1.1]], [[1.0], [1.1]], [[1.0, 1.0], [1.0, 1.0]]])
def test_nothing_is_said_without_blocks_or_spread(case, side, blocks):
    """One block, one round a block, or rounds that never differ tell nothing of sessions."""
    assert block_spread([side(*([case("b1", values)] for values in blocks))]) is None
