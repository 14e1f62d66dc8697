from __future__ import annotations

import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.store import Head, Store
from energy_fixtures.sweep import Budget, measured_cases

HEAD = Head(machine_info={}, commit_info={}, datetime="2026-01-01T00:00:00", version="5.2.0")


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_without_limits_a_sweep_goes_on():
    """No limit is no reason to stop, whatever was spent."""
    budget = Budget(None, None)
    budget.take(1e9)
    assert budget.over() is None


def test_seconds_are_counted_from_the_beginning():
    """A case may begin until the seconds have passed."""
    clock = Clock()
    budget = Budget(60.0, None, clock)
    clock.now += 59.9
    assert budget.over() is None
    clock.now += 0.1
    assert budget.over() == "the sweep's 1 min 00 s are used up; run it again to go on"


def test_joules_are_those_of_the_windows():
    """A case may begin until its predecessors' windows metered the joules."""
    budget = Budget(None, 1000.0)
    budget.take(999.0)
    assert budget.over() is None
    budget.take(1.0)
    assert budget.over() == "the sweep's 1.00 kJ are used up; run it again to go on"


@pytest.mark.parametrize("limits", [(0.0, None), (None, -1.0), (float("nan"), None)])
def test_limits_that_cannot_be(limits):
    """Zero, negative and unknown limits are refused."""
    with pytest.raises(ConfigurationError, match="must be above 0"):
        Budget(*limits)


def test_cases_of_saved_runs(tmp_path, result, trial, environment):
    """Cases of this question with valid trials are found; other questions, invalid ones and broken files are not."""
    store = Store(tmp_path, "machine")
    writer = store.begin("tag", HEAD)
    for case, question, invalid in (
        ("a", "predictor", ()),
        ("b", "other", ()),
        ("c", "predictor", ("negative_energy",)),
    ):
        made = result(
            name=f"test_x[{case}]",
            question=question,
            trials=(trial(invalid_reasons=invalid),),
            environment=environment().key,
        )
        writer.append(made, environment(), None)
    writer.close()
    (store.folder / "0002_broken.json").write_text("{")
    assert measured_cases(tmp_path, "machine", "predictor") == {"a"}
    assert measured_cases(tmp_path, "nowhere", "predictor") == set()
