"""Data parallelism: whole copies of one engine side by side, each in a process of its own with its share of the batch.

    load      all copies at once, each on boards (or cores) of its own
    prepare   every copy its share of the batch, with prompts of its own
    run       all go together; the last one to end ends the window
    collect   their requests and counts, added up

vLLM's offline class holds one copy (`LLM(data_parallel_size=2)` refuses and asks for one process per copy), so copies
are processes here, for every engine alike. Between two iterations they do not wait for each other, as copies behind a
load balancer do not. This file imports no framework.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec

from energy_fixtures.engines.base import EngineSpec, Facts, Work
from energy_fixtures.engines.host import EngineHost
from energy_fixtures.errors import EngineFailed
from energy_fixtures.records import Generation

SEED_APART = 104_729
"""Distance between the prompts' seeds of two copies: more than a window has iterations, less than two rounds differ by."""

NO_LIMIT_S = 30 * 86400.0
"""The process that holds this engine is itself timed by its parent, and takes the copies with it."""

COUNTS = ("drafted_tokens", "accepted_tokens", "prefix_cache_hit_tokens", "preemptions")

Answer = TypeVar("Answer")


class Host(Protocol):
    """What is needed of `engines.host.EngineHost`."""

    facts: Facts

    def prepare(self, work: Work) -> None:
        """As EngineHost."""

    def go(self) -> object:
        """As EngineHost."""

    def collect(self) -> Generation:
        """As EngineHost."""


Loader = Callable[[EngineSpec, dict[str, str]], Host]


@dataclass(frozen=True)
class _Copy:
    """One copy and the thread that started it: Linux ends a child with the thread that started it."""

    thread: ThreadPoolExecutor
    host: Host


class DataParallelEngine:
    """Implements `engines.base.Engine` with `spec.data_parallel` copies of the engine that `spec` describes.

    Args:
        spec: With `data_parallel` >= 2.
        load: Starts one copy, given its spec and the variables that it alone gets.

    Raises:
        EngineFailed: A copy cannot be loaded, or there are fewer cores than copies.
    """

    def __init__(self, spec: EngineSpec, load: Loader | None = None) -> None:
        self._spec = spec
        places = places_of(spec)
        one = msgspec.structs.replace(spec, data_parallel=1)
        threads = [ThreadPoolExecutor(1, thread_name_prefix=f"copy-{index}") for index in range(spec.data_parallel)]
        begun = [
            thread.submit(_load, one, place, load or _start) for thread, place in zip(threads, places, strict=True)
        ]
        hosts = _all(begun)
        self._copies = [_Copy(thread, host) for thread, host in zip(threads, hosts, strict=True)]
        self._works: list[Work] = []
        self.facts: Facts = self._describe()

    def _describe(self) -> Facts:
        """What one copy says of itself, and how many there are."""
        return {**self._copies[0].host.facts, "data_parallel": self._spec.data_parallel}

    def prepare(self, work: Work) -> None:
        """See `Engine.prepare`."""
        self._works = shares(work, self._spec.data_parallel)
        _all(
            [
                copy.thread.submit(copy.host.prepare, share)
                for copy, share in zip(self._copies, self._works, strict=True)
            ]
        )

    def run(self) -> None:
        """See `Engine.run`."""
        _all([copy.thread.submit(copy.host.go) for copy in self._copies])

    def collect(self) -> Generation:
        """See `Engine.collect`. Iterations of different copies overlap, so there are no spans."""
        return together(_all([copy.thread.submit(copy.host.collect) for copy in self._copies]))


def shares(work: Work, copies: int) -> list[Work]:
    """The work of each copy: batches that differ by one at most, and prompts that no other copy has."""
    batch = work.scenario.batch_size
    sizes = [batch // copies + (index < batch % copies) for index in range(copies)]
    return [
        msgspec.structs.replace(
            work,
            scenario=msgspec.structs.replace(work.scenario, batch_size=size, data_parallel=1),
            seed=work.seed + index * SEED_APART,
        )
        for index, size in enumerate(sizes)
    ]


def together(parts: Sequence[Generation]) -> Generation:
    """What all copies did; a count that one of them cannot tell is unknown."""
    counts: dict[str, int | None] = {}
    for name in COUNTS:
        values = [getattr(part, name) for part in parts]
        counts[name] = None if None in values else sum(values)
    return Generation(requests=tuple(request for part in parts for request in part.requests), **counts)  # type: ignore[arg-type]


def places_of(spec: EngineSpec) -> list[dict[str, str]]:
    """For each copy the variables that keep it to boards (or cores) of its own.

    Raises:
        EngineFailed: kind "unsupported" where there are fewer than needed.
    """
    needed = spec.tensor_parallel * spec.pipeline_parallel
    if spec.device == "cuda":
        named = os.environ.get("CUDA_VISIBLE_DEVICES")
        boards = named.split(",") if named else [str(index) for index in range(spec.data_parallel * needed)]
        dealt = _dealt(boards, spec.data_parallel, needed, "GPUs")
        return [{"CUDA_VISIBLE_DEVICES": ",".join(share)} for share in dealt]
    cores = [str(core) for core in sorted(os.sched_getaffinity(0))]
    dealt = _dealt(cores, spec.data_parallel, max(needed, len(cores) // spec.data_parallel), "CPU cores")
    return [{CORES: ",".join(share), "OMP_NUM_THREADS": str(len(share) // needed)} for share in dealt]


CORES = "JOULES_COPY_CORES"
"""The cores of a copy, by number; it is started on them and inherits them."""


def _dealt(places: Sequence[str], copies: int, each: int, what: str) -> list[Sequence[str]]:
    if len(places) < copies * each:
        raise EngineFailed(
            f"{copies} copies of the model need {copies * each} {what} and this process may use {len(places)};"
            " use fewer copies.",
            kind="unsupported",
        )
    return [places[index * each : (index + 1) * each] for index in range(copies)]


def _load(spec: EngineSpec, place: dict[str, str], load: Loader) -> Host:
    """In the copy's own thread, which is bound to the copy's cores so that the copy inherits them."""
    if CORES in place:
        os.sched_setaffinity(0, {int(core) for core in place[CORES].split(",")})  # of this thread alone
    environ = {name: value for name, value in place.items() if name != CORES}
    if spec.engine == "vllm" and CORES in place and spec.tensor_parallel == 1:
        environ["VLLM_CPU_OMP_THREADS_BIND"] = place[CORES]  # with more workers than one vLLM's engine deals them out
    return load(spec, environ)


def _start(spec: EngineSpec, environ: dict[str, str]) -> Host:
    return EngineHost.load(spec, timeout_s=NO_LIMIT_S, environ=environ)


def _all(futures: Sequence[Future[Answer]]) -> list[Answer]:
    """What all of them returned, once the last has; the first failure otherwise, when nothing runs any more."""
    wait(futures)
    return [future.result() for future in futures]
