"""What an engine is, and what the two ends of its process say to each other.

    parent (pytest)                          child (one engine)
    ───────────────                          ──────────────────
    Load(spec)            ──────────────►    import the framework, load the model, once
                          ◄──────────────    Loaded(facts)
    Prepare(work)         ──────────────►    prompts for every iteration, on the device; not metered
                          ◄──────────────    Prepared
    meter begins
    Go                    ──────────────►    every iteration to its last token; device synchronised
                          ◄──────────────    Reached(mark, at_s)               only by serving engines, any number
                          ◄──────────────    Finished(started_s, ended_s)      monotonic clock, system-wide
    meter ends
    Collect               ──────────────►
                          ◄──────────────    Collected(generation)
    Stop                  ──────────────►    exit

Any request may be answered by Failed. The pytest process never imports a framework.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

from energy_fixtures.models.base import ModelSpec
from energy_fixtures.record import Record
from energy_fixtures.records import Generation, Scenario
from energy_fixtures.workloads.mix import batches

Facts = Mapping[str, str | int | float | bool]


class ServerSpec(Record, frozen=True, kw_only=True):
    """A server that runs already, and the model it serves under `model_id`; `root` is the folder of its files, if told."""

    host: str
    port: int
    model_id: str
    root: str | None = None
    context_tokens: int | None = None


class EngineSpec(Record, frozen=True, kw_only=True):
    """What a child loads. Equal specs share one load; made from a Scenario by `engines.catalogue.engine_spec`.

    `device` is "cpu", "cuda" or "auto" (the child takes CUDA where torch sees it).
    `context_tokens` and `max_batch_size` are the capacity to reserve, rounded up so that most cases share a load.
    `speculation` is set where the draft is part of the load (vLLM), with `draft` naming its model (or its head).
    With `data_parallel` above 1 all other fields describe one of the copies.
    `server` is set for engine "server" alone.
    """

    engine: Literal["transformers", "vllm", "vllm_server", "server"]
    model: ModelSpec
    dtype: str
    device: Literal["auto", "cpu", "cuda"]
    execution: str
    tensor_parallel: int
    quantization: str | None
    context_tokens: int
    max_batch_size: int
    prefix_caching: bool
    speculation_method: str | None = None
    speculation_tokens: int | None = None
    speculation_ngram_max: int | None = None
    draft: ModelSpec | None = None
    options: Mapping[str, str | int | float | bool] = {}
    trust_remote_code: bool = False
    kv_cache_dtype: str = "auto"
    pipeline_parallel: int = 1
    data_parallel: int = 1
    server: ServerSpec | None = None

    @property
    def boards(self) -> int:
        """Boards that are used."""
        return self.tensor_parallel * self.pipeline_parallel * self.data_parallel


class Work(Record, frozen=True, kw_only=True):
    """What one window does: `iterations` repeats of the scenario's batch, each with prompts of its own.

    Prompts of iteration i are drawn from `seed + i`, so that no two iterations of a session share a prefix.
    `draft` is the resolved draft model for engines that load it per case (Transformers).
    `lengths` are the input and output tokens of each request of an iteration, where they differ: they are served
    `batch_size` at a time in this order.
    """

    scenario: Scenario
    iterations: int
    seed: int
    draft: ModelSpec | None = None
    lengths: tuple[tuple[int, int], ...] = ()

    @property
    def batches(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """Input and output tokens of every request of one iteration, batch by batch."""
        scenario = self.scenario
        alike = ((scenario.input_tokens, scenario.output_tokens),) * scenario.batch_size
        return batches(self.lengths or alike, scenario.batch_size)


class Engine(Protocol):
    """An engine inside its own process. Loading happens in the constructor; the process exits to unload."""

    facts: Facts

    def prepare(self, work: Work) -> None:
        """Build everything that is not the work itself: prompts on the device, compiled or draft models, settings.

        Raises:
            EngineFailed: kind "unsupported" when this engine, device or version cannot do the scenario.
        """

    def run(self) -> None:
        """Do the prepared work to the last token and synchronise the device. Nothing else may happen here."""

    def collect(self) -> Generation:
        """Say what the last `run` really did, from the engine's own outputs and counters."""


class Load(Record, frozen=True, kw_only=True, tag="load"):
    """Load this engine."""

    spec: EngineSpec


class Prepare(Record, frozen=True, kw_only=True, tag="prepare"):
    """Get this work ready."""

    work: Work


class Go(Record, frozen=True, kw_only=True, tag="go"):
    """Do the prepared work now."""


class Collect(Record, frozen=True, kw_only=True, tag="collect"):
    """Tell what was done."""


class Stop(Record, frozen=True, kw_only=True, tag="stop"):
    """Exit."""


class Loaded(Record, frozen=True, kw_only=True, tag="loaded"):
    """The engine is ready. `facts` go into the Environment (versions, device, dtype, attention backend, runner)."""

    facts: Facts


class Prepared(Record, frozen=True, kw_only=True, tag="prepared"):
    """The work is ready to go."""


class Finished(Record, frozen=True, kw_only=True, tag="finished"):
    """The work is done and the device idle; both times are `time.monotonic()` of this machine."""

    started_s: float
    ended_s: float


class Reached(Record, frozen=True, kw_only=True, tag="reached"):
    """The work has come to a moment that a meter may want to know of; said while Go is being done, before Finished."""

    mark: Literal["steady_begin", "steady_end"]
    iteration: int
    at_s: float


class Collected(Record, frozen=True, kw_only=True, tag="collected"):
    """What was done."""

    generation: Generation


class Failed(Record, frozen=True, kw_only=True, tag="failed"):
    """The request could not be done. `kind` as in EngineFailed; the process may still serve other requests."""

    kind: Literal["raised", "out_of_memory", "unsupported"]
    message: str


Command = Load | Prepare | Go | Collect | Stop
Reply = Loaded | Prepared | Reached | Finished | Collected | Failed
