"""Every metric that a report can show: those of a trial, and those that need to know where it was made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.metrics import METRICS, Metric, nearest
from energy_fixtures.records import Environment
from reports.ideal.gap import WHAT, gap_metric

NAMES = (*METRICS, *WHAT)
"""All names, as --energy-columns and --energy-sort take them."""


def check(name: str) -> None:
    """Nothing, where a metric has that name.

    Raises:
        ConfigurationError: None has; the message offers the nearest ones.
    """
    if name not in NAMES:
        raise ConfigurationError(f"unknown metric {name!r}; use one of {', '.join(nearest(name, NAMES))}")


def named(name: str, environments: Mapping[str, Environment], boards: Path | None = None) -> Metric:
    """The metric of that name, for results made in these environments.

    Args:
        name: One of `NAMES`.
        environments: By key, as results name them.
        boards: File of boards beside the table.
    """
    return gap_metric(name, environments, boards) if name in WHAT else METRICS[name]
