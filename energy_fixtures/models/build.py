"""Weights of the built models, drawn so that every machine draws the same bytes.

Uniform numbers from the bits of Python's Mersenne Twister, scaled by one multiplication each: no transcendental
function, no thread, no library version can change them. Names and layout are those of the hub's checkpoints.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from energy_fixtures.models.architecture import whole_number
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

    Every weight comes from a stream of its own, named after it: models of one seed share what they have in common,
    whatever their depth.
    """
    for name, shape, deviation in _layout(recipe):
        yield name, _ones(shape[0]) if deviation is None else _draw(f"{recipe.seed}/{name}", shape, deviation)


def _layout(recipe: Recipe) -> Iterator[tuple[str, tuple[int, ...], float | None]]:
    """Name, shape and standard deviation of every weight; None for a normalisation, which is all ones."""
    config = recipe.config
    hidden, inner, rows, heads, head = (
        whole_number(config, name)
        for name in ("hidden_size", "intermediate_size", "vocab_size", "num_attention_heads", "head_dim")
    )
    query, key_value = heads * head, whole_number(config, "num_key_value_heads") * head
    from_hidden, from_query, from_inner = hidden**-0.5, query**-0.5, inner**-0.5  # keep the variance of their input

    yield "model.embed_tokens.weight", (rows, hidden), 1.0
    yield "lm_head.weight", (rows, hidden), recipe.liveliness * from_hidden
    yield "model.norm.weight", (hidden,), None
    for index in range(whole_number(config, "num_hidden_layers")):
        layer = f"model.layers.{index}."
        added = 1.0 if index == 0 else recipe.later_layers
        attended = recipe.attention if index == 0 else recipe.later_layers
        yield f"{layer}input_layernorm.weight", (hidden,), None
        yield f"{layer}post_attention_layernorm.weight", (hidden,), None
        yield f"{layer}self_attn.q_proj.weight", (query, hidden), recipe.sharpness * from_hidden
        yield f"{layer}self_attn.k_proj.weight", (key_value, hidden), from_hidden
        yield f"{layer}self_attn.v_proj.weight", (key_value, hidden), from_hidden
        yield f"{layer}self_attn.o_proj.weight", (hidden, query), attended * from_query
        experts = whole_number(config, "num_local_experts", 0)
        if not experts:
            yield f"{layer}mlp.gate_proj.weight", (inner, hidden), from_hidden
            yield f"{layer}mlp.up_proj.weight", (inner, hidden), from_hidden
            yield f"{layer}mlp.down_proj.weight", (hidden, inner), added * from_inner
            continue
        moe = f"{layer}block_sparse_moe."
        yield f"{moe}gate.weight", (experts, hidden), from_hidden
        for expert in range(experts):
            yield f"{moe}experts.{expert}.w1.weight", (inner, hidden), from_hidden
            yield f"{moe}experts.{expert}.w3.weight", (inner, hidden), from_hidden
            yield f"{moe}experts.{expert}.w2.weight", (hidden, inner), added * from_inner


def _draw(stream: str, shape: tuple[int, ...], deviation: float) -> Array:
    """Uniform numbers of mean 0 and standard deviation `deviation`, from the stream of that name."""
    import numpy

    # seeding with text hashes it by SHA-512 (version 2 of random.seed), the same on every machine
    raw = random.Random(stream).randbytes(2 * math.prod(shape))
    centred = numpy.frombuffer(raw, dtype="<u2").astype(numpy.float32) - numpy.float32(32767.5)
    step = numpy.float32(deviation * math.sqrt(3.0) / 32767.5)
    values: Array = (centred * step).reshape(shape)
    return values


def _ones(length: int) -> Array:
    import numpy

    return numpy.ones(length, dtype=numpy.float32)
