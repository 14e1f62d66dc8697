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


@pytest.hookspec(firstresult=True)
def pytest_energy_more(
    config: pytest.Config, item: pytest.Item, result: Result, environment: Environment
) -> bool | None:
    """Called when a case's rounds are done, with its result so far, before it is stored.

    Return True for another round, which is asked about again; the first answer that is not None counts. Rounds, time and
    joules stay within `--energy-max-rounds`, `--energy-max-time` and `--energy-max-joules`.
    """


def pytest_energy_verdict(
    config: pytest.Config, item: pytest.Item, result: Result, environment: Environment
) -> str | None:
    """Called right after `pytest_energy_result`, still inside the test's call phase.

    Return a sentence to fail the test item with it, None to let it pass. Every implementation is asked.
    """
