"""What Transformers cannot do, in sentences; decided without importing it.

Each function returns None where nothing stands in the way.
"""

from __future__ import annotations

from energy_fixtures.engines.base import EngineSpec
from energy_fixtures.engines.quantisation import BITSANDBYTES
from energy_fixtures.records import Scenario

OPTIONS = frozenset({"attn_implementation"})
"""Engine options that the engine knows; the value goes to Transformers as it is."""


def refusal_of_spec(spec: EngineSpec) -> str | None:
    """Why an engine of this kind cannot be loaded, anywhere."""
    unknown = sorted(set(spec.options) - OPTIONS)
    if spec.tensor_parallel > 1:
        return (
            f"The Transformers engine does not do tensor parallelism yet, and {spec.tensor_parallel} was asked for;"
            " use engine vllm."
        )
    if spec.pipeline_parallel > 1:
        return "The Transformers engine does no pipeline parallelism; use engine vllm."
    if spec.kv_cache_dtype != "auto":
        return f"Transformers keeps its cache in the model's own number format, not in {spec.kv_cache_dtype}; use engine vllm."
    if spec.quantization is not None and spec.quantization not in BITSANDBYTES:
        return (
            f"The Transformers engine cannot load quantization {spec.quantization!r};"
            " name a model whose checkpoint is quantized."
        )
    if unknown:
        return f"The Transformers engine has no option {unknown[0]!r}; it knows {', '.join(sorted(OPTIONS))}."
    if spec.prefix_caching:
        return "Transformers keeps no prefix cache between calls of generate; use engine vllm."
    return None


def refusal_of_work(spec: EngineSpec, scenario: Scenario, longest_tokens: int | None) -> str | None:
    """Why a loaded engine cannot do `scenario`. `longest_tokens` is its context length, None where unknown."""
    speculates = scenario.speculation is not None
    tokens = scenario.input_tokens + scenario.output_tokens
    if speculates and scenario.batch_size > 1:
        return f"Transformers speculates for one sequence at a time, not for {scenario.batch_size}; use batch_size 1."
    if speculates and spec.execution != "eager":
        return f"Transformers speculates with a growing cache, not with execution {spec.execution}; use eager."
    if scenario.decoding.method == "beam" and spec.execution == "compiled":
        return "Transformers does not compile the forward pass of beam search; use execution eager."
    if scenario.mix is not None and spec.execution != "eager":
        return f"Transformers serves requests of mixed lengths with a growing cache, not with execution {spec.execution}; use eager."
    if longest_tokens is not None and tokens > longest_tokens:
        return f"{spec.model.name} takes {longest_tokens} tokens and this case needs {tokens}; use shorter lengths."
    return None
