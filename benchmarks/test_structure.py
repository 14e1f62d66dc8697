"""Which property of an architecture costs how much? One at a time is changed from one shape, all with random weights."""

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
        yield case(engine, "base", BASE, quick=engine == "transformers")
        for changes in CHANGED.values():
            for letter, number in changes:
                quick = engine == "transformers" and letter == "kv"  # a load per shape: seconds each on a CPU
                yield case(engine, f"{letter}{number}", {**BASE, letter: number}, quick=quick)


def case(engine, name, shape, *, quick):
    return pytest.param(
        Scenario(
            engine=engine,
            model=name_of(shape),
            batch_size=BATCH_SIZE,
            input_tokens=INPUT_TOKENS,
            output_tokens=OUTPUT_TOKENS,
        ),
        id=f"{engine}-{name}",
        marks=() if quick else (pytest.mark.slow,),
    )


@pytest.mark.parametrize("scenario", list(cases()))
def test_structure(scenario, energy):
    energy.measure(scenario)
