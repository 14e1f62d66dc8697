"""An engine that answers at once, for sessions whose subject is not the engine."""

from __future__ import annotations

import os
import time
from typing import Any

from energy_fixtures.engines.base import EngineSpec, Finished, Work
from energy_fixtures.engines.host import EngineHost
from energy_fixtures.records import Generation, Request

LOADS: list[str] = []
"""Models that were loaded, in order."""

FACTS: dict[str, str | int | float | bool] = {"framework": "transformers", "device": "cpu", "attention": "sdpa"}


class FakeHost:
    """Stands for `EngineHost`: every window takes 5 ms and gives what was asked for."""

    alive = True
    pid = os.getpid()

    def __init__(self, spec: EngineSpec) -> None:
        LOADS.append(spec.model.name)
        self.facts = dict(FACTS)
        self._work: Work | None = None

    def prepare(self, work: Work) -> None:
        """As EngineHost."""
        self._work = work

    def go(self) -> Finished:
        """As EngineHost."""
        began_s = time.monotonic()
        time.sleep(0.005)
        return Finished(started_s=began_s, ended_s=time.monotonic())

    def collect(self) -> Generation:
        """As EngineHost."""
        assert self._work is not None
        scenario = self._work.scenario
        one = Request(
            input_tokens=scenario.input_tokens,
            output_tokens=scenario.output_tokens,
            finish_reason="length",
            ttft_s=0.001,
            e2e_s=0.005,
        )
        return Generation(requests=(one,) * scenario.batch_size * self._work.iterations)

    def close(self) -> None:
        """As EngineHost."""


def load(spec: EngineSpec, **given: Any) -> FakeHost:
    """Stands for `EngineHost.load`."""
    return FakeHost(spec)


def install() -> None:
    """For a session in a process of its own."""
    EngineHost.load = staticmethod(load)  # type: ignore[method-assign, assignment]
