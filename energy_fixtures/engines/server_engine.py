"""A server as an engine: `vllm serve` of our own, or one that runs already; the work is one arrival run of streamed requests.

    load      start the server in a process group of its own (or look at the one that runs), wait until it is ready
    prepare   schedule, prompts as token ids, whole requests as bytes; the server's counters
    run       the load client sends and listens; the ends of the steady state are announced
    collect   answers, failures, latencies; the server's counters again

A server that runs already is only asked and never ended: its process is not ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import msgspec

from energy_fixtures.engines import vllm_serve
from energy_fixtures.engines.base import EngineSpec, Facts, Reached, Work
from energy_fixtures.errors import EngineFailed
from energy_fixtures.models.catalogue import config_of
from energy_fixtures.models.materialise import materialise
from energy_fixtures.records import Generation, Request, Scenario
from energy_fixtures.serving import local, prometheus
from energy_fixtures.serving.client import Address, Mark, Run
from energy_fixtures.serving.records import ServingRun
from energy_fixtures.serving.running import USUAL_IDS, vocabulary_of
from energy_fixtures.serving.schedule import Schedule, prompts_of, schedule_of
from energy_fixtures.serving.summary import answers, serving_run
from energy_fixtures.workloads.prompts import special_ids

LOST = ("unreachable", "cut_off")
"""How requests end whose server has died."""

DEATH_WAIT_S = 2.0  # from a lost connection to the guard's end, which reaps the server and all its workers first

GUARD = (sys.executable, "-P", "-m", "energy_fixtures.engines.server_guard")


class ServerEngine:
    """Implements `engines.base.Engine`.

    Attributes:
        on_reached: Told when the run under way comes to an end of its steady state; set by the engine's process.

    Raises:
        EngineFailed: The server cannot be started, or cannot do what the spec asks ("unsupported").
    """

    def __init__(self, spec: EngineSpec) -> None:
        self.on_reached: Callable[[Reached], None] = lambda reached: None
        self._spec = spec
        self._guard: subprocess.Popen[bytes] | None = None
        self._runs: list[Run] = []
        self._schedule: Schedule | None = None
        self._scenario: Scenario | None = None
        self._before: dict[str, int] = {}
        self._key = local.server_key() if spec.server is not None else None
        if spec.server is not None:
            self._address = Address(host=spec.server.host, port=spec.server.port)
            self._model = spec.server.model_id
            self._first_id, self._vocabulary, folder = vocabulary_of(spec.server)
        else:
            if (reason := vllm_serve.refusal(spec)) is not None:
                raise EngineFailed(reason, kind="unsupported")
            self._model = vllm_serve.SERVED_NAME
            folder = self._start()
            size = (config_of(spec.model) or {}).get("vocab_size")
            self._first_id, self._vocabulary = (0, size) if isinstance(size, int) else USUAL_IDS
        self._avoid = special_ids(folder) if folder is not None else frozenset[int]()
        self.facts: Facts = self._describe()

    def prepare(self, work: Work) -> None:
        """See `Engine.prepare`; a server of ours that has died meanwhile is started again."""
        if self._guard is not None and self._guard.poll() is not None:
            self._start()
        scenario = work.scenario
        schedule = schedule_of(scenario)
        self._scenario, self._schedule = scenario, schedule
        self._runs = [
            Run(
                self._address,
                schedule.requests,
                self._bodies(scenario, schedule, work.seed + iteration),
                max_concurrency=None if scenario.arrivals is None else scenario.arrivals.max_concurrency,
                full=scenario.served_at_once,
                on_mark=partial(self._mark, iteration),
            )
            for iteration in range(work.iterations)
        ]
        self._before = self._counters()

    def run(self) -> None:
        """See `Engine.run`; done when the last answer has ended, whole or not."""
        for run in self._runs:
            _loop_run(run.go())
        if self._guard is None or not any(sent.failure in LOST for run in self._runs for sent in run.requests):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):  # it lives, and only lost connections
            status = self._guard.wait(DEATH_WAIT_S)
            raise EngineFailed(
                f"vllm serve {_ended(status)} while it served; its last lines may say why.", kind="raised"
            )

    def collect(self) -> Generation:
        """See `Engine.collect`."""
        if self._schedule is None or self._scenario is None:
            raise EngineFailed("Nothing was prepared; call prepare before run and collect.", kind="raised")
        counted = prometheus.counted_between(self._before, self._counters())
        served: list[Request] = [request for run in self._runs for request in answers(run)]
        speculated = self._scenario.speculation is not None
        finished = counted.get("finished_requests")
        sent = sum(len(run.requests) for run in self._runs)  # one that failed may have been finished for the server
        foreign = None if finished is None else max(0, finished - sent)  # in all runs together
        runs: list[ServingRun] = [
            serving_run(
                run,
                cut=self._schedule.cut,
                foreign_requests=foreign if foreign is None or place == 0 else 0,
                secret=self._key,
            )
            for place, run in enumerate(self._runs)
        ]
        return Generation(
            requests=tuple(served),
            drafted_tokens=counted.get("drafted_tokens") if speculated else None,
            accepted_tokens=counted.get("accepted_tokens") if speculated else None,
            prefix_cache_hit_tokens=counted.get("prefix_cache_hit_tokens"),
            preemptions=counted.get("preemptions"),
            serving=tuple(runs),
        )

    def close(self) -> None:
        """End a server of ours, as the end of this process does."""
        if self._guard is not None:
            os.close(self._held)
            self._guard.wait()
            self._guard = None

    # -- parts ---------------------------------------------------------------------------------------------------

    def _start(self) -> str:
        """Start `vllm serve`, wait until it is ready; the model's folder or hub id."""
        model = materialise(self._spec.model)
        self._address = Address(host="127.0.0.1", port=local.free_port())
        command = vllm_serve.command(self._spec, self._address.port, model)
        theirs, ours = os.pipe()
        try:
            # `ours` stays open, and unused, as long as this process lives: its end is what the guard waits for
            self._guard = subprocess.Popen(
                [*GUARD, str(theirs), *command],
                stdin=subprocess.DEVNULL,
                env=vllm_serve.environment(self._spec),
                pass_fds=(theirs,),
            )
        finally:
            os.close(theirs)
        self._held = ours
        if not local.wait_for(self._address, lambda: self._guard is not None and self._guard.poll() is None):
            raise EngineFailed(
                f"vllm serve {_ended(self._guard.poll())} before it was ready; its last lines say why.",
                kind="raised",
            )
        return model.path

    def _bodies(self, scenario: Scenario, schedule: Schedule, seed: int) -> list[bytes]:
        """A whole HTTP request for each planned one."""
        prompts = prompts_of(
            scenario, schedule, seed=seed, vocab_size=self._vocabulary - self._first_id, avoid=self._avoid
        )
        decoding = scenario.decoding
        drawn: dict[str, float | int] = {"temperature": 0.0}
        if decoding.method == "sample":
            drawn = {"temperature": 1.0 if decoding.temperature is None else decoding.temperature, "seed": seed}
            drawn |= {} if decoding.top_k is None else {"top_k": decoding.top_k}
            drawn |= {} if decoding.top_p is None else {"top_p": decoding.top_p}
        bodies = []
        for planned, prompt in zip(schedule.requests, prompts, strict=True):
            asked = {
                "model": self._model,
                "prompt": [token + self._first_id for token in prompt] if self._first_id else prompt,
                "max_tokens": planned.output_tokens,
                "min_tokens": planned.output_tokens,
                "ignore_eos": True,
                "stream": True,
                "stream_options": {"include_usage": True},
                **drawn,
            }
            bodies.append(self._address.post(msgspec.json.encode(asked), self._key))
        return bodies

    def _mark(self, iteration: int, mark: Mark, at_s: float) -> None:
        self.on_reached(Reached(mark=mark, iteration=iteration, at_s=at_s))

    def _counters(self) -> dict[str, int]:
        try:
            status, page = local.ask(self._address, "/metrics", key=self._key)
        except (OSError, http.client.HTTPException):  # it died; what became of the requests says so
            return {}
        return prometheus.counters(page) if status == 200 else {}

    def _describe(self) -> dict[str, str | int | float | bool]:
        spec = self._spec
        if spec.server is not None:
            return self._describe_running()
        return {
            "framework": "vllm",
            "framework_version": vllm_serve.version(),
            "device": spec.device,
            "dtype": spec.dtype,
            "execution": spec.execution,
            "quantization": spec.quantization or "none",
            "weights": "dummy" if spec.model.dummy_weights else "trained",
            "tensor_parallel": spec.tensor_parallel,
            "max_num_seqs": spec.max_batch_size,
        }

    def _describe_running(self) -> dict[str, str | int | float | bool]:
        """What a running server tells: vLLM its version, others nothing."""
        facts: dict[str, str | int | float | bool] = {"framework": "server", "device": self._spec.device}
        try:
            status, text = local.ask(self._address, "/version", key=self._key)
            told = msgspec.json.decode(text, type=dict[str, Any]).get("version") if status == 200 else None
        except (OSError, http.client.HTTPException, msgspec.DecodeError):  # another make of server
            told = None
        if isinstance(told, str) and self._counters():
            facts |= {"framework": "vllm", "framework_version": told}
        if self._spec.server is not None and self._spec.server.context_tokens is not None:
            facts["max_model_len"] = self._spec.server.context_tokens
        return facts


def _ended(status: int | None) -> str:
    """How a server ended, from its guard's exit status: 128 and a signal's number, or below zero that of the guard's own."""
    number = 0 if status is None else -status if status < 0 else status - 128
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"ended with status {status}"
    return f"was ended by {name}"


def _loop_run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop where it is installed, as it comes with vLLM: half the cost of asyncio's own loop."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(coroutine)
    else:
        uvloop.run(coroutine)
