"""Which property of an architecture costs how much? One at a time is changed from one shape, all with random weights.

A head is as wide as the hidden size over the heads (`head_dim`): more heads (`a`) are narrower ones, the width of all of
them stays; of a larger hidden size (`h`) they are wider. With `a` the KV cache changes too: `kv` heads of another width.

Transformers answers it; the same on vLLM, a load for each shape, is the `grid`.
"""

import pytest

from energy_fixtures import Scenario
from energy_fixtures.environment import accelerator_present

INPUT_TOKENS = 64
OUTPUT_TOKENS = 16
BATCH_SIZE = 1

BASE = (
    {"l": 16, "h": 2048, "a": 16, "kv": 4, "f": 8192}  # a billion parameters
    if accelerator_present()
    else {"l": 8, "h": 512, "a": 8, "kv": 4, "f": 1536}
)
CHANGED = {
    "layers": [("l", BASE["l"] // 2), ("l", BASE["l"] * 2)],
    "hidden size": [("h", BASE["h"] // 2), ("h", BASE["h"] * 2)],
    "inner size": [("f", BASE["f"] // 2), ("f", BASE["f"] * 2)],
    "heads": [("a", BASE["a"] // 2), ("a", BASE["a"] * 2)],
    "kv heads": [("kv", 1), ("kv", BASE["a"])],  # MQA and MHA; the base is GQA
}


def name_of(shape):
    """As the catalogue calls it: synthetic:l8-h512-a8-kv4-f1536."""
    return "synthetic:" + "-".join(f"{letter}{number}" for letter, number in shape.items())


def cases():
    for engine in ("transformers", "vllm"):
        grid = () if engine == "transformers" else (pytest.mark.grid,)
        yield case(engine, "base", BASE, *grid)
        for changes in CHANGED.values():
            for letter, number in changes:
                slow = () if letter == "kv" else (pytest.mark.slow,)  # a load per shape: seconds each on a CPU
                yield case(engine, f"{letter}{number}", {**BASE, letter: number}, *(grid or slow))


def case(engine, name, shape, *marks):
    return pytest.param(
        Scenario(
            engine=engine,
            model=name_of(shape),
            batch_size=BATCH_SIZE,
            input_tokens=INPUT_TOKENS,
            output_tokens=OUTPUT_TOKENS,
        ),
        id=f"{engine}-{name}",
        marks=marks,
    )


@pytest.mark.parametrize("scenario", list(cases()))
def test_structure(scenario, energy):
    energy.measure(scenario)
