"""Does guessing ahead save energy, and up to which batch size?"""

import pytest

from energy_fixtures import Scenario, Speculation

INPUT_TOKENS = 64
OUTPUT_TOKENS = 64
BATCH_SIZES = (1, 2, 4, 8, 16, 32)
LARGE_BATCH_SIZES = (64, 128)  # the papers' range; minutes on a CPU
LOOK_AHEAD = 4  # gamma of "Energy Considerations of LLM Inference"

METHODS = {
    "autoregressive": None,
    "ngram": Speculation(method="ngram", num_tokens=LOOK_AHEAD, ngram_max=4),
    "draft": Speculation(method="draft", num_tokens=LOOK_AHEAD),
    "eagle": Speculation(method="eagle", num_tokens=LOOK_AHEAD),
    "mtp": Speculation(method="mtp", num_tokens=LOOK_AHEAD),
}
NEEDS_ITS_OWN_PARTS = ("eagle", "mtp")  # a trained head, trained layers: tiny models have none


def cases():
    for name, speculation in METHODS.items():
        for batch_size in (*BATCH_SIZES, *LARGE_BATCH_SIZES):
            slow = batch_size in LARGE_BATCH_SIZES or name in NEEDS_ITS_OWN_PARTS
            marks = (pytest.mark.slow,) if slow else ()
            smoke = (pytest.mark.smoke,) if batch_size in (1, 8) and name in ("autoregressive", "ngram") else ()
            yield pytest.param(
                scenario_of("vllm", batch_size, speculation), id=f"vllm-{name}-b{batch_size}", marks=(*marks, *smoke)
            )
        if name in NEEDS_ITS_OWN_PARTS:  # vLLM's
            continue
        # Transformers guesses ahead for one sequence only
        yield pytest.param(scenario_of("transformers", 1, speculation), id=f"transformers-{name}-b1")


def scenario_of(engine, batch_size, speculation):
    return Scenario(
        engine=engine,
        speculation=speculation,
        batch_size=batch_size,
        input_tokens=INPUT_TOKENS,
        output_tokens=OUTPUT_TOKENS,
    )


@pytest.mark.parametrize("scenario", list(cases()))
def test_speculative(scenario, energy):
    energy.measure(scenario)
