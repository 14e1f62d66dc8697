"""What does the way of choosing the next token cost?"""

import pytest

from energy_fixtures import Decoding, Scenario

INPUT_TOKENS = 64
OUTPUT_TOKENS = 32
BATCH_SIZE = 4

DECODINGS = {
    "greedy": Decoding.greedy(),
    "beam4": Decoding.beam(4),
    "temperature0.8": Decoding.sample(temperature=0.8),
    "topk50": Decoding.sample(temperature=1.0, top_k=50),
    "topp0.9": Decoding.sample(temperature=1.0, top_p=0.9),
}


def cases():
    for engine in ("transformers", "vllm"):
        for name, decoding in DECODINGS.items():
            yield pytest.param(
                Scenario(
                    engine=engine,
                    decoding=decoding,
                    batch_size=BATCH_SIZE,
                    input_tokens=INPUT_TOKENS,
                    output_tokens=OUTPUT_TOKENS,
                ),
                id=f"{engine}-{name}-b{BATCH_SIZE}",
            )


@pytest.mark.parametrize("scenario", list(cases()))
def test_decoding(scenario, energy):
    energy.measure(scenario)
