"""The plugin's own hooks: how others learn of a Result and judge it, without being imported.

Implement any of them in a conftest.py or a plugin; each is optional.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from energy_fixtures.records import Environment, Result


def pytest_energy_result(config: pytest.Config, item: pytest.Item, result: Result, environment: Environment) -> None:
    """Called once per finished Result, in run order, after it was written to the store.

    `environment` is the one that `result.environment` names. The return value is ignored.
    """


def pytest_energy_verdict(
    config: pytest.Config, item: pytest.Item, result: Result, environment: Environment
) -> str | None:
    """Called right after `pytest_energy_result`, still inside the test's call phase.

    Return a sentence to fail the test item with it, None to let it pass. Every implementation is asked.
    """
