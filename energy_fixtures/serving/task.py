"""One arrival run as something that can be metered: a window of its own for the steady state inside the whole one.

    meter   begin ─────────────────────────────────────────────── end
                     begin ─────────────── end                        opened and closed when the child says so
    child   go ──── B first tokens ── N-B-1 whole answers ──── done

Both windows are read by the same meter, so the steady state has joules of its own, as a counter, a model or an integral
gives them, and not a share of the whole.
"""

from __future__ import annotations

import contextlib

import msgspec
import psutil

from energy_fixtures.engines.base import Reached
from energy_fixtures.engines.host import EngineHost
from energy_fixtures.errors import EngineFailed, JoulesError
from energy_fixtures.meters.base import Meter
from energy_fixtures.readings import Reading
from energy_fixtures.records import Generation, Scenario
from energy_fixtures.serving import checks
from energy_fixtures.serving.client import Address
from energy_fixtures.serving.local import answers, has_ended, listener_of
from energy_fixtures.serving.schedule import schedule_of
from energy_fixtures.tasks import EngineTask


class ServingTask(EngineTask):
    """A serving Scenario on the server that an engine's process holds, or only talks to.

    Args:
        host: The loaded engine.
        scenario: What to do.
        dummy_weights: Whether the weights are random numbers.
        meter: The session's.
        label: The case's full name.
        scope: Domains that stand for the work.
        address: Of a server that runs already, so that its processes are part of the work; None for one of our own.

    Raises:
        EngineFailed: The server's process cannot be found ("unsupported"), or nothing listens there any more.
        ConfigurationError: The workload cannot be read.
    """

    def __init__(
        self,
        host: EngineHost,
        scenario: Scenario,
        *,
        dummy_weights: bool,
        meter: Meter,
        label: str,
        scope: tuple[str, ...],
        address: Address | None,
    ) -> None:
        super().__init__(host, scenario, None, dummy_weights=dummy_weights)
        schedule_of(scenario)  # a workload that cannot be read is told before the first window
        self._meter = meter
        self._label = label
        self._scope = scope
        self._open: object | None = None
        self._readings: dict[int, Reading] = {}
        self._address = address
        self._server: psutil.Process | None = None
        if address is not None:
            pid = listener_of(address)
            if pid is None and not answers(address):
                raise EngineFailed(
                    f"Nothing listens at port {address.port} any more; start the server again, its own log says why it"
                    " ended.",
                    kind="raised",
                )
            if pid is None:
                raise EngineFailed(
                    f"No process of this user listens at port {address.port}, so its energy cannot be told from others';"
                    " run pytest as the user of the server, outside of its container.",
                    kind="unsupported",
                )
            self.pids = (host.pid, pid)
            self._server = psutil.Process(pid)

    def go(self) -> float:
        """See `Task.go`."""
        self._readings = {}
        try:
            finished = self._host.go(on_reached=self._reached)
        finally:
            self._drop()
        if self._address is not None and self._server is not None and has_ended(self._server):
            raise EngineFailed(
                f"The server at port {self._address.port} ended while it was measured; its own log says why.",
                kind="raised",
            )
        return finished.ended_s - finished.started_s

    def collect(self) -> Generation:
        """See `Task.collect`; with what the meter saw of each run's steady state."""
        generation = super().collect()
        runs = []
        for place, run in enumerate(generation.serving):
            reading = self._readings.get(place)
            if reading is not None and run.steady is not None:
                codes = checks.steady_invalid(reading, self._scope, run.steady.duration_s)
                # the whole window keeps what was seen on the boards; once is enough
                reading = msgspec.structs.replace(reading, boards={}, invalid_reasons=codes)
                run = msgspec.structs.replace(run, steady=msgspec.structs.replace(run.steady, reading=reading))
            runs.append(run)
        return msgspec.structs.replace(generation, serving=tuple(runs))

    def invalid(self, iterations: int, generation: Generation | None) -> tuple[str, ...]:
        """See `Task.invalid`."""
        return () if generation is None else checks.invalid(self._scenario, iterations, generation)

    def doubts(self, generation: Generation | None) -> tuple[str, ...]:
        """See `Task.doubts`."""
        if generation is None:
            return ()
        metered = self._meter.info.method != "replay"
        return (*super().doubts(generation), *checks.doubts(self._scenario, generation, metered=metered))

    def _reached(self, reached: Reached) -> None:
        if self._meter.info.method == "replay":  # it holds whole windows alone
            return
        if reached.mark == "steady_begin":
            self._drop()
            with contextlib.suppress(JoulesError):  # the whole window is metered all the same
                self._open = self._meter.begin(f"{self._label} steady state", self.pids)
        elif self._open is not None:
            token, self._open = self._open, None
            with contextlib.suppress(JoulesError):
                self._readings[reached.iteration] = self._meter.end(token)

    def _drop(self) -> None:
        """End a window that nobody will ask for: its run failed before the steady state's end."""
        token, self._open = self._open, None
        if token is not None:
            with contextlib.suppress(JoulesError):
                self._meter.end(token)
