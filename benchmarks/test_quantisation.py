"""What do weights and KV caches in fewer bits save, and where?

What the installed stack or the board cannot do is skipped with the reason, mostly before anything loads.
"""

import pytest

from energy_fixtures import Scenario

INPUT_TOKENS = 64
OUTPUT_TOKENS = 32
DTYPE = "bfloat16"  # of the activations; the papers' number format, and what the 4-bit kernels need

WAYS = {
    "vllm-plain": {},
    "vllm-fp8": {"quantization": "fp8"},
    "vllm-int8": {"quantization": "int8"},
    "vllm-awq": {"quantization": "awq"},
    "vllm-gptq": {"quantization": "gptq"},
    "vllm-fp8-cache": {"kv_cache_dtype": "fp8"},
    "transformers-plain": {},
    "transformers-bnb-int8": {"quantization": "bnb-int8"},
    "transformers-bnb-int4": {"quantization": "bnb-int4"},
}
QUICK = ("vllm-plain", "vllm-fp8", "vllm-int8", "transformers-bnb-int8")  # each load takes seconds on a CPU


def cases():
    for name, fields in WAYS.items():
        for batch_size in (1, 8, 32):
            quick = name in QUICK and batch_size == 1
            yield pytest.param(
                Scenario(
                    engine=name.partition("-")[0],
                    dtype=DTYPE,
                    batch_size=batch_size,
                    input_tokens=INPUT_TOKENS,
                    output_tokens=OUTPUT_TOKENS,
                    **fields,
                ),
                id=f"{name}-b{batch_size}",
                marks=() if quick else (pytest.mark.slow,),
            )


@pytest.mark.parametrize("scenario", list(cases()))
def test_quantisation(scenario, energy):
    energy.measure(scenario)
