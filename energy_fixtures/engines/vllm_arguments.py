"""What `vllm.LLM` is told of a spec, where it takes more than a word. vLLM is not imported here."""

from __future__ import annotations

from typing import Any

from energy_fixtures.engines.base import EngineSpec
from energy_fixtures.engines.quantisation import vllm_arguments
from energy_fixtures.errors import EngineFailed
from energy_fixtures.models.base import LocalModel
from energy_fixtures.models.materialise import materialise


def model_arguments(spec: EngineSpec, local: LocalModel) -> dict[str, Any]:
    """The model, its number format, and how its weights are stored; enough for vLLM to read its configuration."""
    return {
        "model": local.path,
        "load_format": local.load_format,
        "revision": local.revision,
        "trust_remote_code": spec.trust_remote_code,
        "dtype": spec.dtype,
        "kv_cache_dtype": spec.kv_cache_dtype,
        **vllm_arguments(spec.quantization, spec.model),
    }


def parallel_arguments(spec: EngineSpec) -> dict[str, int]:
    """Over how many boards one copy is spread."""
    return {"tensor_parallel_size": spec.tensor_parallel, "pipeline_parallel_size": spec.pipeline_parallel}


def speculative_config(spec: EngineSpec) -> dict[str, Any] | None:
    """vLLM's `speculative_config`; None without speculation.

    Raises:
        EngineFailed: A draft model or head was asked for and none is named.
    """
    if spec.speculation_method is None:
        return None
    config: dict[str, Any] = {"num_speculative_tokens": spec.speculation_tokens}
    if spec.speculation_method == "ngram":
        return config | {"method": "ngram", "prompt_lookup_max": spec.speculation_ngram_max, "prompt_lookup_min": 1}
    if spec.speculation_method == "mtp":
        return config | {"method": "mtp"}  # the layers are part of the target
    if spec.draft is None:
        raise EngineFailed(
            "Speculation with a draft model was asked for and no draft model was named; name one.", kind="raised"
        )
    local = materialise(spec.draft)
    return config | {"method": _method(spec), "model": local.path, "revision": local.revision}


def _method(spec: EngineSpec) -> str:
    """vLLM's word; the third EAGLE has another head, which published names say."""
    if spec.speculation_method != "eagle":
        return "draft_model"
    return "eagle3" if spec.draft is not None and "eagle3" in spec.draft.name.lower() else "eagle"
