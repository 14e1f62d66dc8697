"""Several workers by Ray give the same numbers."""

from __future__ import annotations

import importlib.util
import os
import sys

import pytest

from energy_fixtures.errors import ConfigurationError
from reports.estimate.estimate import Question, estimate
from reports.estimate.on_ray import ray_runner
from reports.estimate.scenario import Scenario
from reports.ray_connection import LOCAL

NO_RAY = importlib.util.find_spec("ray") is None


@pytest.mark.slow
@pytest.mark.skipif(NO_RAY, reason="Ray is not installed: pip install pytest-joules[ray]")
def test_two_workers_give_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole answer is equal, number by number, whether threads here or a cluster's workers draw, with blocks to spare."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))  # workers find this checkout
    scenario = Scenario(draws=150_000, method="refined")
    here = estimate(scenario, Question())
    with ray_runner(LOCAL, cores=2) as runner:
        there = estimate(scenario, Question(), runner=runner)
    assert there == here


@pytest.mark.skipif(NO_RAY, reason="Ray is not installed: pip install pytest-joules[ray]")
def test_no_cluster_is_told_at_once() -> None:
    """An address where nothing listens is refused with a sentence, not after minutes."""
    with (
        pytest.raises(ConfigurationError, match=r"--ray 127\.0\.0\.1:1: no cluster answers there"),
        ray_runner("127.0.0.1:1"),
    ):
        pass


def test_without_ray_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Ray is not installed the sentence names the extra."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigurationError, match=r"pip install pytest-joules\[ray\]"), ray_runner(LOCAL):
        pass
