"""How a counter advances, as it is seen from outside."""

from __future__ import annotations

import pytest

from energy_fixtures.meters.cadence import Look, cadence, measure_cadence, measure_cadences
from tests.simulated_board.virtual import Board, Clock, joules_of


@pytest.mark.parametrize("tick_s", [0.01, 0.02, 0.1, 0.2])
@pytest.mark.parametrize("trace", ["400", "100/600@0.7"])
def test_period_is_measured(tick_s: float, trace: str):
    """The time between steps is found to within a percent, whatever power does."""
    clock = Clock()
    board = Board(clock, joules_of(trace), tick_s=tick_s, phase_s=0.0037)
    seen = measure_cadence(board.counter_j, clock=clock, sleep=clock.sleep)

    assert seen.period_s == pytest.approx(tick_s, rel=0.01)
    assert 0 < seen.period_error_s < 0.01 * tick_s


@pytest.mark.parametrize("quantum_j", [0.001, 0.25, 1.0])
def test_smallest_step_is_measured(quantum_j: float):
    """The joules of which all values are multiples are found."""
    clock = Clock()
    board = Board(clock, joules_of("100~600@0.37"), quantum_j=quantum_j)

    assert measure_cadence(board.counter_j, clock=clock, sleep=clock.sleep).step_j == pytest.approx(quantum_j)


def test_level_power_is_not_taken_for_a_coarse_step():
    """A counter that always advances by the same joules says nothing of how small its steps could be."""
    clock = Clock()

    assert measure_cadence(Board(clock, joules_of("237")).counter_j, clock=clock, sleep=clock.sleep).step_j == 0.0


def test_counter_that_steps_as_fast_as_it_is_read():
    """A counter that moves at every look has no period to wait for, and is not looked at for long."""
    clock = Clock()
    board = Board(clock, joules_of("400"), tick_s=0.0001)
    began_s = clock.now_s
    seen = measure_cadence(board.counter_j, clock=clock, sleep=clock.sleep)

    assert seen.period_s is None
    assert clock.now_s - began_s < 0.05


def test_counter_that_does_not_move():
    """A counter at rest has no period and no step, and the looking ends."""
    clock = Clock()
    seen = measure_cadence(Board(clock, joules_of("0")).counter_j, clock=clock, sleep=clock.sleep)

    assert (seen.period_s, seen.step_j) == (None, 0.0)


def test_step_that_the_quantum_swallows():
    """A board at rest whose energy in one period is below the counter's quantum does not seem to step more slowly."""
    clock = Clock()
    board = Board(clock, joules_of("60"), quantum_j=4.0)  # 6 J per step: one quantum, or two
    seen = measure_cadence(board.counter_j, clock=clock, sleep=clock.sleep)

    assert seen.period_s == pytest.approx(0.1, rel=0.02)


def test_reading_has_its_cost():
    """The median time of a reading is told."""
    clock = Clock()
    board = Board(clock, joules_of("400"), read_s=0.002)

    assert measure_cadence(board.counter_j, clock=clock, sleep=clock.sleep).read_s == pytest.approx(0.002)


def test_several_counters_at_once():
    """Counters of several boards are looked at together, in hardly more time than one."""
    clock = Clock()
    boards = [Board(clock, joules_of("400"), tick_s=tick_s, phase_s=0.01) for tick_s in (0.1, 0.05)]
    began_s = clock.now_s
    seen = measure_cadences([board.counter_j for board in boards], clock=clock, sleep=clock.sleep)

    assert [one.period_s for one in seen] == [pytest.approx(0.1, rel=0.01), pytest.approx(0.05, rel=0.02)]
    assert clock.now_s - began_s < 0.9


def test_a_look_is_enough_for_its_cost():
    """One reading says what reading costs and nothing else."""
    seen = cadence([Look(before_s=1.0, after_s=1.5, energy_j=3.0)])

    assert (seen.period_s, seen.step_j, seen.read_s) == (None, 0.0, 0.5)


def test_counter_that_falls_short_when_read_in_haste():
    """A counter that loses joules at each hasty reading keeps its period: only a rise is a step."""
    clock = Clock()
    board = Board(clock, joules_of("400"), haste_j=0.03)

    assert measure_cadence(board.counter_j, clock=clock, sleep=clock.sleep).period_s == pytest.approx(0.1, rel=0.01)
