"""A child process with a made-up engine, for faults that no real engine has on demand.

What it does wrong stands in `EngineSpec.options` (while loading) or `Scenario.engine_options` (while working).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from multiprocessing import shared_memory

from energy_fixtures.engines import child
from energy_fixtures.engines.base import EngineSpec, Facts, Work
from energy_fixtures.errors import EngineFailed
from energy_fixtures.records import Generation, Request


class FakeEngine:
    """Implements `engines.base.Engine`; does nothing, or what it is told to do wrong."""

    def __init__(self, spec: EngineSpec) -> None:
        facts: dict[str, str | int | float | bool] = {"pid": os.getpid(), "cwd": os.getcwd()}
        if spec.options.get("helper"):
            helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            facts["helper"] = helper.pid
        if spec.options.get("shared_memory"):
            self._memory = shared_memory.SharedMemory(create=True, size=4096)
            facts["shared_memory"] = self._memory.name
        for name in ("JOULES_TEST", "TOKENIZERS_PARALLELISM"):
            facts[name] = os.environ.get(name, "unset")
        _misbehave(str(spec.options.get("load", "")))
        self.facts: Facts = facts

    def prepare(self, work: Work) -> None:
        """See `Engine.prepare`."""
        self._work = work
        _misbehave(str(work.scenario.engine_options.get("prepare", "")))

    def run(self) -> None:
        """See `Engine.run`."""
        how, _, most = str(self._work.scenario.engine_options.get("run", "")).partition(" beyond ")
        if not most or self._work.scenario.batch_size > int(most):  # "memory beyond 13": only larger batches
            _misbehave(how)

    def collect(self) -> Generation:
        """See `Engine.collect`."""
        request = Request(input_tokens=1, output_tokens=1, finish_reason="length", ttft_s=None, e2e_s=None)
        return Generation(requests=(request,) * self._work.iterations)


def _misbehave(how: str) -> None:
    match how:
        case "raise":
            raise ValueError("the weights are of another model")
        case "unsupported":
            raise EngineFailed("This engine has no beams; use greedy.", kind="unsupported")
        case "memory":
            raise MemoryError
        case "cuda memory":
            raise RuntimeError("CUDA error: out of memory")
        case "exit":
            os.write(2, b"fatal: the device fell off the bus\n")
            os._exit(3)
        case "sigkill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "fork, sigkill":
            if os.fork() == 0:
                time.sleep(600)
            os.kill(os.getpid(), signal.SIGKILL)
        case "sigint":
            os.kill(os.getpid(), signal.SIGINT)
        case "a second":
            time.sleep(1.0)
        case "hang":
            time.sleep(600)


if __name__ == "__main__":
    child.main(engine_factory=FakeEngine)
