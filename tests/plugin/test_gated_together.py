"""Whatever is held against a limit in a session shares its confidence, as in `joules compare` of the same files."""

from __future__ import annotations

import pytest

from energy_fixtures.environment import host_facts
from energy_fixtures.readings import Reading
from energy_fixtures.records import SCHEMA_VERSION, Environment, Result, Run, Trial
from reports.compare import command
from reports.comparison import Baseline
from reports.plugin import KEY

LIMITS = ("mean:5%", "joules_per_iteration:median:9%")


def result(fullname: str) -> Result:
    """Of a plain function, with two windows."""
    trials = tuple(
        Trial(index=at, iterations=1, reading=Reading(energy_j={"gpu:0": 3.0 + at}, duration_s=1.0, method="simulated"))
        for at in range(2)
    )
    return Result(
        fullname=fullname,
        question="work",
        case=fullname.rpartition("::")[2],
        scenario=None,
        environment="here",
        scope=("gpu:0",),
        trials=trials,
        started_at="2026-01-01T00:00:00+00:00",
    )


NAMES = (
    *(f"test_work.py::test_windows::part{number}" for number in range(12)),
    "test_work.py::test_twice[a::b]",
    "test_work.py::test_twice[a::b]::2",
    "test_work.py::test_rates",
    *(f"test_work.py::test_rates::{number}" for number in range(2, 7)),
    "test_work.py::test_left_out",
    "test_work.py::test_windows_are_gone",
)
EXPECTED = NAMES[:-2]


@pytest.fixture
def baseline() -> Baseline:
    """A run of tests with windows, two Scenarios and several rates, and of tests that do not run now."""
    environment = Environment(host=host_facts(), boards=(), packages={}, engine={}, meter={"name": "simulated"})
    run = Run(schema_version=SCHEMA_VERSION, environments={"here": environment}, results=tuple(map(result, NAMES)))
    return Baseline("0001", run)


def test_every_result_and_limit_counts(pytester, baseline, monkeypatch):
    """A session of four tests gates all results that they had, by each limit: as many as the command compares."""
    pytester.makepyfile(
        test_work="""
        import pytest
        def test_windows(energy): ...
        @pytest.mark.parametrize("x", ["a::b"])
        def test_twice(energy, x): ...
        def test_rates(energy): ...
        def test_left_out(energy): ...
        def test_without_energy(): ...
        """
    )
    seen: list[int] = []

    class Watch:
        @pytest.hookimpl(tryfirst=True)
        def pytest_collection_modifyitems(self, config: pytest.Config) -> None:
            config.stash[KEY].baseline = baseline

        def pytest_collection_finish(self, session: pytest.Session) -> None:
            seen.append(session.config.stash[KEY].gated)

    options = ["-p", "energy_fixtures.plugin", "-p", "reports.plugin", "-p", "no:cacheprovider", "-k", "not left_out"]
    fails = [f"--energy-compare-fail={limit}" for limit in LIMITS]
    pytester.inline_run(*options, "--energy-disable", *fails, plugins=[Watch()])

    assert seen == [len(EXPECTED) * len(LIMITS)]
    assert seen == [command.gated(EXPECTED, NAMES, LIMITS)]
