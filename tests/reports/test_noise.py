"""What sessions differ by on their own, from the store's history."""

from __future__ import annotations

import math
import random

import pytest

from reports.noise import ASSUMED, Between, learn


def sessions(case, run_of, deviation: float, count: int, seed: int = 1):
    """Runs of three cases whose level is another one each day."""
    rng = random.Random(seed)
    for _ in range(count):
        day = math.exp(rng.gauss(0, deviation))
        yield run_of(*(case(name, [day * level] * 3) for name, level in (("b1", 1.0), ("b8", 0.2), ("b16", 0.1))))


def test_nothing_known_is_assumed():
    """Without a history one percent is assumed and said."""
    assert learn([]) == Between()
    assert "assumed" in Between().sentence


@pytest.mark.parametrize("deviation", [0.002, 0.05])
def test_history_is_learnt(case, run_of, deviation):
    """Many sessions outweigh the assumption: quiet machines come out quieter, noisy ones noisier."""
    learnt = learn(list(sessions(case, run_of, deviation, 40)))

    assert learnt.sessions == 39
    assert abs(learnt.deviation - deviation) < abs(learnt.deviation - ASSUMED) or deviation < ASSUMED
    assert (learnt.deviation < ASSUMED) == (deviation < ASSUMED)
    assert "learnt from 39 pairs of runs" in learnt.sentence


def test_cases_of_one_day_count_once(case, run_of):
    """A hundred cases of two sessions are one difference of days, not a hundred."""
    runs = [run_of(*(case(f"b{index}", [day] * 2) for index in range(100))) for day in (1.0, 1.1)]

    assert learn(runs).freedom == Between().freedom + 1


def test_other_work_says_nothing_of_days(case, run_of):
    """Cases of which the work or the meter changed are not compared."""
    runs = [run_of(case("b1", [1.0, 1.0], output_tokens=8)), run_of(case("b1", [2.0, 2.0], output_tokens=16))]

    assert learn(runs).sessions == 0


def test_sure_is_wide():
    """The surer one wants to be, the further the interval reaches."""
    assert Between().reach(0.9999) > Between().reach(0.99) > Between().reach(0.95) > ASSUMED
