"""Real vLLM with fewer bits and with an EAGLE head: what was asked for is what was loaded, and lengths stay exact."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from energy_fixtures.engines.base import EngineSpec, Work
from energy_fixtures.engines.catalogue import engine_spec, installed
from energy_fixtures.engines.host import EngineHost
from energy_fixtures.models.catalogue import resolve
from energy_fixtures.models.tiny import TINY
from energy_fixtures.records import Generation, Scenario, Speculation

LOAD_S = 300.0
BASE = Scenario(engine="vllm", model="tiny", dtype="bfloat16", batch_size=3, input_tokens=48, output_tokens=24)

pytestmark = [
    pytest.mark.engines,
    pytest.mark.skipif(installed("vllm") is not None, reason=str(installed("vllm"))),
]


def spec_of(scenario: Scenario, head: str | None = None) -> EngineSpec:
    """What has to be loaded for it."""
    draft = None if head is None else resolve(head)
    return engine_spec(scenario, model=resolve("tiny"), draft=draft, device="auto", trust_remote_code=False)


def served(host: EngineHost, scenario: Scenario) -> Generation:
    """One window of it."""
    host.prepare(Work(scenario=scenario, iterations=2, seed=0))
    host.go()
    return host.collect()


def eagle_head(folder: Path) -> Path:
    """An EAGLE head for `tiny` with random weights: one layer of it behind a projection of two hidden states."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({**TINY, "num_hidden_layers": 1}))
    hidden, inner, key_value = 256, 640, 128
    shapes = {
        "fc": (hidden, 2 * hidden),
        "layers.0.self_attn.q_proj": (hidden, hidden),
        "layers.0.self_attn.k_proj": (key_value, hidden),
        "layers.0.self_attn.v_proj": (key_value, hidden),
        "layers.0.self_attn.o_proj": (hidden, hidden),
        "layers.0.mlp.gate_proj": (inner, hidden),
        "layers.0.mlp.up_proj": (inner, hidden),
        "layers.0.mlp.down_proj": (hidden, inner),
        "layers.0.post_attention_layernorm": (hidden,),
    }
    draw = np.random.default_rng(0)
    tensors = {f"{name}.weight": draw.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    from safetensors.numpy import save_file

    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_eight_bit_weights_are_loaded_as_asked() -> None:
    """INT8 weights: the engine says so of itself, and serves the work at its exact lengths."""
    scenario = msgspec.structs.replace(BASE, quantization="int8")

    with EngineHost.load(spec_of(scenario), timeout_s=LOAD_S) as host:
        generation = served(host, scenario)

    assert (host.facts["quantization"], host.facts["dtype"]) == ("compressed-tensors", "bfloat16")
    assert [(one.input_tokens, one.output_tokens) for one in generation.requests] == [(48, 24)] * 6


def test_an_eagle_head_drafts(tmp_path: Path) -> None:
    """A head that is named guesses ahead; what it guessed is counted, and the text keeps its length."""
    folder = str(eagle_head(tmp_path / "head"))
    guessing = Speculation(method="eagle", num_tokens=3, draft_model=folder)
    scenario = msgspec.structs.replace(BASE, dtype="float32", speculation=guessing)

    with EngineHost.load(spec_of(scenario, folder), timeout_s=LOAD_S) as host:
        generation = served(host, scenario)

    assert generation.drafted_tokens is not None and generation.drafted_tokens >= 3
    assert generation.accepted_tokens is not None
    assert {(one.input_tokens, one.output_tokens) for one in generation.requests} == {(48, 24)}
