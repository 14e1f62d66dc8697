"""`joules estimate`: from what was typed to an answer, and from an answer to a table, a page or JSON."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec

from energy_fixtures.errors import ConfigurationError, ResultFileError
from energy_fixtures.records import Run
from energy_fixtures.store import read_run
from reports.estimate.answer import Answer
from reports.estimate.estimate import Question, estimate
from reports.estimate.histogram import read_histogram
from reports.estimate.levers import chosen as chosen_levers
from reports.estimate.measured import Basis, priced_results
from reports.estimate.montecarlo import Runner, on_threads
from reports.estimate.reading import read_scenario

Form = Literal["table", "json", "html"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The command line. `options` are those that a scenario file may say as well; None where they were not given."""

    scenario: Path | None
    sets: tuple[str, ...]
    options: Mapping[str, object]
    fleet: str | None
    levers: str | None
    traces: tuple[Path, ...]
    results: tuple[Path, ...]
    results_as: Basis
    deployments: tuple[str, ...]
    predictor: Path | None
    sensitivity: bool
    plot: Path | None
    ray: str | None

    @property
    def files(self) -> tuple[Path, ...]:
        """What the answer is made from."""
        alone = [path for path in (self.scenario, self.predictor) if path is not None]
        return (*alone, *self.traces, *self.results)


def answer(asked: Asked) -> Answer:
    """Answer, or say what is wrong with the question.

    Raises:
        ConfigurationError: Asked wrongly.
        JoulesError: A file cannot be read, a worker failed.
    """
    options = dict(asked.options)
    own = "--results" if asked.results else "--deployment" if asked.deployments else None
    if own is not None and options.get("method") == "released":
        raise ConfigurationError(f"the released method knows its own table only; leave --method or {own} out")
    if own is not None:
        options["method"] = "refined"
    scenario = read_scenario(asked.scenario, (*asked.sets, *_fleet_sets(asked.fleet)), options)
    traces = asked.traces or tuple(Path(name) for name in scenario.traces)
    _check(asked, bool(traces))
    scenario = msgspec.structs.replace(scenario, traces=tuple(path.name for path in traces))
    question = Question(
        levers=chosen_levers(asked.levers, scenario.levers) if asked.levers is not None else (),
        fleet=asked.fleet is not None,
        trace=read_histogram(traces) if traces else None,
        sensitivity=asked.sensitivity,
        beside=asked.options.get("method") is None and asked.ray is None,
    )
    models = None
    if asked.deployments:
        from reports.estimate.predicted import priced_predictions

        models = priced_predictions(asked.deployments, asked.predictor, scenario)
    if asked.results:
        models = priced_results([_run(path) for path in asked.results], scenario, asked.results_as)
    with contextlib.ExitStack() as stack:
        runner: Runner = on_threads
        if asked.ray is not None:
            from reports.estimate.on_ray import ray_runner

            runner = stack.enter_context(ray_runner(asked.ray))
        return estimate(scenario, question, models, runner)


def check_draws(asked: Asked) -> int:
    """How many draws `--check` compares with.

    Raises:
        ConfigurationError: Something else was asked as well.
    """
    alone = replace(asked, options={"draws": asked.options.get("draws")})
    if alone != _only_draws(alone.options) or any(value for name, value in asked.options.items() if name != "draws"):
        raise ConfigurationError("--check asks of the published figures alone; leave everything but --draws out")
    return read_scenario(options=alone.options).draws


def _only_draws(options: Mapping[str, object]) -> Asked:
    return Asked(
        scenario=None,
        sets=(),
        options=options,
        fleet=None,
        levers=None,
        traces=(),
        results=(),
        results_as="joules",
        deployments=(),
        predictor=None,
        sensitivity=False,
        plot=None,
        ray=None,
    )


def _run(path: Path) -> Run:
    try:
        return read_run(path)
    except ResultFileError as error:  # a wrong name on the command line, so wrong use
        raise ConfigurationError(f"--results: {error}") from error


def _fleet_sets(fleet: str | None) -> tuple[str, ...]:
    if fleet is None:
        return ()
    try:
        queries = float(fleet)
    except ValueError as error:
        raise ConfigurationError(f"--fleet {fleet!r} needs queries a day, as in --fleet 1e9") from error
    return (f"fleet.queries_per_day={queries!r}",)


def _check(asked: Asked, traced: bool) -> None:
    if asked.results and asked.deployments:
        raise ConfigurationError(
            "measured and predicted joules never stand in one table; name --results or --deployment"
        )
    if asked.predictor is not None and not asked.deployments:
        raise ConfigurationError("--predictor answers for a --deployment; name one, as in model=NAME,gpu=H100,batch=32")
    if traced and (asked.levers is not None or asked.sensitivity or asked.plot is not None or asked.ray is not None):
        raise ConfigurationError(
            "a trace gives totals of its rows; --levers, --sensitivity, --plot and --ray are for queries that are drawn"
        )
    if traced and asked.options.get("regime") is not None:
        raise ConfigurationError("a trace has lengths of its own; leave --regime or --trace out")
    if asked.plot is not None:
        from reports.estimate.plot import check_kind

        check_kind(asked.plot)


def rendered(found: Answer, form: Form, columns: int) -> str:
    """As text of this form, with a line end."""
    if form == "json":
        return msgspec.json.format(msgspec.json.encode(found)).decode() + "\n"
    if form == "html":
        from reports.estimate.page import page

        return page(found)
    from reports.estimate.terminal import terminal
    from reports.render.text import to_lines

    return "\n".join(to_lines(terminal(found), width=columns, colour=False)) + "\n"
