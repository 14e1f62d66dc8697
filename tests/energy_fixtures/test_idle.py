"""Power at rest: known, or known to be missing."""

from __future__ import annotations

import pytest

from energy_fixtures.errors import MeasurementInvalid
from energy_fixtures.idle import Idle, measure_idle
from energy_fixtures.meters.base import MeterInfo
from energy_fixtures.readings import BoardTrace, Reading
from energy_fixtures.runner import Clock


class Resting:
    """A meter of two domains whose reading is what a test says."""

    info = MeterInfo(name="fake", method="counter", domains=("gpu:0", "cpu:0"), resolution_s=0.1)

    def __init__(self, **fields):
        self.fields = {"energy_j": {"gpu:0": 142.0, "cpu:0": 48.0}, "duration_s": 2.0, "method": "counter"} | fields

    def begin(self, label, pids):
        return None

    def end(self, token):
        return Reading(**self.fields)


def idle_of(meter):
    slept = []
    idle = measure_idle(meter, 2.0, Clock(now=lambda: 0.0, sleep=slept.append))
    assert slept == [2.0]
    return idle


def test_idle_power_is_joules_over_seconds():
    """Two seconds of doing nothing become watts by domain, and the header says them."""
    idle = idle_of(Resting())

    assert idle.watts == {"gpu:0": 71.0, "cpu:0": 24.0}
    assert idle.header_lines() == ["idle: gpu:0 71 W, cpu:0 24 W"]
    assert idle.doubts(("gpu:0",)) == ()
    assert idle.doubts(("gpu:1",)) == ("no_idle_baseline",)


@pytest.mark.parametrize(
    ("fields", "words", "known"),
    [
        # somebody else's work on a board says nothing of the host's rest
        ({"boards": {"gpu:0": BoardTrace(foreign_processes=1)}}, "other work is on gpu:0 already", {"cpu:0": 24.0}),
        ({"energy_j": {"cpu:0": 48.0}, "invalid_reasons": ("counter_unreadable",)}, "could not be read", {}),
        ({"energy_j": {"gpu:0": 0.0, "cpu:0": 48.0}}, "zero or negative", {}),
    ],
)
def test_no_baseline_where_the_board_was_not_at_rest(fields, words, known):
    """A busy or unreadable board has no idle power: the header says why and its results carry the doubt."""
    idle = idle_of(Resting(**fields))
    line = idle.header_lines()[-1]

    assert idle.watts == known
    assert words in line
    assert idle.doubts(("gpu:0",)) == ("no_idle_baseline",)


def test_meter_that_cannot_answer_leaves_no_baseline():
    """An error while resting is a sentence in the header, not the end of the session."""

    class Broken(Resting):
        def end(self, token):
            raise MeasurementInvalid("the board is lost")

    assert "the board is lost" in idle_of(Broken()).header_lines()[0]


def test_nothing_wanted_is_nothing_said():
    """Without --energy-idle there is no line and no doubt."""
    assert Idle().header_lines() == []
    assert Idle().doubts(("gpu:0",)) == ()
