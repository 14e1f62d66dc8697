"""How do joules per token fall with batch size, and how do they follow input and output length?"""

import itertools

import pytest

from energy_fixtures import Scenario

BATCH_SIZES = (1, 8, 32)
INPUT_TOKENS = (32, 256)
OUTPUT_TOKENS = (16, 64)


def cases():
    for engine, batch_size, input_tokens, output_tokens in itertools.product(
        ("transformers", "vllm"), BATCH_SIZES, INPUT_TOKENS, OUTPUT_TOKENS
    ):
        yield pytest.param(
            Scenario(engine=engine, batch_size=batch_size, input_tokens=input_tokens, output_tokens=output_tokens),
            id=f"{engine}-b{batch_size}-in{input_tokens}-out{output_tokens}",
        )


@pytest.mark.parametrize("scenario", list(cases()))
def test_batching(scenario, energy):
    energy.measure(scenario)
