"""The suite's own policy: what is left out where it would take minutes."""

import pytest

from energy_fixtures.environment import accelerator_present


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Without a GPU, slow cases run only when asked for: `-m slow`, or any -m that names it."""
    if accelerator_present() or "slow" in config.option.markexpr:
        return
    slow = [item for item in items if item.get_closest_marker("slow") and "scenario" in item.fixturenames]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]
