"""The suite's own policy: what is left out where it would take minutes, and how long a sweep may take."""

import pytest

from energy_fixtures.environment import accelerator_present
from energy_fixtures.items import case_of, question_of
from energy_fixtures.session import KEY
from energy_fixtures.sweep import Budget, measured_cases
from energy_fixtures.timing import machine_folder


def pytest_addoption(parser):
    """Options of `-m predictor`."""
    group = parser.getgroup("sweep", "long sweeps: pytest benchmarks -m predictor")
    group.addoption("--sweep-seconds", type=float, metavar="SECONDS", help="begin no case after this long")
    group.addoption("--sweep-joules", type=float, metavar="JOULES", help="begin no case once windows metered this much")
    group.addoption("--sweep-again", action="store_true", help="measure also what a saved run of this machine holds")


def pytest_configure(config):
    config.addinivalue_line("markers", "predictor: a long sweep for `joules predict fit`; only with -m predictor")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Without a GPU, slow cases run only when asked for (any -m that names slow); a sweep always only when asked for."""
    asked = config.option.markexpr
    left_out = [item for item in items if item.get_closest_marker("predictor")] if "predictor" not in asked else []
    if not accelerator_present() and "slow" not in asked:
        left_out += [item for item in items if item.get_closest_marker("slow") and "scenario" in item.fixturenames]
    if left_out:
        config.hook.pytest_deselected(items=list(dict.fromkeys(left_out)))
        items[:] = [item for item in items if item not in left_out]


class Sweep:
    """Whether the case of this item may begin."""

    def __init__(self, item, budget, measured):
        self._item, self._budget, self._measured = item, budget, measured

    def may_begin(self):
        """Skip the case when it was measured before, or the budget is used up."""
        if case_of(self._item) in self._measured:
            pytest.skip("a saved run of this machine holds it; --sweep-again measures it anew")
        if (reason := self._budget.over()) is not None:
            pytest.skip(reason)

    def took(self, result):
        """Windows of a case were metered."""
        self._budget.take(sum(trial.reading.joules(result.scope) or 0.0 for trial in result.trials))


@pytest.fixture(scope="session")
def sweep_budget(request):
    return Budget(request.config.option.sweep_seconds, request.config.option.sweep_joules)


@pytest.fixture(scope="module")
def sweep_measured(request):
    """Cases of this file that saved runs hold."""
    session = request.config.stash[KEY]
    if request.config.option.sweep_again:
        return set()
    names = tuple(str(board["name"]) for board in session.boards)
    return measured_cases(session.options.storage, machine_folder(names), question_of(request.node))


@pytest.fixture
def sweep(request, sweep_budget, sweep_measured):
    return Sweep(request.node, sweep_budget, sweep_measured)
