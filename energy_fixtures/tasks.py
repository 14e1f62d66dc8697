"""What can be metered: a Scenario on an engine in its own process, or a plain function in this one.

prepare ─► begin ─► go ─► end ─► collect      for every window; only `go` lies between begin and end
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from energy_fixtures import guards
from energy_fixtures.engines.base import Work
from energy_fixtures.engines.host import EngineHost
from energy_fixtures.meters.base import Meter
from energy_fixtures.models.base import ModelSpec
from energy_fixtures.records import Generation, Scenario
from energy_fixtures.replay_check import mixed_of

if TYPE_CHECKING:
    from energy_fixtures.scenarios import Resolved
    from energy_fixtures.serving.client import Address

SEED_STRIDE = 1_000_003
"""Distance between the seeds of two rounds, larger than any number of iterations, so that no prompt comes twice."""


class Task(Protocol):
    """Something that can be metered."""

    pids: tuple[int, ...]

    def prepare(self, iterations: int, round_index: int) -> int | None:
        """Get ready, unmetered; the seed of this round, None where there is none."""

    def go(self) -> float | None:
        """Do it; the engine's own seconds, None where nobody else timed it."""

    def collect(self) -> Generation | None:
        """What was done; None where there is nothing to tell."""

    def invalid(self, iterations: int, generation: Generation | None) -> tuple[str, ...]:
        """Codes for work that differs from what was asked for."""

    def doubts(self, generation: Generation | None) -> tuple[str, ...]:
        """Codes for what weakens the work."""


class EngineTask:
    """A Scenario in an engine's own process.

    Args:
        host: The loaded engine.
        scenario: What to do.
        draft: Its draft model, for engines that load it per case.
        dummy_weights: Whether the weights are random numbers.
        first_round: Rounds are numbered from here, so that two tasks of one Scenario never share a prompt.
        lengths: Of each request of an iteration, where they differ (`Work.lengths`).
    """

    def __init__(
        self,
        host: EngineHost,
        scenario: Scenario,
        draft: ModelSpec | None,
        *,
        dummy_weights: bool,
        first_round: int = 0,
        lengths: tuple[tuple[int, int], ...] = (),
    ) -> None:
        self.pids: tuple[int, ...] = (host.pid,)
        self._host = host
        self._scenario = scenario
        self._draft = draft
        self._dummy_weights = dummy_weights
        self._first_round = first_round
        self._lengths = lengths

    def prepare(self, iterations: int, round_index: int) -> int:
        """See `Task.prepare`."""
        seed = self._scenario.seed + SEED_STRIDE * (self._first_round + round_index + 1)
        work = Work(scenario=self._scenario, iterations=iterations, seed=seed, draft=self._draft, lengths=self._lengths)
        self._host.prepare(work)
        return seed

    def go(self) -> float:
        """See `Task.go`."""
        finished = self._host.go()
        return finished.ended_s - finished.started_s

    def collect(self) -> Generation:
        """See `Task.collect`."""
        return self._host.collect()

    def invalid(self, iterations: int, generation: Generation | None) -> tuple[str, ...]:
        """See `Task.invalid`."""
        if generation is None:
            return ()
        return guards.work_differs(self._scenario, iterations, generation, self._lengths)

    def doubts(self, generation: Generation | None) -> tuple[str, ...]:
        """See `Task.doubts`."""
        return () if generation is None else guards.generation_doubts(generation, dummy_weights=self._dummy_weights)


def engine_task(
    case: Resolved, host: EngineHost, meter: Meter, label: str, scope: tuple[str, ...], running: Address | None
) -> EngineTask:
    """What a resolved case is to be metered as.

    Args:
        case: The case. host: Its loaded engine. meter: The session's.
        label: The case's full name.
        scope: Domains that stand for the work.
        running: The server of `--energy-server`.
    """
    dummies = case.spec.model.dummy_weights
    if case.scenario.arrivals is None:
        mixed = mixed_of(case.scenario)
        lengths = () if mixed is None else mixed.lengths
        return EngineTask(host, case.scenario, case.draft, dummy_weights=dummies, lengths=lengths)
    from energy_fixtures.serving.task import ServingTask  # asyncio, for those who measure a server

    address = running if case.spec.engine == "server" else None
    return ServingTask(
        host, case.scenario, dummy_weights=dummies, meter=meter, label=label, scope=scope, address=address
    )


class FunctionTask:
    """A plain function in this process, with an optional setup before each round and teardown after it."""

    def __init__(
        self,
        function: Callable[[], object],
        pids: tuple[int, ...],
        setup: Callable[[], object] | None = None,
        teardown: Callable[[], object] | None = None,
    ) -> None:
        self.pids = pids
        self.value: object = None
        self._function = function
        self._setup = setup
        self._teardown = teardown
        self._iterations = 1

    def prepare(self, iterations: int, round_index: int) -> None:
        """See `Task.prepare`."""
        self._iterations = iterations
        if self._setup is not None:
            self._setup()

    def go(self) -> None:
        """See `Task.go`."""
        for _ in range(self._iterations):
            self.value = self._function()

    def collect(self) -> None:
        """See `Task.collect`."""
        if self._teardown is not None:
            self._teardown()

    def invalid(self, iterations: int, generation: Generation | None) -> tuple[str, ...]:
        """See `Task.invalid`."""
        return ()

    def doubts(self, generation: Generation | None) -> tuple[str, ...]:
        """See `Task.doubts`."""
        return ()
