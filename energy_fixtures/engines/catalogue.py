"""Which engine has to be loaded for a Scenario, and whether this machine has it. Pure; no framework is imported.

    Transformers   one load per model, number format and quantisation: the rest comes with each Work
    vLLM           execution, speculation, parallelism and prefix caching are settled at load
    vLLM server    these, and exactly how many requests are served at once: B of the steady state
    server         nothing of ours: whoever started it has settled everything

Capacity (context, sequences at once) follows from the scenario alone, never from what else runs:
a case is measured in the same engine whether it was selected alone or among hundreds.
"""

from __future__ import annotations

import importlib.util
from typing import Literal

import msgspec

from energy_fixtures.engines.base import EngineSpec, ServerSpec
from energy_fixtures.models.base import ModelSpec
from energy_fixtures.records import SERVERS, Scenario
from energy_fixtures.serving.schedule import longest_tokens

CONTEXT_TOKENS = 4096  # holds the prompts and outputs of nearly all cases, so that they share a load
MAX_BATCH_SIZE = 256  # vLLM's own default of max_num_seqs on most boards

_PACKAGES = {"transformers": ("transformers", "torch"), "vllm": ("vllm",), "vllm_server": ("vllm",), "server": ()}


def engine_spec(
    scenario: Scenario,
    *,
    model: ModelSpec,
    draft: ModelSpec | None,
    device: Literal["auto", "cpu", "cuda"],
    trust_remote_code: bool,
    server: ServerSpec | None = None,
) -> EngineSpec:
    """What must be loaded for `scenario`; equal for all scenarios that can share one load.

    Args:
        scenario: Already resolved: model, dtype and draft are named.
        model: What `scenario.model` stands for.
        draft: What `scenario.speculation.draft_model` stands for, where there is one.
        device: Where the engine runs.
        trust_remote_code: Whether the model's own code may run.
        server: Of engine "server", where it is.
    """
    shared = EngineSpec(
        engine=scenario.engine,
        model=model,
        dtype=scenario.dtype,
        device=device,
        execution="eager",
        tensor_parallel=scenario.tensor_parallel,
        quantization=scenario.quantization,
        context_tokens=_capacity(_context_tokens(scenario), CONTEXT_TOKENS),
        max_batch_size=_sequences(scenario)
        if scenario.engine in SERVERS
        else _capacity(_sequences(scenario), MAX_BATCH_SIZE),
        prefix_caching=False,
        kv_cache_dtype=scenario.kv_cache_dtype,
        pipeline_parallel=scenario.pipeline_parallel,
        data_parallel=scenario.data_parallel,
        options=scenario.engine_options,
        trust_remote_code=trust_remote_code,
        server=server,
    )
    if scenario.engine in ("transformers", "server"):
        return shared
    return _with_vllm_parts(shared, scenario, draft)


def installed(engine: str) -> str | None:
    """None when the packages of `engine` can be imported, else the reason and the way out, in one sentence.

    Only looks for them: nothing is imported.
    """
    missing = [package for package in _PACKAGES[engine] if importlib.util.find_spec(package) is None]
    if not missing:
        return None
    verb = "is" if len(missing) == 1 else "are"
    extra = "vllm" if engine == "vllm_server" else engine
    return f"{' and '.join(missing)} {verb} not installed; pip install 'pytest-joules[{extra}]'"


def _with_vllm_parts(shared: EngineSpec, scenario: Scenario, draft: ModelSpec | None) -> EngineSpec:
    speculation = scenario.speculation
    parts = {
        "execution": scenario.execution,
        "prefix_caching": scenario.prefix_caching,
        "speculation_method": None if speculation is None else speculation.method,
        "speculation_tokens": None if speculation is None else speculation.num_tokens,
        "speculation_ngram_max": None if speculation is None else speculation.ngram_max,
        "draft": None if speculation is None or speculation.method not in ("draft", "eagle") else draft,
    }
    return msgspec.structs.replace(shared, **parts)


def _context_tokens(scenario: Scenario) -> int:
    """Tokens of the longest sequence, with the drafted ones that may be rejected at its end."""
    ahead = 0 if scenario.speculation is None else scenario.speculation.num_tokens
    return longest_tokens(scenario) + ahead


def _sequences(scenario: Scenario) -> int:
    """Sequences that one copy of the model computes at once: every beam is one."""
    share = -(-scenario.batch_size // scenario.data_parallel)
    return share * (scenario.decoding.num_beams or 1)


def _capacity(needed: int, usual: int) -> int:
    """`usual`, or where that is not enough the next power of two."""
    return usual if needed <= usual else 1 << (needed - 1).bit_length()
