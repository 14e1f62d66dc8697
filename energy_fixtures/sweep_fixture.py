"""The `sweep` fixture: a long sweep's limits as options, and whether its next case may begin. Wiring; see `sweep.py`."""

from __future__ import annotations

import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.items import case_of, question_of
from energy_fixtures.records import Result
from energy_fixtures.session import KEY
from energy_fixtures.sweep import Budget, measured_cases
from energy_fixtures.timing import machine_folder

BUDGET = pytest.StashKey[Budget]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of `-m predictor`."""
    group = parser.getgroup("sweep", "long sweeps: pytest benchmarks -m predictor")
    group.addoption("--sweep-seconds", type=float, metavar="SECONDS", help="begin no case after this long")
    group.addoption("--sweep-joules", type=float, metavar="JOULES", help="begin no case once windows metered this much")
    group.addoption("--sweep-again", action="store_true", help="measure also what a saved run of this machine holds")


def pytest_configure(config: pytest.Config) -> None:
    """Limits that cannot be are told before anything is measured."""
    try:
        config.stash[BUDGET] = Budget(config.option.sweep_seconds, config.option.sweep_joules)
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from error


class Sweep:
    """Whether the case of this item may begin."""

    def __init__(self, item: pytest.Item, budget: Budget, measured: set[str]) -> None:
        self._item, self._budget, self._measured = item, budget, measured

    def may_begin(self) -> None:
        """Skip the case when it was measured before, or the budget is used up."""
        if case_of(self._item) in self._measured:
            pytest.skip("a saved run of this machine holds it; --sweep-again measures it anew")
        if (reason := self._budget.over()) is not None:
            pytest.skip(reason)

    def took(self, result: Result) -> None:
        """Windows of a case were metered."""
        self._budget.take(sum(trial.reading.joules(result.scope) or 0.0 for trial in result.trials))


@pytest.fixture(scope="module")
def sweep_measured(request: pytest.FixtureRequest) -> set[str]:
    """Cases of this file that saved runs hold."""
    session = request.config.stash[KEY]
    if request.config.option.sweep_again:
        return set()
    names = tuple(str(board["name"]) for board in session.boards)
    return measured_cases(session.options.storage, machine_folder(names), question_of(request.node))


@pytest.fixture
def sweep(request: pytest.FixtureRequest, sweep_measured: set[str]) -> Sweep:
    """The limits of the sweep that this test is part of."""
    return Sweep(request.node, request.config.stash[BUDGET], sweep_measured)
