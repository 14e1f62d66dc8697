"""How does energy follow the lengths of prompt and output?

The shapes are those of "From Prompts to Power" (P1, P2, P3, P300), the sweeps those of "Energy Considerations of LLM
Inference": inputs to 32k tokens with 64 or 8 output tokens, outputs to 4k with 512 or 64 input tokens. Of these a few points
draw the lines; the others are the `grid`.
"""

import pytest

from energy_fixtures import Scenario

SHAPES = {"P1": (100, 100), "P2": (900, 100), "P3": (100, 900), "P300": (300, 300)}
SHAPE_BATCHES = (1, 100)

INPUTS, OUTPUTS_BESIDE = tuple(2**power for power in range(5, 16)), (64, 8)
OUTPUTS, INPUTS_BESIDE = tuple(2**power for power in range(3, 13)), (512, 64)
SWEEP_BATCHES = (1, 8)

QUICK_SHAPES = {("vllm", "P1", 1), ("vllm", "P2", 1)}  # seconds on a CPU; the rest takes minutes
QUICK_SWEEP = {(64, 8), (128, 8), (256, 8), (1024, 8), (64, 64)}  # four inputs beside 8: enough for a line
LINES = {*((inputs, 64) for inputs in (32, 128, 512, 2048, 8192)), *((512, outputs) for outputs in (8, 256, 1024))}


def case(name, engine, batch_size, input_tokens, output_tokens, *marks):
    return pytest.param(
        Scenario(engine=engine, batch_size=batch_size, input_tokens=input_tokens, output_tokens=output_tokens),
        id=f"{engine}-{name}-b{batch_size}",
        marks=marks,
    )


def shapes():
    for engine in ("transformers", "vllm"):
        for name, (input_tokens, output_tokens) in SHAPES.items():
            for batch_size in SHAPE_BATCHES:
                marks = () if (engine, name, batch_size) in QUICK_SHAPES else (pytest.mark.slow,)
                yield case(name, engine, batch_size, input_tokens, output_tokens, *marks)


def sweep():
    beside_inputs = [(inputs, outputs) for outputs in OUTPUTS_BESIDE for inputs in INPUTS]
    beside_outputs = [(inputs, outputs) for inputs in INPUTS_BESIDE for outputs in OUTPUTS]
    pairs = tuple(dict.fromkeys([*beside_inputs, *beside_outputs]))  # the two cross
    for engine in ("transformers", "vllm"):
        for batch_size in SWEEP_BATCHES:
            for input_tokens, output_tokens in pairs:
                name, pair = f"in{input_tokens}-out{output_tokens}", (input_tokens, output_tokens)
                quick = engine == "vllm" and batch_size == 1 and pair in QUICK_SWEEP
                marks = () if quick else (pytest.mark.slow,) if pair in LINES else (pytest.mark.grid,)
                yield case(name, engine, batch_size, input_tokens, output_tokens, *marks)


@pytest.mark.parametrize("scenario", list(shapes()))
def test_shapes(scenario, energy):
    energy.measure(scenario)


@pytest.mark.parametrize("scenario", list(sweep()))
def test_sweep(scenario, energy):
    energy.measure(scenario)
