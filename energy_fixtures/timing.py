"""The host's side: the same results in pytest-benchmark's own words, and into its own session.

Its time statistics are computed by its own classes, so that `pytest-benchmark compare` reads our files as its own.
"""

from __future__ import annotations

import datetime
import math
import os
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from pytest_benchmark import __version__ as benchmark_version
from pytest_benchmark.plugin import pytest_benchmark_generate_machine_info
from pytest_benchmark.stats import Metadata
from pytest_benchmark.utils import get_commit_info, get_machine_id

from energy_fixtures.metrics import METRICS
from energy_fixtures.records import SCHEMA_VERSION, Result
from energy_fixtures.storage.commits import with_branch
from energy_fixtures.store import Head

_HANDING_OVER = ("save", "autosave", "json", "compare", "histogram")


def time_statistics(result: Result) -> Metadata:
    """The result as pytest-benchmark's own entry: seconds per iteration of every valid trial, energy in `extra_info`."""
    trials = result.valid_trials
    iterations = trials[0].iterations if trials else result.trials[0].iterations
    fixture = SimpleNamespace(
        name=result.fullname.split("::", 1)[-1],
        fullname=result.fullname,
        group=result.question,
        param=result.case,
        params=dict(result.params),
        extra_info=energy_summary(result),
        cprofile_stats=None,
        has_error=not trials,
    )
    entry = Metadata(
        fixture, iterations=iterations, options={"min_rounds": len(result.trials), "timer": "time.monotonic"}
    )
    for trial in trials:
        entry.stats.update(trial.reading.duration_s / trial.iterations)
    return entry


def energy_summary(result: Result) -> dict[str, Any]:
    """Flat figures for `extra_info`: the mean of each metric over valid trials, and how far they can be believed."""
    summary: dict[str, Any] = {}
    for metric in METRICS.values():
        values = metric.values(result)
        if values:
            summary[metric.name] = math.fsum(values) / len(values)
    reasons = {code for trial in result.trials for code in trial.invalid_reasons}
    doubts = {code for trial in result.trials for code in trial.doubts}
    return {
        **summary,
        "energy_valid": bool(result.valid_trials),
        "energy_invalid_reasons": sorted(reasons),
        "energy_doubts": sorted(doubts),
        "energy_method": result.method,
        "energy_scope": list(result.scope),
        "energy_schema_version": SCHEMA_VERSION,
    }


def entry_of(result: Result) -> dict[str, Any] | None:
    """The result's entry under `benchmarks`; None without a valid trial: as there, what failed has no seconds."""
    if not result.valid_trials:
        return None
    entry: dict[str, Any] = time_statistics(result).as_dict(include_data=True)
    return entry


def head(config: pytest.Config) -> Head:
    """Machine and commit, through pytest-benchmark's hooks where that plugin is active."""
    if config.pluginmanager.hasplugin("benchmark"):
        machine = config.hook.pytest_benchmark_generate_machine_info(config=config)
        config.hook.pytest_benchmark_update_machine_info(config=config, machine_info=machine)
        commit = config.hook.pytest_benchmark_generate_commit_info(config=config)
        config.hook.pytest_benchmark_update_commit_info(config=config, commit_info=commit)
    else:
        machine, commit = pytest_benchmark_generate_machine_info(), get_commit_info()
    return Head(
        machine_info=msgspec.to_builtins(machine),
        commit_info=with_branch(msgspec.to_builtins(commit), os.environ),
        datetime=datetime.datetime.now(datetime.UTC).isoformat(),
        version=benchmark_version,
    )


def machine_folder(board_names: tuple[str, ...]) -> str:
    """pytest-benchmark's folder of this machine, with the GPU's name where there is one, so that boards never mix."""
    names = sorted(set(board_names))
    return "-".join((get_machine_id(), *map(_in_a_path, names)))


def _in_a_path(name: str) -> str:
    """A board's name as part of a folder's, whatever its driver says."""
    return "".join("-" if letter in " /\\" or not letter.isprintable() else letter for letter in name)[:100]


def tag(commit_info: dict[str, Any]) -> str:
    """The part of a file's name that says which commit and when, as pytest-benchmark's autosave."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d_%H%M%S")
    dirty = ("uncommitted-changes",) if commit_info.get("dirty") else ()
    return "_".join((str(commit_info.get("id", "unversioned")), now, *dirty))


def hand_over(config: pytest.Config, result: Result) -> None:
    """Give the result to pytest-benchmark's session where one of its options asks for saving or comparing.

    Otherwise its table of seconds stays away: the energy tables show time as well.
    """
    wanted = any(config.getoption(f"benchmark_{option}", default=None) for option in _HANDING_OVER)
    session = getattr(config, "_benchmarksession", None)  # its only handle; there is no public one in 5.x
    if wanted and session is not None and result.valid_trials:
        session.benchmarks.append(time_statistics(result))
