"""The `energy` fixture: what a test sees of the session. It feels like pytest-benchmark's."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn, TypeVar, cast

import pytest

from energy_fixtures import guards
from energy_fixtures.errors import ConfigurationError, EngineFailed, JoulesError, MeasurementInvalid, MeterUnavailable
from energy_fixtures.meters.base import Meter
from energy_fixtures.metrics import METRICS, metric
from energy_fixtures.protocol import Plan
from energy_fixtures.readings import MEASURED, Reading
from energy_fixtures.reasons import REASONS
from energy_fixtures.records import Result, Scenario, Trial
from energy_fixtures.replay_check import parts_of
from energy_fixtures.runner import unique
from energy_fixtures.scenarios import NotPossible, resolve_scenario, with_workload
from energy_fixtures.serving.search import Tried, at_rate, next_rate
from energy_fixtures.session import EnergySession
from energy_fixtures.tasks import FunctionTask
from energy_fixtures.units import quantity

T = TypeVar("T")

FEWEST_TRIALS = 2
"""Below two valid trials a case that asked for more is not a result: one value has no spread."""


class EnergyWindow:
    """One `with energy.window(...)`; afterwards `reading` is what the meter saw of the block's body."""

    def __init__(self, name: str, *, disabled: bool) -> None:
        self.name = name
        self._disabled = disabled
        self._reading: Reading | None = None

    @property
    def reading(self) -> Reading:
        """The Reading of the body.

        Raises:
            MeasurementInvalid: The block has not ended, or an exception left it.
        """
        if self._disabled:
            pytest.skip("--energy-disable: windows have no reading")
        if self._reading is None:
            raise MeasurementInvalid(
                f"window {self.name!r} has no reading: its block has not ended normally; read it after the with statement"
            )
        return self._reading


class EnergyFixture:
    """Measures what a test hands to it.

    Example:
        def test_tokenise(energy):
            tokens = energy(tokenise, TEXT)
            assert len(tokens) == 12
    """

    def __init__(self, session: EnergySession, item: pytest.Item, model_name: str) -> None:
        self._session = session
        self._item = item
        self._model_name = model_name
        self._open: dict[str, object] = {}
        self._windows: dict[str, list[Trial]] = {}
        self._rounds: dict[str, int] = {}  # how many each result was asked for, by its full name
        self._used = False
        self.results: list[Result] = []

    def __call__(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call `function` in several metered windows, as often in each as the meter needs; returns its last value."""
        return cast(T, self._task(FunctionTask(lambda: function(*args, **kwargs), pids=(os.getpid(),)), None))

    def pedantic(
        self,
        function: Callable[..., T],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        setup: Callable[[], Any] | None = None,
        teardown: Callable[..., Any] | None = None,
        rounds: int = 1,
        warmup_rounds: int = 0,
        iterations: int = 1,
    ) -> T:
        """Call `function` exactly as said: `rounds` windows of `iterations` calls, after `warmup_rounds` unmetered ones.

        Args:
            function: What to meter.
            args: Its positional arguments. kwargs: Its keyword arguments.
            setup: Called before each round, unmetered; may return (args, kwargs) for that round, then `args` and
                `kwargs` must not be given and `iterations` must be 1, as in pytest-benchmark.
            teardown: Called after each round with the round's arguments, unmetered.
            rounds: Metered windows, >= 1.
            warmup_rounds: Unmetered rounds before them, >= 0.
            iterations: Calls in each window, >= 1.

        Raises:
            ValueError: Numbers below these, or arguments given twice.
        """
        for name, value, least in (
            ("rounds", rounds, 1),
            ("warmup_rounds", warmup_rounds, 0),
            ("iterations", iterations, 1),
        ):
            if value < least:
                raise ValueError(f"{name} must be >= {least}, got {value}")
        call: list[Any] = [tuple(args), dict(kwargs or {})]

        def prepare() -> None:
            given = None if setup is None else setup()
            if given is None:
                return
            if args or kwargs:
                raise ValueError("setup returned arguments, and args or kwargs were given too; give them in one place")
            if iterations != 1:
                raise ValueError("setup returned arguments for one call, but iterations is not 1; use rounds instead")
            call[:] = given

        task = FunctionTask(
            lambda: function(*call[0], **call[1]),
            pids=(os.getpid(),),
            setup=prepare,
            teardown=None if teardown is None else lambda: teardown(*call[0], **call[1]),
        )
        plan = Plan(
            warmup_rounds=warmup_rounds,
            rounds=rounds,
            min_window_s=0.0,
            max_time_s=float("inf"),
            max_error=self._session.plan.max_error if not self._session.options.disabled else math.inf,
            iterations=(iterations,) * rounds,
        )
        return cast(T, self._task(task, plan))

    @contextlib.contextmanager
    def window(self, name: str) -> Iterator[EnergyWindow]:
        """Meter the body of a `with` block and nothing else; windows may nest. The same name again is another trial."""
        if name in self._open:
            raise ValueError(f"window {name!r} is already open; give a nested window a name of its own")
        self._used = True
        window = EnergyWindow(name, disabled=self._session.options.disabled)
        if self._session.options.disabled:
            yield window
            return
        meter = self._meter()
        self._session.next_is(None)  # as in _task
        label = f"{self._item.nodeid}::{name}"
        with _told():
            token = meter.begin(label, (os.getpid(),))
        self._open[name] = token
        try:
            yield window
        except BaseException:
            self._end(name)  # the body's own exception is the one to tell
            raise
        if self._open.pop(name, None) is None:  # the test is over, and `settle` has ended it
            return
        with _told():
            window._reading = meter.end(token)
        trials = self._windows.setdefault(name, [])
        limit_differs = guards.limit_differs(window.reading, trials, meter.info.domains)
        trials.append(
            Trial(
                index=len(trials),
                iterations=1,
                reading=window.reading,
                invalid_reasons=unique(
                    (
                        *guards.reading_invalid(window.reading, meter.info.domains, None),
                        *(("power_limit_changed",) if limit_differs else ()),
                    )
                ),
                doubts=unique(
                    guards.reading_doubts(window.reading, meter.info, meter.info.domains, self._session.plan.max_error)
                ),
            )
        )

    def measure(self, scenario: Scenario) -> Result:
        """Measure a Scenario on its engine and return its Result.

        The test is skipped where this machine or selection cannot run it, and fails when the engine fails or too few
        trials are valid.
        """
        return self._measure(scenario)

    def measure_largest(self, scenario: Scenario) -> Result:
        """Measure a Scenario at the largest batch that fits on its engine; its own batch_size is the most that is tried.

        The Result's Scenario names the number that was found, its `params` why it is not larger (`largest_because`).
        Running out of memory on the way is an answer; skips and failures are those of `measure`.
        """
        return self._measure(scenario, largest=True)

    def measure_rates(self, scenario: Scenario) -> list[Result]:
        """Measure a serving Scenario at rates that close in on the highest one that meets `--energy-slo`.

        The rates lie within `--energy-rate-search`; without it the test is skipped. A rate that is too high to be served
        is an answer and fails nothing. The report names the cheapest rate that meets the level.
        """
        rates = self._session.options.rates
        if rates is None:
            pytest.skip("searches for a rate: needs --energy-rate-search=LOW:HIGH and --energy-slo")
        with (
            _told(),
            contextlib.suppress(NotPossible),
        ):  # what is wrong with the slowest is told before the fastest runs
            resolve_scenario(at_rate(scenario, rates[0]), self._model_name, self._session.options)
        tried: list[Tried] = []
        while (rate := next_rate(tried, *rates)) is not None:
            result = self._measure(at_rate(scenario, rate))
            self._rounds[result.fullname] = 0
            met = METRICS["slo_met"].values(result)
            joules = METRICS["joules_per_output_token"].values(result)
            mean_j = math.fsum(joules) / len(joules) if joules else None
            tried.append(Tried(rate=rate, met=bool(met) and min(met) > 0, joules_per_token=mean_j))
        return list(self.results)

    def measure_replay(self, scenario: Scenario) -> list[Result]:
        """Measure the cells that the requests of a Scenario's `mix` fall into, then the requests as they are.

        All at its `batch_size` on its engine. The report adds the cells up and says how far that is from the replay.
        """
        named = with_workload(scenario, self._session.options)
        for part in parts_of(named):
            self._measure(part.scenario, part=part.name, noted=part.noted)
        return list(self.results)

    def _measure(
        self,
        scenario: Scenario,
        *,
        largest: bool = False,
        part: str | None = None,
        noted: Mapping[str, str | int] | None = None,
    ) -> Result:
        self._used = True
        if self._session.options.disabled:
            pytest.skip("--energy-disable: cases that need an engine are not run")
        self._meter()
        try:
            case = replace(resolve_scenario(scenario, self._model_name, self._session.options), noted=noted or {})
            if part is None and self.results:
                part = str(len(self.results) + 1)  # a second Scenario needs a name of its own
            result = self._session.run_scenario(self._item, case, part, largest=largest)
        except NotPossible as reason:
            sentence, end = str(reason), _skip
        except JoulesError as failure:
            unsupported = isinstance(failure, EngineFailed) and failure.kind == "unsupported"
            sentence, end = _words(failure), _skip if unsupported else _fail
        else:
            self._rounds[result.fullname] = self._session.plan.rounds
            self.results.append(result)
            return result
        end(sentence)  # outside the handlers, so that the report shows the sentence and no traceback

    # -- called by the plugin ------------------------------------------------------------------------------------

    def settle(self) -> None:
        """After the test's body: store the windows, then judge every result inside the test's call phase."""
        if self._open:
            first = next(iter(self._open))
            for name in list(self._open):
                self._end(name)
            pytest.fail(f"window {first!r} was never closed; use it in a with statement", pytrace=False)
        for name, trials in self._windows.items():
            self.results.append(self._session.record(self._item, tuple(trials), self._domains(), engine={}, part=name))
        sentences = []
        if budget_of(self._item) and not self.results and not self._session.options.disabled:
            sentences.append(f"{self._item.name}: energy_budget has nothing to check: the test measured nothing")
        for result in self.results:
            sentences += self._sentences(result)
        if sentences:
            pytest.fail("\n".join(sentences), pytrace=False)

    # -- parts ---------------------------------------------------------------------------------------------------

    def _task(self, task: FunctionTask, plan: Plan | None) -> Any:
        if self._used:
            _fail("the energy fixture was already used in this test; name each part with energy.window(...)")
        self._used = True
        if self._session.options.disabled:
            task.prepare(1, 0)
            task.go()
            task.collect()
            return task.value
        self._meter()
        self._session.next_is(None)  # an engine that idles beside it would use energy of its own
        plan = plan or self._session.plan
        with _told():
            more = self._session.asks_for_more(self._item, self._domains(), engine={})
            trials = self._session.run_task(task, self._item.nodeid, self._domains(), plan, more)
        self._session.progress.clear()
        result = self._session.record(self._item, trials, self._domains(), engine={})
        self._rounds[result.fullname] = plan.rounds
        self.results.append(result)
        return task.value

    def _end(self, name: str) -> None:
        """End a window of which nobody wants to know the joules."""
        token = self._open.pop(name, None)
        if token is not None:
            with contextlib.suppress(JoulesError):
                self._session.meter.end(token)

    def _meter(self) -> Meter:
        try:
            return self._session.meter
        except MeterUnavailable as reason:
            pytest.skip(str(reason))

    def _domains(self) -> tuple[str, ...]:
        return self._session.meter.info.domains

    def _sentences(self, result: Result) -> list[str]:
        """Why this result fails its test: invalid trials, its budget, and whatever the verdict hooks say."""
        valid, done = len(result.valid_trials), len(result.trials)
        if valid < min(FEWEST_TRIALS, self._rounds.get(result.fullname, done), done):
            codes = unique([code for trial in result.trials for code in trial.invalid_reasons])
            reasons = [f"{REASONS[code].sentence} ({code}); {REASONS[code].remedy}" for code in codes]
            return [f"{result.case}: {valid} valid of {done} trials: {reason}" for reason in reasons]
        environment = self._session.recording.environments[result.environment]
        verdicts = self._item.config.hook.pytest_energy_verdict(
            config=self._item.config, item=self._item, result=result, environment=environment
        )
        return [*over_budget(result, budget_of(self._item)), *(sentence for sentence in verdicts if sentence)]


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Our own errors fail the test with their sentence and no traceback."""
    try:
        yield
    except JoulesError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


def _words(failure: JoulesError) -> str:
    """What the test's report says; a framework's own words for having no memory left name no way out."""
    if isinstance(failure, EngineFailed) and failure.kind == "out_of_memory":
        return f"The engine ran out of memory; use a smaller batch size or model, or fewer tokens.\n{failure}"
    return str(failure)


def _skip(sentence: str) -> NoReturn:
    pytest.skip(sentence)


def _fail(sentence: str) -> NoReturn:
    pytest.fail(sentence, pytrace=False)


def budget_of(item: pytest.Item) -> dict[str, float]:
    """The limits of `@pytest.mark.energy_budget(...)`, by metric name; `joules` is joules per iteration.

    Raises:
        ConfigurationError: Positional arguments, an unknown metric, or a limit that is not a number above 0.
    """
    limits: dict[str, float] = {}
    for marker in item.iter_markers("energy_budget"):
        if marker.args or not marker.kwargs:
            raise ConfigurationError(
                f"{item.nodeid}: energy_budget takes named limits, for example energy_budget(joules=5)"
            )
        for name, limit in marker.kwargs.items():
            if not isinstance(limit, int | float) or isinstance(limit, bool) or not 0 < limit < float("inf"):
                raise ConfigurationError(f"{item.nodeid}: energy_budget({name}={limit!r}) needs a number > 0")
            known = metric("joules_per_iteration" if name == "joules" else name)
            if known.direction == "higher":
                raise ConfigurationError(f"{item.nodeid}: {name} is better when higher; a budget limits from above")
            limits.setdefault(known.name, float(limit))  # the marker nearest to the test comes first
    return limits


def over_budget(result: Result, limits: Mapping[str, float]) -> list[str]:
    """One sentence per limit that the mean of the valid trials exceeds, or that cannot be checked."""
    sentences = []
    for name, limit in limits.items():
        values = METRICS[name].values(result)
        if not values:
            sentences.append(f"{result.case}: energy budget on {name} cannot be checked: this test yields no {name}")
            continue
        mean, unit = sum(values) / len(values), METRICS[name].unit
        if mean > limit:
            label = "" if result.method in MEASURED else f" ({result.method}, not measured)"
            over = 100 * (mean / limit - 1)
            sentences.append(
                f"{result.case}: energy budget exceeded: {name} {quantity(mean, unit)}{label} > {quantity(limit, unit)} (+{over:.1f} %)"
            )
    return sentences
