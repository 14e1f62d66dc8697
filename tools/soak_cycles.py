"""Engines over and over in one parent: does its memory stay level, and is nothing left?

    works      Transformers or vLLM is loaded, does metered work, and ends
    memory     its process is given no more address space, so that a large batch fails; then it works on
    crash      it is killed while it works
    server     `vllm serve` is started, serves a run of requests, and ends
    dies       the same, and the server is killed while it serves

The parent does what a session's parent does: pool, protocol, meter, tasks; results are let go of, as nothing else would
keep its memory level.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import statistics
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import psutil

from energy_fixtures import Arrivals, Scenario
from energy_fixtures.engines.catalogue import engine_spec
from energy_fixtures.engines.pool import EnginePool
from energy_fixtures.errors import EngineFailed
from energy_fixtures.meters.simulated import SimulatedMeter
from energy_fixtures.models.catalogue import resolve
from energy_fixtures.protocol import Plan
from energy_fixtures.runner import run
from energy_fixtures.scenarios import Resolved
from energy_fixtures.tasks import engine_task
from tools.soak_kills import KEPT, MARK, command_of, marked, shared_memory, wait_until

SHORT = {"input_tokens": 8, "output_tokens": 8, "model": "tiny", "dtype": "float32"}
WORK = Scenario(engine="transformers", batch_size=2, **SHORT)
LONG = Scenario(engine="transformers", batch_size=2, input_tokens=8, output_tokens=4000, model="tiny", dtype="float32")
LARGE = Scenario(
    engine="transformers", batch_size=256, input_tokens=512, output_tokens=8, model="tiny", dtype="float32"
)
VLLM = Scenario(engine="vllm", batch_size=2, **SHORT)
SERVED = Scenario(engine="vllm_server", batch_size=2, arrivals=Arrivals.all_at_once(6), **SHORT)
SERVED_LONG = Scenario(
    engine="vllm_server",
    batch_size=2,
    arrivals=Arrivals.all_at_once(12),
    **{**SHORT, "output_tokens": 2000},
)
PLAN = Plan(warmup_rounds=1, rounds=2, min_window_s=0.05, max_time_s=30.0)
SPARE_BYTES = 64 << 20  # of address space beyond what an idle engine holds
ORDER = (*("works",) * 3, "memory", "crash", "works", "vllm", "works", "memory", "crash", "server", "works", "dies")
LEVEL = 0.02


@dataclass
class Seen:
    """What the parent looked like after each cycle."""

    began_s: float = field(default_factory=time.monotonic)
    ended: Counter[str] = field(default_factory=Counter)
    private_bytes: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    took_s: float = 0.0

    def summary(self) -> dict[str, Any]:
        """For a JSON file; memory is private and resident (USS)."""
        after = (
            self.private_bytes[len(ORDER) :] or self.private_bytes
        )  # each kind imports what it needs in the first round
        quarter = max(1, len(after) // 4)
        first, last = statistics.median(after[:quarter]), statistics.median(after[-quarter:])
        moved, apart = last / first - 1, (max(after) - min(after)) / statistics.median(after)
        faults = list(self.faults)
        if abs(moved) > LEVEL:
            faults.append(f"memory moved by {100 * moved:.2f} %")
        if self.descriptors and self.descriptors[-1] > self.descriptors[0]:
            faults.append(f"descriptors: {self.descriptors[0]} -> {self.descriptors[-1]}")
        return {
            "minutes": round(self.took_s / 60, 1),
            "cycles": sum(self.ended.values()),
            "how they ended": dict(self.ended),
            "parent's memory after the first round of kinds, MB": round(first / 1e6, 2),
            "at the end, MB": round(last / 1e6, 2),
            "moved, %": round(100 * moved, 2),
            "highest less lowest since then, %": round(100 * apart, 2),
            "descriptors after the first cycle and the last": [self.descriptors[0], self.descriptors[-1]],
            "faults": faults,
        }


class Parent:
    """One pool of engines, as a session has."""

    def __init__(self) -> None:
        self.pool = EnginePool(timeout_s=300.0, on_wait=lambda elapsed_s: None)
        self._meter = SimulatedMeter()

    def does(self, scenario: Scenario, beside: Callable[[int], None] = lambda pid: None) -> str:
        """Load and measure; `beside` is told the engine's process. How it ended."""
        model = resolve("tiny")
        spec = engine_spec(scenario, model=model, draft=None, device="cpu", trust_remote_code=False)
        case = Resolved(scenario=scenario, spec=spec, draft=None)
        try:
            host = self.pool.acquire(spec)
            beside(host.pid)
            task = engine_task(case, host, self._meter, "soak", ("gpu:0",), None)
            trials, _ = run(task, self._meter, PLAN, "soak", ("gpu:0",), lambda step: None)
        except EngineFailed as failure:
            return failure.kind
        codes = sorted({code for trial in trials for code in trial.invalid_reasons})
        return f"invalid ({', '.join(codes)})" if codes else "measured"

    def close(self) -> None:
        """End the engine."""
        self.pool.close()


def cycles(seconds: float, folder: Path, say: Callable[[str], None] = print) -> Seen:
    """Cycle for so long; temporary files go to `folder`, where each has to be gone again."""
    mark = uuid.uuid4().hex
    os.environ.update({MARK: mark, "TMPDIR": str(folder)})
    seen, parent, memory = Seen(), Parent(), shared_memory()
    for kind in cycle(ORDER):
        for wanted, ended in KINDS[kind](parent):
            seen.ended[f"{kind}: {ended}"] += 1
            if ended not in wanted:
                seen.faults.append(f"{kind} ended as {ended}, not as {' or '.join(wanted)}")
        parent.close()
        _look(kind, seen, mark, memory, folder)
        say(f"{time.monotonic() - seen.began_s:.0f} s {kind}: {seen.private_bytes[-1] / 1e6:.2f} MB")
        seen.took_s = time.monotonic() - seen.began_s
        if seen.took_s >= seconds:
            return seen
    raise AssertionError("a cycle has no end")


def _works(parent: Parent) -> Iterator[tuple[tuple[str, ...], str]]:
    yield ("measured",), parent.does(WORK)


def _vllm(parent: Parent) -> Iterator[tuple[tuple[str, ...], str]]:
    yield ("measured",), parent.does(VLLM)


def _memory(parent: Parent) -> Iterator[tuple[tuple[str, ...], str]]:
    def limit(pid: int) -> None:
        held = psutil.Process(pid).memory_info().vms
        resource.prlimit(pid, resource.RLIMIT_AS, (held + SPARE_BYTES, resource.RLIM_INFINITY))

    def release(pid: int) -> None:
        resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    yield ("out_of_memory",), parent.does(LARGE, limit)
    yield ("measured",), parent.does(WORK, release)


def _crash(parent: Parent) -> Iterator[tuple[tuple[str, ...], str]]:
    yield ("killed",), parent.does(LONG, lambda pid: _soon(lambda: os.kill(pid, signal.SIGKILL)))
    yield ("measured",), parent.does(WORK)


def _server(parent: Parent) -> Iterator[tuple[tuple[str, ...], str]]:
    yield ("measured",), parent.does(SERVED)


def _dies(parent: Parent) -> Iterator[tuple[tuple[str, ...], str]]:
    def kill_server() -> None:
        mine = [one for one in marked(os.environ[MARK]) if "energy_fixtures.engines.vllm_main" in command_of(one)[:4]]
        os.kill(min(one.pid for one in mine), signal.SIGKILL)

    yield ("raised",), parent.does(SERVED_LONG, lambda pid: _soon(kill_server))


KINDS: dict[str, Callable[[Parent], Iterator[tuple[tuple[str, ...], str]]]] = {
    "works": _works,
    "vllm": _vllm,
    "memory": _memory,
    "crash": _crash,
    "server": _server,
    "dies": _dies,
}


def _soon(act: Callable[[], None]) -> None:
    timer = threading.Timer(0.7, act)
    timer.daemon = True
    timer.start()


def _look(kind: str, seen: Seen, mark: str, memory: set[str], folder: Path) -> None:
    """After a cycle: nothing of its engine is left, and this is what the parent holds."""
    here = os.getpid()
    if not wait_until(lambda: all(one.pid == here for one in marked(mark)), 15.0):
        left = [" ".join(command_of(one))[:120] for one in marked(mark) if one.pid != here]
        seen.faults.append(f"{kind}: processes left: {left}")
    if not wait_until(lambda: shared_memory() <= memory, 1.0):
        seen.faults.append(f"{kind}: shared memory left: {sorted(shared_memory() - memory)}")
    stray = [path.name for path in folder.iterdir() if not path.name.startswith(KEPT)]
    if stray:
        seen.faults.append(f"{kind}: temporary files left: {stray}")
    for name in stray:
        (folder / name).rename(folder / f"{KEPT[0]}{name}")  # once is enough
    gc.collect()
    parent = psutil.Process()
    seen.private_bytes.append(parent.memory_full_info().uss)
    seen.descriptors.append(parent.num_fds())
