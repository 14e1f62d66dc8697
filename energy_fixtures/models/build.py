"""Weights of the built models, drawn so that every machine draws the same bytes.

Uniform numbers from the bits of Python's Mersenne Twister, scaled by one multiplication each: no transcendental
function, no thread, no library version can change them. Names and layout are those of the hub's checkpoints.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from energy_fixtures.models.tiny import Recipe

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float32]]

WEIGHTS_FILE = "model.safetensors"


def write_weights(recipe: Recipe, folder: Path) -> None:
    """Write the weights of `recipe` into `folder` as one safetensors file, float32."""
    from safetensors.numpy import save_file

    save_file(dict(tensors(recipe)), folder / WEIGHTS_FILE, metadata={"format": "pt"})


def tensors(recipe: Recipe) -> Iterator[tuple[str, Array]]:
    """Name and values of every weight, shapes as in a checkpoint: (outputs, inputs).

    Embedding and head come from streams of their own and every layer from another, so that models with the same seed
    share what they have in common whatever their depth.
    """
    size = _Sizes(recipe)
    hidden, kv, query, inner = size.hidden, size.key_value, size.query, size.inner
    yield "model.embed_tokens.weight", _draw(recipe.seed, "embed", (size.vocabulary, hidden), 1.0)
    yield "lm_head.weight", _draw(recipe.seed, "head", (size.vocabulary, hidden), 4.0 / math.sqrt(hidden))
    yield "model.norm.weight", _ones(hidden)
    for index in range(size.layers):
        layer = f"model.layers.{index}."
        added = 1.0 if index == 0 else recipe.later_layers
        attended = recipe.attention if index == 0 else recipe.later_layers
        yield layer + "input_layernorm.weight", _ones(hidden)
        yield layer + "post_attention_layernorm.weight", _ones(hidden)
        for name, shape, scale in (
            ("self_attn.q_proj", (query, hidden), recipe.sharpness),
            ("self_attn.k_proj", (kv, hidden), 1.0),
            ("self_attn.v_proj", (kv, hidden), 1.0),
            ("self_attn.o_proj", (hidden, query), attended),
        ):
            yield f"{layer}{name}.weight", _draw(recipe.seed, layer + name, shape, scale / math.sqrt(shape[1]))
        if size.experts is None:
            parts = [(f"mlp.{name}_proj", name) for name in ("gate", "up", "down")]
        else:
            moe = "block_sparse_moe."
            yield f"{layer}{moe}gate.weight", _draw(recipe.seed, layer + "router", (size.experts, hidden), hidden**-0.5)
            roles = (("w1", "gate"), ("w3", "up"), ("w2", "down"))
            parts = [(f"{moe}experts.{expert}.{name}", role) for expert in range(size.experts) for name, role in roles]
        for name, role in parts:
            shape = (hidden, inner) if role == "down" else (inner, hidden)
            scale = added if role == "down" else 1.0
            yield f"{layer}{name}.weight", _draw(recipe.seed, layer + name, shape, scale / math.sqrt(shape[1]))


class _Sizes:
    """The numbers of a recipe's configuration that shape its weights."""

    def __init__(self, recipe: Recipe) -> None:
        config: dict[str, int] = json.loads(json.dumps(recipe.config))
        self.vocabulary = config["vocab_size"]
        self.hidden = config["hidden_size"]
        self.layers = config["num_hidden_layers"]
        self.inner = config["intermediate_size"]
        self.query = config["num_attention_heads"] * config["head_dim"]
        self.key_value = config["num_key_value_heads"] * config["head_dim"]
        self.experts: int | None = config.get("num_local_experts")


def _draw(seed: int, stream: str, shape: tuple[int, int], deviation: float) -> Array:
    """Uniform numbers of mean 0 and standard deviation `deviation`, from the stream of that name."""
    import numpy

    # seeding with text hashes it by SHA-512 (version 2 of random.seed), the same on every machine
    raw = random.Random(f"{seed}/{stream}").randbytes(2 * shape[0] * shape[1])
    centred = numpy.frombuffer(raw, dtype="<u2").astype(numpy.float32) - numpy.float32(32767.5)
    step = numpy.float32(deviation * math.sqrt(3.0) / 32767.5)
    values: Array = (centred * step).reshape(shape)
    return values


def _ones(length: int) -> Array:
    import numpy

    return numpy.ones(length, dtype=numpy.float32)
