"""Straight lines through energies by length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.lines import FEWEST_POINTS, lines_of, straight

numbers = st.floats(-1000, 1000).map(lambda value: round(value, 3))


@given(numbers, numbers, st.lists(st.integers(0, 1000), min_size=2, max_size=20, unique=True))
def test_a_straight_line_is_found_again(slope: float, start: float, x: list[int]) -> None:
    """Points on a line give its slope and start, and it explains them wholly."""
    found = straight([float(one) for one in x], [start + slope * one for one in x])

    assert found[0] == pytest.approx(slope, abs=1e-6)
    assert found[1] == pytest.approx(start, abs=1e-3)
    if abs(slope) > 0.1:
        assert found[2] == pytest.approx(1.0)


def test_what_a_line_does_not_explain() -> None:
    """By hand: through (0, 0), (1, 1), (2, 0) the best line is flat at a third and explains nothing."""
    assert straight([0.0, 1.0, 2.0], [0.0, 1.0, 0.0]) == pytest.approx((0.0, 1 / 3, 0.0))


def test_series_hold_everything_but_one_length(case) -> None:
    """Energy by output length at one input and batch is a series; another batch, or too few points, is not part of it."""
    results = [
        case(f"o{tokens}", [(2.0 + 0.5 * tokens) / tokens] * 2, output_tokens=tokens, input_tokens=64)
        for tokens in (8, 16, 32, 64)
    ]
    others = [case(f"b{tokens}", [1.0] * 2, output_tokens=tokens, batch_size=2) for tokens in (8, 16, 32)]
    assert len(others) < FEWEST_POINTS

    (line,) = lines_of([*results, *others])

    assert (line.axis, line.beside, line.shortest, line.longest, line.points) == ("output_tokens", 64, 8, 64, 4)
    assert (line.joules_per_token, line.start_j) == (pytest.approx(0.5), pytest.approx(2.0))
    assert line.explained == pytest.approx(1.0)
