from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energy_fixtures.workloads.design import PRIMES, between, halton, one_of, radical_inverse


def test_the_sequence_by_hand():
    """Mirrored digits: 6 is 110 in base 2 and becomes 0.011, 7 is 21 in base 3 and becomes 0.12."""
    assert radical_inverse(6, 2) == pytest.approx(3 / 8)
    assert radical_inverse(7, 3) == pytest.approx(1 / 3 + 2 / 9)


@pytest.mark.parametrize("dimensions", [2, 6])
def test_any_first_part_fills_the_space(dimensions):
    """Of 60 points each half of each axis holds 24 to 36, and of 16 points no quarter of an axis is empty."""
    points = halton(60, dimensions)
    for axis in range(dimensions):
        assert 24 <= sum(point[axis] < 0.5 for point in points) <= 36
        assert {int(4 * point[axis]) for point in points[:16]} == {0, 1, 2, 3}


def test_it_is_the_same_everywhere():
    """Equal arguments give equal points, and a longer sequence begins with the shorter one."""
    assert halton(10, 4) == halton(25, 4)[:10]


@pytest.mark.parametrize("dimensions", [0, len(PRIMES) + 1])
def test_dimensions_that_it_has_no_base_for(dimensions):
    """No axis, and more than there are primes for, are refused."""
    with pytest.raises(ValueError, match="dimensions"):
        halton(3, dimensions)


@settings(max_examples=60)
@given(share=st.floats(0, 1), low=st.floats(1e-3, 10), ratio=st.floats(1, 1e6))
def test_values_stay_between_their_ends(share, low, ratio):
    """A share of the way lies between both ends, and every choice is one of them."""
    assert low * (1 - 1e-9) <= between(share, low, low * ratio) <= low * ratio * (1 + 1e-9)
    assert one_of(share, (1, 2, 3)) in (1, 2, 3)
