"""Everything one pytest session holds while it measures: meter, engine, store, progress.

`plugin` wires it to pytest, `fixture` is what a test sees of it.
"""

from __future__ import annotations

import datetime
import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property

import msgspec
import pytest

from energy_fixtures import guards, timing
from energy_fixtures.boards import read_boards
from energy_fixtures.engines.host import EngineHost
from energy_fixtures.engines.pool import EnginePool
from energy_fixtures.environment import Facts, build_environment
from energy_fixtures.errors import EngineFailed, JoulesError
from energy_fixtures.idle import Idle, measure_idle
from energy_fixtures.items import case_of, fullname_of, plain_params, question_of
from energy_fixtures.largest_batch import at_largest_batch
from energy_fixtures.live import LiveFeed
from energy_fixtures.meters.base import Meter, State
from energy_fixtures.meters.select import choose_meter, content_lines, header_lines
from energy_fixtures.options import Options
from energy_fixtures.policy import idle_s_for, plan_for
from energy_fixtures.progress import Progress, result_line
from energy_fixtures.protocol import CoolDown, Plan, Step, WarmUp
from energy_fixtures.readings import MEASURED
from energy_fixtures.recording import Recording
from energy_fixtures.records import Environment, Result, Trial
from energy_fixtures.resume import when
from energy_fixtures.resuming import Resuming
from energy_fixtures.runner import run, unique
from energy_fixtures.scenarios import Resolved
from energy_fixtures.tasks import EngineTask, Task, engine_task
from energy_fixtures.time_left import TimeLeft
from energy_fixtures.units import duration, shortened

KEY = pytest.StashKey["EnergySession"]()

LONGEST_REASON = 160  # in a case's own line; the whole sentence stands in pytest's report
PREFILL_ROUND = 1000
"""Rounds of the prefill's windows are numbered from here; no case has as many, so no prompt comes twice."""


class EnergySession:
    """One session's measuring.

    Args:
        config: pytest's configuration.
        options: What the user asked for.
    """

    def __init__(self, config: pytest.Config, options: Options) -> None:
        self.options = options
        self.recording = Recording()
        self.resuming = Resuming(config, options, lambda line: self.progress.milestone(line))
        self.line_per_case = False
        self.elsewhere = (
            False  # its cases were measured by other sessions, on other machines, and it only tells of them
        )
        self.engine_lost: str | None = None  # why an engine was killed or hung, the last one
        self._config = config
        self._meter: Meter | None = None
        self.boards: tuple[Facts, ...] = ()
        self._pool: EnginePool | None = None
        self._left = TimeLeft(())
        self._idle = Idle()
        self.live = LiveFeed(self._boards_now)

    # -- the session's two ends ----------------------------------------------------------------------------------

    def start(self, schedule: Sequence[Resolved], measuring: int = 0) -> list[str]:
        """Choose the meter and open the store, before any engine is loaded; the header's lines.

        Args:
            schedule: The cases that have a Scenario, in order.
            measuring: How many tests measure, those without a Scenario included.

        Raises:
            ConfigurationError, MeterUnavailable: The meter or the store cannot be had.
        """
        self._meter = choose_meter(self.options.meter, domains=self.options.domains, cpu_watts=self.options.cpu_watts)
        self.boards = read_boards()
        lines = [*header_lines(self._meter.info), *content_lines(self._meter.info)]
        idle_s = idle_s_for(self.options, self._meter.info)
        if idle_s > 0:
            self._idle = measure_idle(self._meter, idle_s)
        lines += self._idle.header_lines()
        self._pool = EnginePool(timeout_s=self.options.timeout_s, on_wait=self.progress.wait)
        self._left = TimeLeft([(case.spec.engine, case.load_key) for case in schedule])
        loads = len({case.load_key for case in schedule})
        if schedule:
            cases = f"{len(schedule)} case{'' if len(schedule) == 1 else 's'}"
            lines.append(f"energy: {cases} on {loads} engine load{'' if loads == 1 else 's'}")
        if self.options.save or self.options.autosave or self.options.json:
            names = tuple(str(board["name"]) for board in self.boards)
            head = msgspec.structs.replace(timing.head(self._config), origin=self.resuming.origin)
            lines += self.recording.open(self.options, head, names)
            here = build_environment(self.boards, self._meter.info, {})
            lines += self.resuming.begin(self.recording.cut_off, here)
        info = self._meter.info
        self.live.begin(meter=info.name, method=info.method, domains=info.domains, cases=measuring or len(schedule))
        return lines

    def finish(self) -> None:
        """End the engine, publish what was measured, let the meter go."""
        self.progress.clear()
        if self._pool is not None:
            self._pool.close()
        self.recording.close(unfinished=bool(self.resuming.pending))
        self.live.end(tuple(self.recording.saved))
        if self._meter is not None:
            self._meter.close()

    @property
    def meter(self) -> Meter:
        """The session's meter; a test that is collected late (by a plugin's own loop) starts the session here."""
        if self._meter is None:
            self.start(())
        assert self._meter is not None  # start() sets it or raises
        return self._meter

    @cached_property
    def progress(self) -> Progress:
        """What the user sees."""
        plugins = self._config.pluginmanager
        capture = plugins.getplugin("capturemanager")
        uncaptured = capture.global_and_fixture_disabled if capture else nullcontext
        return Progress(plugins.getplugin("terminalreporter"), uncaptured, self.live)

    # -- measuring -----------------------------------------------------------------------------------------------

    @cached_property
    def plan(self) -> Plan:
        """The options as a plan for every case that names no numbers of its own."""
        return plan_for(self.options, self.meter.info)

    def run_scenario(
        self, item: pytest.Item, case: Resolved, part: str | None = None, *, largest: bool = False
    ) -> Result:
        """Measure one Scenario on its engine, and make the Result durable; `part` names it where a test has several.

        With `largest` it is measured at the largest batch that fits.

        Raises:
            EngineFailed, MeasurementInvalid, MeterUnavailable: The case has no result.
        """
        meter = self.meter
        earlier = self.resuming.take(item, case, part, largest=largest, ask=lambda: self._facts(case))
        if earlier is not None:
            return self._take_over(item, *earlier)
        took_s: float | None = None
        try:
            if largest:
                case = at_largest_batch(case, self._loaded, lambda size: self._begin(f"trying a batch of {size}"))
            host = self._loaded(case)
            scope = scope_of(meter.info.domains, case.spec.device, case.spec.boards)
            began_s = time.monotonic()
            label = fullname_of(item, part)
            task = engine_task(case, host, self.meter, label, scope, self.options.server)
            more = self.asks_for_more(item, scope, engine=host.facts, scenario=case, part=part)
            trials = self.run_task(task, label, scope, self.plan, more)
            try:
                prefill = self._prefill(case, host, label, scope) if self.options.phases else ()
            except KeyboardInterrupt:  # ends the session, but the whole was measured
                self.record(item, trials, scope, engine=host.facts, scenario=case, part=part)
                raise
            took_s = time.monotonic() - began_s
        except EngineFailed as failure:
            if failure.kind in ("killed", "timeout"):
                self.engine_lost = str(failure).splitlines()[0]
            raise
        finally:
            self._left.done(took_s)
            self.progress.clear()
        result = self.record(item, trials, scope, engine=host.facts, scenario=case, part=part, prefill=prefill)
        self.progress.milestone(result_line(result, duration(took_s)))
        return result

    def run_task(
        self,
        task: Task,
        label: str,
        scope: tuple[str, ...],
        plan: Plan,
        more: Callable[[tuple[Trial, ...]], bool] = lambda trials: False,
    ) -> tuple[Trial, ...]:
        """All trials of any task, with progress; `more` as in `runner.run`."""

        def on_step(step: Step) -> None:
            if isinstance(step, WarmUp):
                what = "warming up"
            elif isinstance(step, CoolDown):
                what = "cooling down"
            else:
                what = f"round {step.index + 1} of {max(plan.rounds, step.index + 1)}"
            self._begin(f"{label.rsplit('::', 1)[-1]}: {what}")

        def on_trial(trial: Trial) -> None:
            self.live.window(trial.reading.joules(scope), trial.reading.duration_s)

        trials, _ = run(task, self.meter, plan, label, scope, on_step, on_trial=on_trial, more=more)
        return trials

    def asks_for_more(
        self,
        item: pytest.Item,
        scope: tuple[str, ...],
        *,
        engine: Facts,
        scenario: Resolved | None = None,
        part: str | None = None,
    ) -> Callable[[tuple[Trial, ...]], bool]:
        """Whether a case with these trials shall get another round: whoever judges says so, the budgets allow it."""

        def more(trials: tuple[Trial, ...]) -> bool:
            spent_j = math.fsum(trial.reading.joules() or 0.0 for trial in trials)
            rounds = sum(trial.valid for trial in trials)
            if rounds >= self.options.max_rounds or spent_j >= (self.options.max_joules or math.inf):
                return False
            result, environment = self._result(item, trials, scope, engine=engine, scenario=scenario, part=part)
            hook = self._config.hook.pytest_energy_more
            return bool(hook(config=self._config, item=item, result=result, environment=environment))

        return more

    def record(
        self,
        item: pytest.Item,
        trials: tuple[Trial, ...],
        scope: tuple[str, ...],
        *,
        engine: Facts,
        scenario: Resolved | None = None,
        part: str | None = None,
        prefill: tuple[Trial, ...] = (),
    ) -> Result:
        """Make trials a Result: kept, written, told to whoever listens.

        Args:
            item: The test.
            trials: At least one.
            scope: Domains that `joules_per_*` sum over.
            engine: Facts of the engine; empty for a plain function.
            scenario: What was done, None for a plain function.
            part: Name of the window inside the test, None for the whole.
            prefill: Windows of the same work that ended at its first token, where phases were asked for.
        """
        result, environment = self._result(
            item, trials, scope, engine=engine, scenario=scenario, part=part, prefill=prefill
        )
        return self.tell(item, result, environment)

    def tell(self, item: pytest.Item, result: Result, environment: Environment) -> Result:
        """Keep a Result, whoever measured it, and tell it to whoever listens."""
        self.recording.keep(result, environment)
        self.live.measured(result)
        timing.hand_over(self._config, result)
        self._config.hook.pytest_energy_result(config=self._config, item=item, result=result, environment=environment)
        return result

    def _take_over(self, item: pytest.Item, result: Result, environment: Environment) -> Result:
        """A Result that an earlier session made stands for the case."""
        self._left.done(None)
        self.progress.clear()
        self.tell(item, result, environment)
        measured = when(result, datetime.datetime.now().astimezone())
        self.progress.milestone(result_line(result, f"from the interrupted run, measured {measured}"))
        return result

    def _facts(self, case: Resolved) -> Facts | None:
        """What the case's engine says of itself; None where it cannot be loaded, which the cases that need it tell."""
        try:
            return self._loaded(case).facts
        except EngineFailed:
            return None

    def _result(
        self,
        item: pytest.Item,
        trials: tuple[Trial, ...],
        scope: tuple[str, ...],
        *,
        engine: Facts,
        scenario: Resolved | None = None,
        part: str | None = None,
        prefill: tuple[Trial, ...] = (),
    ) -> tuple[Result, Environment]:
        """What `record` keeps, with the environment that it names."""
        environment = build_environment(self._boards_as_seen(trials), self.meter.info, engine)
        result = Result(
            fullname=fullname_of(item, part),
            question=question_of(item),
            case=case_of(item, part),
            scenario=None if scenario is None else scenario.stored,
            architecture=None if scenario is None else scenario.architecture,
            environment=environment.key,
            scope=scope,
            trials=self._doubted(trials, scope),
            prefill_trials=self._doubted(prefill, scope),
            idle_w=self._idle.watts,
            started_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            params={**plain_params(item), **({} if scenario is None else scenario.noted)},
            service_level=None
            if scenario is None or scenario.scenario.arrivals is None
            else self.options.service_level,
        )
        return result, environment

    def say_outcome(self, item: pytest.Item, outcome: str, why: object) -> None:
        """A test has ended: one that has no joules to show gets a line with the first one of its reason."""
        reason = why[2].removeprefix("Skipped: ") if isinstance(why, tuple) else str(why or "")
        first = shortened(next(iter(reason.strip().splitlines()), ""), LONGEST_REASON)
        self.live.concluded(item.nodeid, case_of(item), outcome, first)
        if self.line_per_case and outcome != "passed":
            self.progress.milestone(f"  {case_of(item):<34} {outcome}: {first}")

    def next_is(self, case: Resolved | None) -> None:
        """End the engine unless the next case uses it."""
        if self._pool is not None:
            self._pool.close_unless(None if case is None else case.spec)
            if case is not None:
                self.recording.between(ended=not self._pool.holds(case.spec))

    # -- parts ---------------------------------------------------------------------------------------------------

    def _prefill(self, case: Resolved, host: EngineHost, label: str, scope: tuple[str, ...]) -> tuple[Trial, ...]:
        """Windows of the same work up to its first token; none where there is no second, or it cannot be done apart."""
        if not case.has_prefill or self.meter.info.method == "replay":
            return ()
        scenario = msgspec.structs.replace(case.scenario, output_tokens=1, speculation=None)  # the first is no guess
        dummies = case.spec.model.dummy_weights
        task = EngineTask(host, scenario, None, dummy_weights=dummies, first_round=PREFILL_ROUND)
        try:
            return self.run_task(task, f"{label} prefill", scope, replace(self.plan, warmup_rounds=1))
        except JoulesError as error:  # the whole was measured: that is not lost because its first token was not
            first = str(error).splitlines()[0]
            self.progress.milestone(f"  {label.rsplit('::', 1)[-1]}: prefill was not measured: {first}")
            return ()

    def _boards_as_seen(self, trials: tuple[Trial, ...]) -> tuple[Facts, ...]:
        """The boards' facts with the power limit of these trials: it may have changed since the session's start."""
        seen = [trial.reading.boards for trial in trials if trial.valid and trial.reading.method in MEASURED]
        limits_w = {
            domain: board.power_limit_max_w
            for boards in seen
            for domain, board in boards.items()
            if board.power_limit_max_w is not None
        }
        return tuple(
            {**facts, "power_limit_w": limits_w[f"gpu:{index}"]} if f"gpu:{index}" in limits_w else facts
            for index, facts in enumerate(self.boards)
        )

    def _doubted(self, trials: tuple[Trial, ...], scope: tuple[str, ...]) -> tuple[Trial, ...]:
        """The trials, with the doubts that only all of them together, or the session, can raise."""
        drifts = ("temperature_drifts",) if guards.temperature_drifts(trials, scope) else ()
        more = (*drifts, *self._idle.doubts(scope))
        return tuple(msgspec.structs.replace(trial, doubts=unique((*trial.doubts, *more))) for trial in trials)

    def _boards_now(self, since_s: float) -> State | None:
        return None if self._meter is None else self._meter.state(since_s)

    def _begin(self, what: str) -> None:
        cases_left = self._left.cases
        seconds_left = self._left.seconds() if cases_left else None  # nothing is known of plain functions
        self.progress.step(what, seconds_left=seconds_left, cases_left=cases_left)

    def _loaded(self, case: Resolved) -> EngineHost:
        assert self._pool is not None
        if not self._pool.holds(case.spec):
            self._begin(f"loading {case.spec.engine} · {case.spec.model.name}")
            began_s = time.monotonic()
            self._pool.acquire(case.spec)
            took_s = time.monotonic() - began_s
            self._left.loaded(case.spec.engine, case.load_key, took_s)
            self.progress.milestone(f"{case.spec.engine} · {case.load_label} loaded in {duration(took_s)}")
        return self._pool.acquire(case.spec)


def scope_of(domains: tuple[str, ...], device: str, boards: int) -> tuple[str, ...]:
    """The domains that stand for the work: the GPUs in use, or the host where the engine runs on it; else all there are."""
    gpus = tuple(domain for domain in domains if domain.startswith("gpu:"))
    chosen = gpus[:boards] if device == "cuda" else tuple(domain for domain in domains if domain not in gpus)
    return chosen or domains
