"""Hugging Face Transformers as an engine: `generate` on batches of token ids, every sequence to its full length.

    prepare   prompts (batch, input_tokens) for every iteration on the device, generation settings, draft model
    run       per iteration: seed, generate, synchronise        first token and end are time-stamped
    collect   lengths of what `generate` returned, drafted and accepted tokens as its verification counted them

The only file that imports Transformers; it is imported in the engine's own process.
"""

from __future__ import annotations

import importlib
import itertools
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, CompileConfig, GenerationConfig, StoppingCriteria

from energy_fixtures.engines.base import EngineSpec, Facts, Work
from energy_fixtures.engines.quantisation import bitsandbytes_arguments
from energy_fixtures.engines.transformers_batches import PAD, Done, batch_of
from energy_fixtures.engines.transformers_limits import refusal_of_work
from energy_fixtures.errors import EngineFailed
from energy_fixtures.models.base import LocalModel, ModelSpec
from energy_fixtures.models.materialise import materialise
from energy_fixtures.records import Generation, Scenario
from energy_fixtures.workloads.prompts import special_ids, work_prompts

RECOMPILE_LIMIT = 64  # graphs, one per batch size and cache length; torch's own 8 would soon be spent


class TransformersEngine:
    """Implements `engines.base.Engine` with one causal language model on one device.

    What `transformers_limits.refusal_of_spec` refuses has been refused before.

    Raises:
        EngineFailed: kind "unsupported" where this machine cannot do what `spec` asks.
    """

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec
        self._device = _device(spec.device)
        if spec.execution == "compiled":
            _set_up_compiler(self._device)
        self._model, local = self._open(spec.model, spec.dtype)
        self._dummy = spec.model.dummy_weights or local.load_format == "dummy"
        self._avoid = special_ids(local.path) | _config_specials(self._model.config)
        self._drafts: dict[str, Any] = {}
        self._job: _Job | None = None
        self.facts: Facts = self._describe()

    def prepare(self, work: Work) -> None:
        """See `Engine.prepare`."""
        scenario = work.scenario
        longest_tokens = getattr(self._model.config.get_text_config(), "max_position_embeddings", None)
        _refuse(refusal_of_work(self._spec, scenario, longest_tokens))
        prompts = work_prompts(work, vocab_size=self._vocabulary, avoid=self._avoid)
        self._job = _Job(
            work=work,
            batches=self._on_device(prompts, work),
            draft=self._draft(work),
        )
        self._forget_cache_length()
        _synchronise(self._device)

    def run(self) -> None:
        """See `Engine.run`."""
        job = self._prepared()
        job.start()
        draft = {} if job.draft is None else {"assistant_model": job.draft}
        with _counted(self._model, job):
            for number, (lengths, tensors) in enumerate(job.batches):
                torch.manual_seed(job.work.seed + number)
                watch = _Watch(self._device)
                output = self._model.generate(**tensors, stopping_criteria=[watch], **draft)
                watch.stop()
                rows, tokens = output.shape
                steps = tokens - tensors["inputs"].shape[1]
                job.done.append(
                    Done(
                        lengths=lengths,
                        rows=rows,
                        steps=steps,
                        begin_s=watch.begin_s,
                        ttft_s=watch.ttft_s,
                        e2e_s=watch.e2e_s,
                    )
                )

    def collect(self) -> Generation:
        """See `Engine.collect`."""
        job = self._prepared()
        scenario = job.work.scenario
        if scenario.speculation is not None and job.done and job.rounds == 0:
            raise EngineFailed(
                f"Transformers {transformers.__version__} verified no draft in a place where it can be counted;"
                " drafted and accepted tokens are unknown. Use a version in the tried range.",
                kind="unsupported",
            )
        return Generation(
            requests=tuple(request for done in job.done for request in done.requests()),
            drafted_tokens=None if scenario.speculation is None else job.drafted,
            accepted_tokens=None if scenario.speculation is None else job.accepted,
            # of an iteration in several batches nobody could tell where prefill ends
            spans=() if job.work.lengths else tuple(done.span(job.started_s) for done in job.done),
        )

    def _on_device(self, prompts: list[list[list[int]]], work: Work) -> list[_Prepared]:
        """Each batch's lengths, and what `generate` is called with; batches of equal lengths share what they can."""
        alike: dict[tuple[tuple[int, int], ...], dict[str, Any]] = {}
        found = []
        for rows, lengths in zip(prompts, itertools.cycle(work.batches), strict=False):
            batch = batch_of(rows, lengths)
            if lengths not in alike:
                alike[lengths] = {
                    "attention_mask": torch.tensor(batch.mask, device=self._device),
                    "generation_config": _settings(work.scenario, self._device, batch.steps),
                }
            found.append((lengths, {"inputs": torch.tensor(batch.rows, device=self._device), **alike[lengths]}))
        return found

    def _open(self, model: ModelSpec, dtype: str) -> tuple[Any, LocalModel]:
        """Load `model`, or draw its weights at random on the device."""
        local = materialise(model)
        wanted = model.default_dtype if dtype == "auto" else dtype
        settings = {
            "dtype": wanted if wanted == "auto" else getattr(torch, wanted),
            "attn_implementation": str(self._spec.options.get("attn_implementation", "sdpa")),
            "trust_remote_code": model.trusted,
        }
        if local.load_format == "dummy":
            config = AutoConfig.from_pretrained(local.path, revision=local.revision, trust_remote_code=model.trusted)
            if wanted == "auto":
                settings["dtype"] = config.dtype or torch.get_default_dtype()
            torch.manual_seed(0)
            with torch.device(self._device):  # drawn where they are needed: 8 B weights never stand in host memory
                loaded = AutoModelForCausalLM.from_config(config, **settings)
        elif self._spec.quantization is not None:
            few_bits = transformers.BitsAndBytesConfig(**bitsandbytes_arguments(self._spec.quantization))
            settings |= {"quantization_config": few_bits, "device_map": self._device.type}  # it may not be moved later
            loaded = AutoModelForCausalLM.from_pretrained(local.path, revision=local.revision, **settings)
        else:
            loaded = AutoModelForCausalLM.from_pretrained(local.path, revision=local.revision, **settings)
            loaded = loaded.to(self._device)  # by way of the host: straight to the device would need accelerate
        loaded.eval()
        # a checkpoint's own settings (temperature, end of sequence) must not decide how much work is done
        loaded.generation_config = GenerationConfig()
        return loaded, local

    def _draft(self, work: Work) -> Any:
        """The draft model of `work`, loaded at its first use; None where none is asked for."""
        speculation = work.scenario.speculation
        if speculation is None or speculation.method != "draft":
            return None
        if work.draft is None:
            raise EngineFailed(
                f"No draft model is known for {self._spec.model.name}; name one with --energy-draft-model.",
                kind="unsupported",
            )
        if work.draft.name not in self._drafts:
            self._drafts[work.draft.name] = self._open(work.draft, self._spec.dtype)[0]
        draft = self._drafts[work.draft.name]
        theirs = draft.config.get_text_config().vocab_size
        if theirs != self._vocabulary:
            raise EngineFailed(
                f"Draft model {work.draft.name} has a vocabulary of {theirs} tokens and {self._spec.model.name}"
                f" one of {self._vocabulary}; name a draft with the same tokenizer.",
                kind="unsupported",
            )
        # exactly num_tokens guesses each time: no schedule that adapts their number, no early stop by confidence
        draft.generation_config.num_assistant_tokens = speculation.num_tokens
        draft.generation_config.num_assistant_tokens_schedule = "constant"
        draft.generation_config.assistant_confidence_threshold = 0.0
        return draft

    def _forget_cache_length(self) -> None:
        """Have the next static cache sized for its own case: Transformers keeps the longest one it has seen."""
        if hasattr(self._model, "_previous_max_cache_length"):
            del self._model._previous_max_cache_length

    def _prepared(self) -> _Job:
        if self._job is None:
            raise EngineFailed("No work is prepared in this engine; send Prepare first.", kind="raised")
        return self._job

    @property
    def _vocabulary(self) -> int:
        return int(self._model.config.get_text_config().vocab_size)

    def _describe(self) -> dict[str, str | int | float | bool]:
        on_cuda = self._device.type == "cuda"
        facts: dict[str, str | int | float | bool] = {
            "framework": "transformers",
            "framework_version": transformers.__version__,
            "torch_version": str(torch.__version__),
            "device": self._device.type,
            "device_name": torch.cuda.get_device_name() if on_cuda else torch.backends.cpu.get_cpu_capability(),
            "dtype": str(self._model.dtype).removeprefix("torch."),
            "attention": str(self._model.config._attn_implementation),
            "execution": self._spec.execution,
            "weights": "dummy" if self._dummy else "trained",
            "num_threads": torch.get_num_threads(),
            "omp_waits": os.environ.get("OMP_WAIT_POLICY") or f"{os.environ.get('GOMP_SPINCOUNT')} spins",
            "parameters": sum(parameter.numel() for parameter in self._model.parameters()),
        }
        revision = getattr(self._model.config, "_commit_hash", None)
        if revision is not None:  # of the hub; what was made on the spot or lies in a folder has none
            facts["model_revision"] = str(revision)
        quantization = getattr(self._model.config, "quantization_config", None)
        facts["quantization"] = _quantization(quantization)
        if on_cuda:
            facts["cuda_version"] = str(torch.version.cuda)
        return facts


_Prepared = tuple[tuple[tuple[int, int], ...], dict[str, Any]]


@dataclass
class _Job:
    """Prepared work, and what has come of it."""

    work: Work
    batches: list[_Prepared]
    draft: Any
    done: list[Done] = field(default_factory=list)
    started_s: float = 0.0
    rounds: int = 0
    drafted: int = 0
    accepted: int = 0

    def start(self) -> None:
        """Forget an earlier run of the same work; this one begins now."""
        self.started_s = time.monotonic()
        self.done = []
        self.rounds = self.drafted = self.accepted = 0


class _Watch(StoppingCriteria):  # type: ignore[misc]  # mypy sees Transformers as Any, see pyproject.toml
    """Notes when the first token of a batch is there, without making the host wait for the device at each step.

    `generate` calls it after every token; it never stops anything. On CUDA an event in the stream is the stamp.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._never: torch.Tensor | None = None
        self._begin: Any = _cuda_stamp() if device.type == "cuda" else None
        self._first: Any = None
        self._first_s: float | None = None
        self.begin_s = time.monotonic()

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        """False for every row of `input_ids`."""
        if self._never is None or self._never.shape[0] != input_ids.shape[0]:
            if self._never is None:
                self._first_s = time.monotonic()
                self._first = None if self._begin is None else _cuda_stamp()
            self._never = torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)
        return self._never

    def stop(self) -> None:
        """Wait for the device and note the end: `ttft_s` and `e2e_s` count from this object's making."""
        _synchronise(self._device)
        self.e2e_s = time.monotonic() - self.begin_s
        self.ttft_s = None if self._first_s is None else self._first_s - self.begin_s
        if self._begin is not None and self._first is not None:
            self.ttft_s = self._begin.elapsed_time(self._first) / 1000  # milliseconds


def _cuda_stamp() -> Any:
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


@contextmanager
def _counted(model: Any, job: _Job) -> Iterator[None]:
    """Count drafted and accepted tokens where `generate` tells its candidate generator how a verification went.

    After each one it calls `update_candidate_strategy(input_ids, scores, num_matches)` with the target's scores at
    every drafted position and one more: so drafted = len - 1, for draft models and prompt lookup alike.
    """
    make = model._get_candidate_generator

    def make_counted(*args: Any, **kwargs: Any) -> Any:
        generator = make(*args, **kwargs)
        update: Callable[..., Any] = generator.update_candidate_strategy

        def count(input_ids: torch.Tensor, scores: torch.Tensor, num_matches: int) -> Any:
            job.rounds += 1
            job.drafted += scores.shape[1] - 1
            job.accepted += int(num_matches)
            return update(input_ids, scores, num_matches)

        generator.update_candidate_strategy = count
        return generator

    model._get_candidate_generator = make_counted
    try:
        yield
    finally:
        del model._get_candidate_generator  # the class's own shows again


def _settings(scenario: Scenario, device: torch.device, steps: int) -> GenerationConfig:
    """How `generate` shall work: exactly so many tokens, no end of sequence, decoding and cache of the scenario."""
    decoding, speculation = scenario.decoding, scenario.speculation
    settings: dict[str, Any] = {
        "max_new_tokens": steps,
        "eos_token_id": None,  # nothing ends early
        "pad_token_id": PAD,  # never used: all rows are equally long
        "do_sample": decoding.method == "sample",
        "num_beams": decoding.num_beams or 1,
    }
    if decoding.method == "sample":
        settings["temperature"] = 1.0 if decoding.temperature is None else decoding.temperature
        settings["top_k"] = decoding.top_k or 0  # Transformers' own default would be 50
        settings["top_p"] = 1.0 if decoding.top_p is None else decoding.top_p
    if speculation is not None and speculation.method == "ngram":
        settings["prompt_lookup_num_tokens"] = speculation.num_tokens
        settings["max_matching_ngram_size"] = speculation.ngram_max
    if scenario.execution != "eager":
        settings["cache_implementation"] = "static"
        settings["disable_compile"] = scenario.execution == "static_cache"  # on CUDA it would compile by itself
    if scenario.execution == "compiled":
        # CUDA graphs where there are any. Shapes are static: within one case the decode step never changes its own,
        # and a graph that was made dynamic by an earlier case would make cases depend on their order.
        compile_config = CompileConfig(mode="reduce-overhead" if device.type == "cuda" else "default", dynamic=False)
        compile_config._compile_all_devices = True
        settings["compile_config"] = compile_config
    return GenerationConfig(**settings)


def _quantization(config: Any) -> str:
    """How the checkpoint's weights are stored: its own word for the method, "none" where they are plain numbers."""
    method = config.get("quant_method") if isinstance(config, dict) else getattr(config, "quant_method", None)
    return "none" if method is None else str(getattr(method, "value", method))


def _refuse(reason: str | None) -> None:
    if reason is not None:
        raise EngineFailed(reason, kind="unsupported")


def _device(wanted: str) -> torch.device:
    cuda = torch.cuda.is_available()
    if wanted == "cuda" and not cuda:
        _refuse("PyTorch sees no CUDA device and one was asked for; use --energy-device=cpu or auto.")
    return torch.device("cuda" if cuda and wanted != "cpu" else "cpu")


def _set_up_compiler(device: torch.device) -> None:
    """Make sure that "compiled" means compiled: refuse where it cannot be, fail where torch would give up silently."""
    if device.type == "cpu" and shutil.which(os.environ.get("CXX", "g++")) is None:
        _refuse("torch.compile needs a C++ compiler for the CPU and found none; install g++ or set CXX.")
    dynamo = importlib.import_module("torch._dynamo")  # torch imports it at the first compilation only
    dynamo.config.recompile_limit = RECOMPILE_LIMIT
    dynamo.config.fail_on_recompile_limit_hit = True  # instead of going on in eager mode


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _config_specials(config: Any) -> set[int]:
    """Ids that the model's configuration gives a meaning."""
    found: set[int] = set()
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        value = getattr(config.get_text_config(), name, None)
        found.update(value if isinstance(value, list) else [] if value is None else [value])
    return found
