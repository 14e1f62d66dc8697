"""The suite's own policy: what is left out unless it is asked for.

    slow        minutes on a CPU                                        where there is no GPU
    grid        what lies between the cases that answer a question      everywhere
    predictor   the sweep for `joules predict fit`                      everywhere

Marks of a case are disjoint: what is in the grid is not slow as well.
"""

import pytest

from energy_fixtures.environment import accelerator_present


def pytest_configure(config):
    config.addinivalue_line("markers", "grid: the whole grid of a question; left out unless asked for with -m grid")
    config.addinivalue_line("markers", "predictor: a long sweep for `joules predict fit`; only with -m predictor")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Any -m that names a mark brings its cases back."""
    marks = {"grid", "predictor"} if accelerator_present() else {"grid", "predictor", "slow"}
    unwanted = {mark for mark in marks if mark not in config.option.markexpr}
    left_out = [item for item in items if _marks(item) & unwanted]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _marks(item):
    """Marks of a case; of a test that is none only the long sweep's."""
    marks = {mark.name for mark in item.iter_markers()}
    return marks if "scenario" in item.fixturenames else marks & {"predictor"}
