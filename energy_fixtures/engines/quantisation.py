"""Weights and KV caches in fewer bits: what each way needs, known before anything loads. No framework is imported.

    fp8                  weights and activations in 8-bit floating point, converted while loading    vLLM, GPU
    int8                 both in 8-bit integers, as compressed-tensors stores them                   vLLM
    awq, gptq            weights in 4 bits, products in 16                                           vLLM
    bnb-int8, bnb-int4   bitsandbytes, converted while loading                                       Transformers

int8, awq and gptq are ways in which a checkpoint is stored. A model whose weights are random numbers anyway gets random
numbers of that layout: the energy hangs on shapes and kernels, hardly on values. Trained weights are never replaced:
there the case is skipped unless the model itself is stored so. Any other word goes to vLLM as it is.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from energy_fixtures.models.base import ModelSpec
from energy_fixtures.models.shapes import Config
from energy_fixtures.records import Scenario

GROUP = 128  # weights that share a scale: what published AWQ and GPTQ checkpoints use

STORED: Mapping[str, Mapping[str, Any]] = {
    "int8": {
        "quant_method": "compressed-tensors",
        "format": "int-quantized",
        "ignore": ["lm_head"],
        "config_groups": {
            "group_0": {
                "targets": ["Linear"],
                "weights": {"num_bits": 8, "type": "int", "strategy": "channel", "symmetric": True, "dynamic": False},
                "input_activations": {
                    "num_bits": 8,
                    "type": "int",
                    "strategy": "token",
                    "symmetric": True,
                    "dynamic": True,
                },
            }
        },
    },
    "awq": {"quant_method": "awq", "bits": 4, "group_size": GROUP, "zero_point": True, "version": "gemm"},
    "gptq": {
        "quant_method": "gptq",
        "bits": 4,
        "group_size": GROUP,
        "desc_act": False,
        "sym": True,
        "lm_head": False,
    },
}
"""The `quantization_config` that a checkpoint of each kind carries in its config.json."""

STORED_AS: Mapping[str, str] = {
    "fp8": "fp8",
    "int8": "int8",
    "awq": "int4",
    "gptq": "int4",
    "bnb-int8": "int8",
    "bnb-int4": "int4",
}
"""What a weight takes, as `models.dimensions.BYTES_PER_PARAMETER` names it; scales left out."""

BITSANDBYTES = ("bnb-int8", "bnb-int4")
METHODS = ("fp8", *STORED, *BITSANDBYTES)
HALF = ("bfloat16", "float16")

_CPU_FLAGS = Path("/proc/cpuinfo")


def refusal(
    scenario: Scenario, model: ModelSpec, config: Config | None, device: Literal["auto", "cpu", "cuda"]
) -> str | None:
    """Why this case cannot be measured with these bits here, in one sentence; None where nothing is known against it.

    Args:
        scenario: Resolved: its number format is named.
        model: What its name stands for. config: Content of its config.json, None where this machine has none.
        device: Where engines run.
    """
    if (reason := _cache_refusal(scenario, device)) is not None:
        return reason
    method = scenario.quantization
    if method is None:
        return None
    if method in BITSANDBYTES:
        return _bitsandbytes_refusal(scenario, model)
    if scenario.engine == "transformers":
        return (
            f"the Transformers engine converts no weights to {method}; use engine vllm, or name a model whose"
            " checkpoint is stored so and leave quantization out"
        )
    if method == "fp8" and device == "cpu":
        return "vLLM's CPU build cannot convert weights to fp8 (its operator static_scaled_fp8_quant is missing); use a GPU"
    if method in METHODS and scenario.dtype not in (*HALF, "auto"):
        return f"{method} needs activations in bfloat16 or float16 and this case has {scenario.dtype}; use --energy-dtype=bfloat16"
    if method in STORED and model.dummy_weights and scenario.kv_cache_dtype != "auto":
        return f"random weights in {method} have no scales for a cache in {scenario.kv_cache_dtype}; use one of the two"
    return _storage_refusal(method, model, config)


def vllm_arguments(method: str | None, model: ModelSpec) -> dict[str, Any]:
    """The arguments of `vllm.LLM` that ask for `method`, None for the weights as they are."""
    if method is not None and method in STORED and model.dummy_weights:
        return {"quantization": None, "load_format": "dummy", "hf_overrides": {"quantization_config": STORED[method]}}
    if method in STORED:
        return {"quantization": None}  # the checkpoint says it, and it was looked at before
    return {"quantization": "bitsandbytes" if method in BITSANDBYTES else method}


def bitsandbytes_arguments(method: str) -> dict[str, bool]:
    """The arguments of Transformers' BitsAndBytesConfig."""
    return {"load_in_8bit": True} if method == "bnb-int8" else {"load_in_4bit": True}


def _cache_refusal(scenario: Scenario, device: str) -> str | None:
    if scenario.kv_cache_dtype == "auto" or scenario.engine == "server":
        return None
    if scenario.engine == "transformers":
        return f"Transformers keeps its cache in the model's own number format, not in {scenario.kv_cache_dtype}; use engine vllm"
    if device == "cpu" and not _has_avx512():
        return f"vLLM keeps a {scenario.kv_cache_dtype} cache on a CPU with AVX-512 only, and this one has none"
    return None


def _has_avx512() -> bool:
    try:
        return "avx512f" in _CPU_FLAGS.read_text(encoding="utf-8")
    except OSError:  # no Linux: vLLM itself will say
        return True


def _bitsandbytes_refusal(scenario: Scenario, model: ModelSpec) -> str | None:
    if scenario.engine != "transformers" and not _vllm_has("bitsandbytes"):
        return "the installed vLLM has no bitsandbytes any more; use engine transformers"
    needed = ("bitsandbytes", "accelerate") if scenario.engine == "transformers" else ("bitsandbytes",)
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed; pip install {' '.join(missing)}"
    if model.source == "shape":
        return f"bitsandbytes converts weights while it loads them, and {model.name} has none to load; name tiny or a model with weights"
    return None


def _vllm_has(module: str) -> bool:
    """Whether the installed vLLM has this quantisation, by its file: importing it would import a framework."""
    found = importlib.util.find_spec("vllm")
    folders = (found.submodule_search_locations or []) if found is not None else []
    return any((Path(folder) / f"model_executor/layers/quantization/{module}.py").is_file() for folder in folders)


def _storage_refusal(method: str, model: ModelSpec, config: Config | None) -> str | None:
    """Trained weights that are not stored in the way that was asked for."""
    if method not in STORED or model.dummy_weights or config is None:
        return None
    said = config.get("quantization_config")
    stored = said.get("quant_method") if isinstance(said, Mapping) else None
    if stored == STORED[method]["quant_method"]:
        return None
    how = "in plain numbers" if stored is None else f"as {stored}"
    return f"{model.name} is stored {how}, not as {method}; name a model that is with --energy-model"
