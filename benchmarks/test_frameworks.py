"""Which framework takes the fewest joules per token for the same model and the same work?"""

import pytest

from energy_fixtures import Scenario

INPUT_TOKENS = 64
OUTPUT_TOKENS = 64

STACKS = {
    "transformers-eager": ("transformers", "eager", ()),
    "transformers-static-cache": ("transformers", "static_cache", ()),
    "transformers-compiled": ("transformers", "compiled", ()),
    "vllm-eager": ("vllm", "eager", ()),
    "vllm-cuda-graphs": ("vllm", "cuda_graphs", (pytest.mark.gpu,)),
}


def cases():
    for stack, (engine, execution, marks) in STACKS.items():
        for batch_size in (1, 8):
            smoke = (pytest.mark.smoke,) if execution == "eager" else ()
            yield pytest.param(
                Scenario(
                    engine=engine,
                    execution=execution,
                    batch_size=batch_size,
                    input_tokens=INPUT_TOKENS,
                    output_tokens=OUTPUT_TOKENS,
                ),
                id=f"{stack}-b{batch_size}",
                marks=(*marks, *smoke),
            )


@pytest.mark.parametrize("scenario", list(cases()))
def test_frameworks(scenario, energy):
    energy.measure(scenario)
