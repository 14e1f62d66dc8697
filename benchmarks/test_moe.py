"""Does a mixture of experts cost more than a dense model with as many active parameters?"""

import pytest

from energy_fixtures import Scenario
from energy_fixtures.records import MOE_SIBLING

INPUT_TOKENS = 64
OUTPUT_TOKENS = 32

MODELS = {"dense": None, "moe": MOE_SIBLING}


def cases():
    for engine in ("transformers", "vllm"):
        for name, model in MODELS.items():
            for batch_size in (1, 8):
                yield pytest.param(
                    Scenario(
                        engine=engine,
                        model=model,
                        batch_size=batch_size,
                        input_tokens=INPUT_TOKENS,
                        output_tokens=OUTPUT_TOKENS,
                    ),
                    id=f"{engine}-{name}-b{batch_size}",
                )


@pytest.mark.parametrize("scenario", list(cases()))
def test_moe(scenario, energy):
    energy.measure(scenario)
