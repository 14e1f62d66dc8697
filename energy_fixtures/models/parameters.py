"""How many parameters a decoder-only transformer has, in closed form from its configuration."""

from __future__ import annotations

from dataclasses import dataclass

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.models.shapes import Config

BYTES_PER_PARAMETER: dict[str, float] = {
    "float32": 4,
    "bfloat16": 2,
    "float16": 2,
    "fp8": 1,
    "int8": 1,
    "int4": 0.5,
}
"""Bytes of one weight by dtype, scales and zero points left out."""


@dataclass(frozen=True)
class _Family:
    """What the architectures of one `model_type` add to the common decoder.

    `norms` counts normalisation vectors of the hidden size per layer (and one more at the end), 0 where they carry no
    weights. `qkv_bias` None means that the configuration's `attention_bias` decides, for all four projections.
    """

    norms: int = 2
    qkv_bias: bool | None = None
    qk_norm: bool = False
    experts: str | None = None
    tied: bool = False


_FAMILIES: dict[str, _Family] = {
    "llama": _Family(),
    "mistral": _Family(qkv_bias=False),
    "qwen2": _Family(qkv_bias=True),
    "gemma": _Family(tied=True),
    "olmo": _Family(norms=0),
    "olmoe": _Family(qk_norm=True, experts="num_experts"),
    "mixtral": _Family(qkv_bias=False, experts="num_local_experts"),
}


def parameter_count(config: Config, *, active: bool = False) -> int:
    """Number of parameters; tied embeddings are counted once.

    Args:
        config: Content of a config.json.
        active: Count only the experts that one token visits (`num_experts_per_tok`), not all of them.

    Raises:
        ConfigurationError: The `model_type` is none of the known families, or a size is missing.
    """
    kind = config.get("model_type")
    family = _FAMILIES.get(kind) if isinstance(kind, str) else None
    if family is None:
        known = ", ".join(_FAMILIES)
        raise ConfigurationError(f"parameters of model_type {kind!r} cannot be counted; give one of {known}.")
    hidden, heads = whole_number(config, "hidden_size"), whole_number(config, "num_attention_heads")
    head = whole_number(config, "head_dim", hidden // heads)
    query, key_value = heads * head, whole_number(config, "num_key_value_heads", heads) * head

    attention = hidden * (query + 2 * key_value) + query * hidden
    if family.qkv_bias is None and config.get("attention_bias"):
        attention += query + 2 * key_value + hidden
    if family.qkv_bias:
        attention += query + 2 * key_value
    if family.qk_norm:
        attention += query + key_value

    inner = whole_number(config, "intermediate_size")
    feed_forward = 3 * hidden * inner
    if config.get("mlp_bias"):
        feed_forward += 2 * inner + hidden
    if family.experts is not None:
        experts = whole_number(config, family.experts)
        visited = whole_number(config, "num_experts_per_tok") if active else experts
        feed_forward = visited * feed_forward + experts * hidden  # the router sees every token

    layer = attention + feed_forward + family.norms * hidden
    embedding = whole_number(config, "vocab_size") * hidden
    tied = config.get("tie_word_embeddings", family.tied)
    final_norm = hidden if family.norms else 0
    return whole_number(config, "num_hidden_layers") * layer + embedding * (1 if tied else 2) + final_norm


def whole_number(config: Config, name: str, default: int | None = None) -> int:
    """The whole number that `config` holds as `name`; `default` where it holds none.

    Raises:
        ConfigurationError: There is neither, or it is something else.
    """
    value = config.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigurationError(f"a model configuration needs a whole {name}, got {value!r}; mend its config.json.")
    return value
