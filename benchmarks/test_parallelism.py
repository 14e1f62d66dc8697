"""What do more boards cost? The energy of all of them is summed, and each board's own stands beside it.

TP splits every layer, PP deals the layers out, DP runs whole copies that share the batch.
"""

import pytest

from energy_fixtures import Scenario

INPUT_TOKENS = 64
OUTPUT_TOKENS = 64
BATCH_SIZES = (1, 8, 32)

SPREADS = {
    "one": {},
    "tp2": {"tensor_parallel": 2},
    "tp4": {"tensor_parallel": 4},
    "pp2": {"pipeline_parallel": 2},
    "dp2": {"data_parallel": 2},
}
QUICK = ("one", "tp4", "pp2")  # on two cores the first is quick, and the others are skipped with their reasons


def cases():
    for name, fields in SPREADS.items():
        for batch_size in BATCH_SIZES:
            if batch_size < fields.get("data_parallel", 1):
                continue  # a copy without a request would idle
            quick = name in QUICK and batch_size == 8
            yield pytest.param(
                Scenario(
                    engine="vllm",
                    batch_size=batch_size,
                    input_tokens=INPUT_TOKENS,
                    output_tokens=OUTPUT_TOKENS,
                    **fields,
                ),
                id=f"vllm-{name}-b{batch_size}",
                marks=() if quick else (pytest.mark.slow,),
            )


@pytest.mark.parametrize("scenario", list(cases()))
def test_parallelism(scenario, energy):
    energy.measure(scenario)
