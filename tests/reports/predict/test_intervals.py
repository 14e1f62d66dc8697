from __future__ import annotations

import random

import pytest

from reports.predict.intervals import LEVEL, UNKNOWN, coverage, half_width


def test_half_width_by_hand():
    """Four errors of ± 0.1: Student's t of 90 % with 3 degrees of freedom is 2.353, times 0.1, times sqrt(1 + 1/4)."""
    assert half_width([0.1, -0.1, 0.1, -0.1]) == pytest.approx(2.3534 * 0.1 * 1.25**0.5, rel=1e-4)


def test_too_few_rows_are_unknown():
    """Two rows tell no spread; half the logarithm is assumed."""
    assert half_width([0.0, 0.0]) == UNKNOWN
    assert coverage([0.1, 0.2, 0.3]) is None


@pytest.mark.parametrize("rows", [8, 25])
def test_intervals_hold_what_they_promise(rows):
    """On seeded normal errors a new one lies within the half width in about 90 of 100 cases, at the sizes really used."""
    draw = random.Random(rows)
    inside = 0
    for _ in range(2000):
        errors = [draw.gauss(0, 0.15) for _ in range(rows)]
        inside += abs(draw.gauss(0, 0.15)) <= half_width(errors)
    assert inside / 2000 == pytest.approx(LEVEL, abs=0.03)


def test_the_shipped_intervals_cover(shipped):
    """Left-out rows of the table lie within their intervals in 80 to 100 of 100 cases, on every split that was told."""
    told = shipped.widths.coverage
    assert len(told) == 4
    assert all(0.8 <= share <= 1.0 for share in told.values()), told
    assert shipped.widths.seen_board < shipped.widths.new_board
    assert shipped.widths.seen_board < shipped.widths.seen_board_batched
