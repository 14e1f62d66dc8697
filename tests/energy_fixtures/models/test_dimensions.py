"""What follows from a model's dimensions: parts of its parameters, bytes of weights and cache."""

from __future__ import annotations

import msgspec
import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.models.architecture import Architecture, Latent, architecture
from energy_fixtures.models.shapes import SHAPES
from tests.energy_fixtures.models.small import SMALL

LLAMA = architecture(SHAPES["llama-3.1-8b"].config)
MIXTRAL = architecture(SHAPES["mixtral-8x7b"].config)


@pytest.mark.parametrize("name", SMALL)
def test_parts_add_up(name: str) -> None:
    """Embedding, head, attention, feed-forward, routers and normalisations are all there is."""
    shape = architecture(SMALL[name])
    parts = (
        shape.embedding_parameters,
        shape.head_parameters,
        shape.attention_parameters,
        shape.ffn_parameters,
        shape.router_parameters,
        shape.norm_parameters,
    )
    assert min(parts) >= 0 and sum(parts) == shape.parameters


def test_a_known_model_in_parts() -> None:
    """Llama-3.1-8B by hand: 41.9 M of attention in each layer, 128 KiB of cache for each token at 16 bits."""
    assert LLAMA.attention_parameters_per_layer == 4096 * (4096 + 2 * 1024) + 4096 * 4096
    assert LLAMA.dense_ffn_parameters == 3 * 4096 * 14336
    assert LLAMA.embedding_parameters == LLAMA.head_parameters == 128256 * 4096
    assert LLAMA.kv_bytes_per_token(2) == 32 * 2 * 8 * 128 * 2 == 128 * 1024
    assert LLAMA.weight_bytes("bfloat16") == 2 * 8_030_261_248
    assert LLAMA.weight_bytes("int4") == 8_030_261_248 / 2


def test_a_mixture_of_experts_in_parts() -> None:
    """Mixtral has eight experts in each layer and visits two of them; the router sees every token."""
    assert MIXTRAL.expert_parameters == 3 * 4096 * 14336
    assert MIXTRAL.ffn_parameters == 32 * 8 * MIXTRAL.expert_parameters
    assert MIXTRAL.parameters - MIXTRAL.active_parameters == 32 * 6 * MIXTRAL.expert_parameters
    assert MIXTRAL.router_parameters == 32 * 8 * 4096
    assert LLAMA.router_parameters == LLAMA.expert_parameters == LLAMA.shared_expert_parameters == 0


def test_latent_attention_keeps_little() -> None:
    """DeepSeek-V2 keeps 512 + 64 numbers of a token in each layer, whatever its heads."""
    shape = architecture({**SMALL["deepseek_v2"], "kv_lora_rank": 512, "qk_rope_head_dim": 64})
    assert shape.kv_bytes_per_token(2) == 3 * (512 + 64) * 2


def test_a_window_bounds_the_cache() -> None:
    """Sliding layers keep their window, the others everything."""
    gemma = architecture({**SMALL["gemma2"], "sliding_window": 100})  # two of three layers slide
    row = 2 * 2 * 32 * 2  # keys and values of two heads of 32 numbers, 16 bits
    assert gemma.kv_bytes(50, 2) == 3 * 50 * row
    assert gemma.kv_bytes(1000, 2) == (1000 + 2 * 100) * row
    assert LLAMA.kv_bytes(1000, 2) == 1000 * LLAMA.kv_bytes_per_token(2)


def test_an_unknown_dtype_is_refused() -> None:
    """Bytes of a number format that nobody knows are not guessed."""
    with pytest.raises(ConfigurationError, match="unknown dtype 'float64'; use one of float32"):
        LLAMA.weight_bytes("float64")


@pytest.mark.parametrize("change", [{"layers": 0}, {"kv_heads": -1}, {"dense_layers": 33}, {"sliding_layers": 33}])
def test_impossible_dimensions_cannot_be_made(change: dict[str, int]) -> None:
    """A record that exists is valid, from code and from JSON alike."""
    with pytest.raises(ValueError, match=next(iter(change))):
        msgspec.structs.replace(LLAMA, **change)
    with pytest.raises(msgspec.ValidationError, match=next(iter(change))):
        msgspec.convert({**msgspec.to_builtins(LLAMA), **change}, Architecture)


def test_a_latent_vector_has_a_length() -> None:
    """Latent attention without a latent vector is refused."""
    with pytest.raises(ValueError, match="kv_rank must be >= 1, got 0"):
        Latent(query_rank=None, kv_rank=0, plain_dim=1, rope_dim=1, value_dim=1)


@pytest.mark.parametrize("name", SMALL)
def test_a_shape_survives_a_file(name: str) -> None:
    """A shape written to JSON and read again is the same shape."""
    shape = architecture(SMALL[name])
    assert msgspec.json.decode(msgspec.json.encode(shape), type=Architecture) == shape
