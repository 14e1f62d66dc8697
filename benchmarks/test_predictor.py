"""How does energy follow architecture, batch and lengths? Data for `joules predict fit`, evenly over the whole space.

    pytest benchmarks -m predictor --sweep-seconds 10800

A Halton sequence draws architectures nobody published, each with a few batches and lengths. What a saved run of this
machine holds is not measured again (unless --sweep-again), so a sweep that was cut short goes on where it stopped.
"""

import math

import pytest

from energy_fixtures import Scenario
from energy_fixtures.environment import accelerator_present
from energy_fixtures.workloads.design import between, halton, one_of

pytestmark = pytest.mark.predictor

LARGE = accelerator_present()
ARCHITECTURES = 100 if LARGE else 12
WORKS = 4 if LARGE else 2  # batches and lengths of each architecture, on one load
REPEATED = 6 if LARGE else 1  # architectures whose first work is measured once more: what differs then is noise
ENGINES = (
    (("transformers", "eager"), ("vllm", "eager"), ("vllm", "cuda_graphs")) if LARGE else (("transformers", "eager"),)
)
PARAMETERS = (1e8, 3e10) if LARGE else (2e5, 3e6)
BATCH = (1, 256) if LARGE else (1, 8)
INPUT = (16, 4096) if LARGE else (8, 64)
OUTPUT = (16, 512) if LARGE else (4, 16)
VOCABULARY = 32_000 if LARGE else 512
HEAD_DIM = (64, 128) if LARGE else (16, 32)
ALONE = 0.3  # share of works with one request: where reading weights and launching show


def architecture(point):
    """A model of about the wanted size: depth and width, heads, KV heads, inner width, and experts for a third."""
    size, slimness, head, grouping, inner, mixture = point
    parameters = between(size, *PARAMETERS)
    per_layer = 12.0  # hidden² weights, as in most models
    layers = (parameters / per_layer / between(slimness, 48, 192) ** 2) ** (1 / 3)  # width is 48 to 192 times the depth
    head_dim = one_of(head, HEAD_DIM)
    heads = 2 * max(1, round(math.sqrt(parameters / per_layer / max(layers, 2)) / head_dim / 2))
    kv_heads = one_of(
        grouping, [count for count in (1, heads // 8, heads // 4, heads // 2, heads) if divides(count, heads)]
    )
    hidden = heads * head_dim
    width = 64 * max(1, round(hidden * between(inner, 2, 4) / 64)) if LARGE else hidden * round(between(inner, 2, 4))
    name = f"synthetic:l{max(2, round(layers))}-h{hidden}-a{heads}-kv{kv_heads}-f{width}"
    if mixture < 1 / 3:
        experts = one_of(3 * mixture, (4, 8, 16))
        name = f"synthetic:l{max(2, round(layers))}-h{hidden}-a{heads}-kv{kv_heads}-f{max(64, width // experts * 2)}"
        name += f"-e{experts}k2"
    return name if VOCABULARY == 32_000 else f"{name}-v{VOCABULARY}"


def divides(count, heads):
    return count >= 1 and heads % count == 0


def cases():
    works = iter(halton(ARCHITECTURES * WORKS, 4))
    for place, point in enumerate(halton(ARCHITECTURES, 6)):
        model = architecture(point)
        engine, execution = ENGINES[place % len(ENGINES)]
        for number in range(WORKS):
            batch, single, inputs, outputs = next(works)
            scenario = Scenario(
                engine=engine,
                execution=execution,
                model=model,
                batch_size=1 if single < ALONE else round(between(batch, *BATCH)),
                input_tokens=round(between(inputs, *INPUT)),
                output_tokens=round(between(outputs, *OUTPUT)),
            )
            work = f"b{scenario.batch_size}-in{scenario.input_tokens}-out{scenario.output_tokens}"
            name = f"{place:03d}-{engine}-{execution}-{model.removeprefix('synthetic:')}-{work}-{number}"
            yield pytest.param(scenario, id=name)
            if number == 0 and place % (ARCHITECTURES // REPEATED) == 0:
                yield pytest.param(scenario, id=f"{name}-again")


@pytest.mark.parametrize("scenario", list(cases()))
def test_predictor(scenario, energy, sweep):
    sweep.may_begin()
    sweep.took(energy.measure(scenario))
