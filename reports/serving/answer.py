"""Serving cases of a saved run at a service level of now: every latency is in the file, so nothing is measured again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.metrics import METRICS
from energy_fixtures.record import Record
from energy_fixtures.records import Environment, Result
from energy_fixtures.serving.records import Arrivals, ServiceLevel
from energy_fixtures.serving.slo import service_level
from energy_fixtures.store import read_run
from reports.compare.run_files import find_run

FIGURES = (
    "joules_per_output_token",
    "steady_joules_per_output_token",
    "joules_per_request",
    "steady_joules_per_request",
    "joules_per_good_request",
    "joules_per_output_token_at_slo",
    "ttft",
    "ttft_p99",
    "tpot",
    "tpot_p99",
    "itl",
    "itl_p99",
    "e2el",
    "e2el_p99",
    "offered_rate",
    "request_throughput",
    "goodput",
    "slo_met",
    "schedule_lag_p99",
)


class Case(Record, frozen=True, kw_only=True, omit_defaults=False):
    """One case as a program reads it: means over the valid trials by metric, those that are unknown left out."""

    case: str
    method: str
    arrivals: Arrivals | None
    valid_trials: int
    trials: int
    failed_requests: int
    figures: Mapping[str, float]


class Answer(Record, frozen=True, kw_only=True, omit_defaults=False):
    """The serving cases of one run."""

    run: str
    service_level: ServiceLevel | None
    cases: tuple[Case, ...]


def serving_results(
    reference: str, storage: str | Path, slo: str | None
) -> tuple[str, list[Result], dict[str, Environment]]:
    """The run's name, its results of question `serving` or with arrivals, and where they were made.

    Args:
        reference: A path, or a saved run by number, part of its name, or `newest`.
        storage: Where runs are saved.
        slo: Takes the place of the service level that the run was measured with; None keeps it.

    Raises:
        ConfigurationError: No such run, no serving case in it, or no such service level.
        ResultFileError: The file cannot be read.
    """
    level = None if slo is None else service_level(slo)
    path = find_run(reference, storage)
    run = read_run(path)
    served = [result for result in run.results if result.question == "serving" or _arrivals(result) is not None]
    if not any(_arrivals(result) for result in served):
        raise ConfigurationError(
            f"{path.name} holds no serving case; measure some with pytest benchmarks -k serving, or name another run"
        )
    if level is not None:
        served = [
            msgspec.structs.replace(result, service_level=level if _arrivals(result) else None) for result in served
        ]
    return path.stem, served, run.environments


def answer(name: str, results: list[Result]) -> Answer:
    """The figures of every case for a program."""
    levels = [result.service_level for result in results if result.service_level is not None]
    return Answer(
        run=name, service_level=levels[0] if levels else None, cases=tuple(_case(result) for result in results)
    )


def _case(result: Result) -> Case:
    values = {name: METRICS[name].values(result) for name in FIGURES}
    runs = [run for trial in result.trials if trial.generation is not None for run in trial.generation.serving]
    return Case(
        case=result.case,
        method=result.method,
        arrivals=_arrivals(result),
        valid_trials=len(result.valid_trials),
        trials=len(result.trials),
        failed_requests=sum(served.failure is not None for run in runs for served in run.requests),
        figures={name: sum(sample) / len(sample) for name, sample in values.items() if sample},
    )


def _arrivals(result: Result) -> Arrivals | None:
    return None if result.scenario is None else result.scenario.arrivals
