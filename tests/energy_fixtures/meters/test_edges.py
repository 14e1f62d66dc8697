"""Energy at a moment between two steps of a counter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.meters.edges import Tick, after_tick, between_ticks


def tick(at_s: float, energy_j: float, error_s: float = 0.0) -> Tick:
    return Tick(at_s=at_s, error_s=error_s, energy_j=energy_j)


places = st.floats(0, 1)
powers = st.floats(1, 1000)


@given(powers, places)
def test_level_power_is_exact(power_w: float, place: float):
    """With the same power on both sides and between, the energy is power times time and hardly uncertain."""
    edge = between_ticks(tick(5, 100), tick(5.1, 100 + 0.1 * power_w), 5 + 0.1 * place, [power_w], [power_w])

    assert edge.energy_j == pytest.approx(100 + 0.1 * place * power_w, rel=1e-6)
    assert edge.edges_j <= 0.006 * 0.1 * power_w


@given(place=places, changed_at=st.floats(0.02, 0.98), low=st.floats(50, 150), high=st.floats(400, 700))
def test_one_sudden_change_is_found(place: float, changed_at: float, low: float, high: float):
    """Load that stops inside a step is charged until it stopped and rest after it, wherever the window ends."""
    mean_w = high * changed_at + low * (1 - changed_at)
    truth_j = 0.1 * (high * min(place, changed_at) + low * max(0.0, place - changed_at))
    edge = between_ticks(tick(0, 0), tick(0.1, 0.1 * mean_w), 0.1 * place, [high], [low])

    assert edge.energy_j == pytest.approx(truth_j, abs=1e-6 + 0.1 * 0.002 * high)


@given(st.lists(powers, max_size=4), st.lists(powers, max_size=2), powers, places)
def test_energy_stays_between_the_steps(before_w: list[float], after_w: list[float], mean_w: float, place: float):
    """Whatever the sensors say, the energy lies between the counter's two values, and its uncertainty is a number."""
    edge = between_ticks(tick(0, 7), tick(0.1, 7 + 0.1 * mean_w), 0.1 * place, before_w, after_w)

    assert 7 - 1e-6 <= edge.energy_j <= 7 + 0.1 * mean_w + 1e-6
    assert edge.edges_j >= 0


@given(powers, st.lists(powers, min_size=1, max_size=3), st.lists(powers, min_size=1, max_size=2))
def test_a_moment_at_a_step_is_known(mean_w: float, before_w: list[float], after_w: list[float]):
    """At either step the counter itself says the energy."""
    first, second = tick(0, 3), tick(0.1, 3 + 0.1 * mean_w)

    for moment_s, known in ((0.0, first), (0.1, second)):
        edge = between_ticks(first, second, moment_s, before_w, after_w)
        assert edge.energy_j == pytest.approx(known.energy_j, abs=1e-6)


def test_not_knowing_is_uncertain():
    """Without powers the line is taken and the doubt is large; with steady ones it is small."""
    steps = tick(0, 0), tick(0.1, 40)

    unknown = between_ticks(*steps, 0.05, [], [])
    known = between_ticks(*steps, 0.05, [400, 401], [399])
    assert unknown.energy_j == pytest.approx(20)
    assert unknown.edges_j > 20 * known.edges_j


def test_unsteady_power_is_uncertain():
    """Powers that jump on one side make the edge uncertain even where they explain the step."""
    steps = tick(0, 0), tick(0.1, 40)

    steady = between_ticks(*steps, 0.05, [400, 400, 400], [400])
    jumping = between_ticks(*steps, 0.05, [400, 100, 600], [400])
    assert jumping.edges_j > 10 * steady.edges_j


def test_when_a_step_was_counts():
    """Not knowing a step's time by a millisecond is uncertain by the power in that time."""
    edge = between_ticks(tick(0, 0, 0.001), tick(0.1, 40), 0.05, [400], [400])

    assert edge.tick_j == pytest.approx(0.4)


def test_drawn_on_after_a_step():
    """Shortly after a step the latest power is drawn on; an unsteady one with its uncertainty."""
    level = after_tick(tick(10, 100), 10.002, [400, 400])
    jumping = after_tick(tick(10, 100), 10.05, [100, 400])

    assert level.energy_j == pytest.approx(100.8)
    assert level.edges_j < 0.01
    assert jumping.energy_j == pytest.approx(120)
    assert jumping.edges_j > 7
