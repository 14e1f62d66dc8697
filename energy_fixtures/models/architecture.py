"""From the content of a config.json to an `Architecture`.

Families differ in names, biases, normalisations and defaults. A table says how; some need a few lines of their own.
Every family is checked against what Transformers builds from the same configuration.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.foreign import MOST_SIZE
from energy_fixtures.models.dimensions import BYTES_PER_PARAMETER, Architecture, Latent, bytes_per_parameter
from energy_fixtures.models.shapes import Config

__all__ = [
    "BYTES_PER_PARAMETER",
    "FAMILIES",
    "Architecture",
    "Latent",
    "architecture",
    "bytes_per_parameter",
    "whole_number",
]

MOST_LAYERS = 100_000
"""No model has so many; the deepest published ones have a thousand."""

Fields = dict[str, Any]
"""Keywords of `Architecture`; it checks them itself."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """What the architectures of one `model_type` add to the common decoder.

    Attributes:
        norms: Normalisations of the hidden size per layer (and one more at the end), 0 where they carry no weights.
        norm_bias: Whether a normalisation has a bias beside its weight.
        qk_norm: Normalisation of queries and keys: of one head, of all heads together, or none.
        qkv_bias, output_bias, mlp_bias: None where the configuration's `attention_bias` or `mlp_bias` decides.
        gated, tied, head_dim, activation: What holds where the configuration does not say.
        experts: Names of the number of experts; empty for a dense family. expert_inner: Of an expert's inner width.
        slides: Which layers look back `sliding_window` tokens only, where `layer_types` does not say.
        names: Names of the usual sizes where they are not the usual ones.
        own: What the table cannot say, given the configuration and what the table said.
    """

    norms: int = 2
    norm_bias: bool = False
    qk_norm: Literal["head", "all"] | None = None
    qkv_bias: bool | None = False
    output_bias: bool | None = False
    mlp_bias: bool | None = False
    gated: bool = True
    tied: bool = False
    head_dim: int | None = None
    activation: str = "silu"
    experts: tuple[str, ...] = ()
    expert_inner: str = "intermediate_size"
    slides: Literal["never", "always", "every other", "five of six", "upper"] = "never"
    names: Mapping[str, str] = field(default_factory=dict)
    own: Callable[[Config, Fields], Fields] | None = None


def architecture(config: Config) -> Architecture:
    """The shape that a config.json describes.

    Args:
        config: Content of a config.json, by today's names or by those of its family (`n_embd` of GPT-2).

    Raises:
        ConfigurationError: The `model_type` is none of `FAMILIES`, or a size is missing or impossible.
    """
    kind = config.get("model_type")
    family = FAMILIES.get(kind) if isinstance(kind, str) else None
    if family is None or not isinstance(kind, str):
        near = difflib.get_close_matches(str(kind)[:100], FAMILIES, n=3, cutoff=0.5) or list(FAMILIES)
        raise ConfigurationError(f"parameters of model_type {kind!r} cannot be counted; give one of {', '.join(near)}.")
    try:
        fields = _usual(config, kind, family)
        return Architecture(**(fields if family.own is None else fields | family.own(config, fields)))
    except ValueError as error:
        raise ConfigurationError(f"the configuration of a {kind} model is impossible: {error}.") from error


def whole_number(config: Config, name: str, default: int | None = None) -> int:
    """The whole number that `config` holds as `name`; `default` where it holds none.

    Raises:
        ConfigurationError: There is neither, or it is something else.
    """
    value = config.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > MOST_SIZE:
        raise ConfigurationError(
            f"a model configuration needs a whole {name} of at most {MOST_SIZE:,}, got {str(value)[:80]!r}; mend its config.json."
        )
    return value


def _usual(config: Config, kind: str, family: Family) -> Fields:
    """What most families say the same way."""

    def size(name: str, default: int | None = None) -> int:
        own = family.names.get(name, name)
        return whole_number(config, own if config.get(own) is not None else name, default)

    hidden, heads, layers = size("hidden_size"), size("num_attention_heads"), size("num_hidden_layers")
    if heads < 1:
        raise ValueError(f"num_attention_heads must be >= 1, got {heads}")
    if layers > MOST_LAYERS:  # some are looked at one by one
        raise ValueError(f"num_hidden_layers must be at most {MOST_LAYERS:,}, got {layers}")
    head = size("head_dim", family.head_dim or hidden // heads)
    key_value = size("num_key_value_heads", heads)
    activation = next(
        (config[name] for name in ("hidden_activation", "hidden_act", "activation_function") if config.get(name)),
        family.activation,
    )
    fields: Fields = {
        "model_type": kind,
        "layers": layers,
        "hidden_size": hidden,
        "intermediate_size": size("intermediate_size", None if family.gated else 4 * hidden),
        "attention_heads": heads,
        "kv_heads": key_value,
        "head_dim": head,
        "vocab_size": size("vocab_size"),
        "activation": str(activation),
        "gated_mlp": family.gated,
        "tied_embeddings": bool(config.get("tie_word_embeddings", family.tied)),
        "qkv_bias": bool(config.get("attention_bias")) if family.qkv_bias is None else family.qkv_bias,
        "output_bias": bool(config.get("attention_bias")) if family.output_bias is None else family.output_bias,
        "mlp_bias": bool(config.get("mlp_bias")) if family.mlp_bias is None else family.mlp_bias,
    }
    norm = hidden * (2 if family.norm_bias else 1)
    of_heads = {None: 0, "head": 2 * head, "all": (heads + key_value) * head}[family.qk_norm]
    fields["norm_parameters_per_layer"] = family.norms * norm + of_heads
    fields["final_norm_parameters"] = norm if family.norms else 0
    if family.experts:
        fields |= _experts(config, family, layers)
    return fields | _window(config, family, layers)


def _experts(config: Config, family: Family, layers: int) -> Fields:
    """Sizes of the mixture, and how many layers do without it (`mlp_only_layers`, `decoder_sparse_step`)."""
    name = next((name for name in family.experts if config.get(name) is not None), family.experts[0])
    step = whole_number(config, "decoder_sparse_step", 1)
    listed = config.get("mlp_only_layers")
    dense_ones = {index for index in listed if isinstance(index, int)} if isinstance(listed, list | tuple) else set()
    return {
        "experts": whole_number(config, name),
        "experts_per_token": whole_number(config, "num_experts_per_tok"),
        "expert_intermediate_size": whole_number(config, family.expert_inner),
        "dense_layers": sum(index in dense_ones or (index + 1) % max(step, 1) != 0 for index in range(layers)),
    }


def _window(config: Config, family: Family, layers: int) -> Fields:
    """Which layers slide: as `layer_types` says, else as the family does."""
    window = config.get("sliding_window")
    if not isinstance(window, int) or isinstance(window, bool) or window < 1 or family.slides == "never":
        return {}
    said = config.get("layer_types")
    if isinstance(said, list | tuple):
        sliding = sum(kind == "sliding_attention" for kind in said)
    elif family.slides == "upper":
        sliding = max(layers - whole_number(config, "max_window_layers", layers), 0)
        sliding = sliding if config.get("use_sliding_window") else 0
    else:
        pattern = whole_number(config, "sliding_window_pattern", 6)
        full = {"always": 0, "every other": layers // 2, "five of six": layers // max(pattern, 1)}[family.slides]
        sliding = layers - full
    return {"sliding_window": window, "sliding_layers": sliding} if sliding else {}


# -- families of their own ---------------------------------------------------------------------------------------------


def _shared_expert(config: Config, known: Fields) -> Fields:
    bias = bool(config.get("qkv_bias", True))
    inner = whole_number(config, "shared_expert_intermediate_size")
    return {"qkv_bias": bias, "shared_expert_intermediate_size": inner, "shared_expert_gate": True}


def _deepseek(config: Config, known: Fields) -> Fields:
    rank = config.get("q_lora_rank")
    latent = Latent(
        query_rank=None if rank is None else whole_number(config, "q_lora_rank"),
        kv_rank=whole_number(config, "kv_lora_rank"),
        plain_dim=whole_number(config, "qk_nope_head_dim"),
        rope_dim=whole_number(config, "qk_rope_head_dim"),
        value_dim=whole_number(config, "v_head_dim"),
    )
    shared = whole_number(config, "n_shared_experts", 0) * whole_number(config, "moe_intermediate_size")
    return {
        "latent": latent,
        "head_dim": latent.key_dim,
        "shared_expert_intermediate_size": shared,
        "dense_layers": min(whole_number(config, "first_k_dense_replace", 0), known["layers"]),
        "norm_parameters_per_layer": 2 * known["hidden_size"] + (latent.query_rank or 0) + latent.kv_rank,
    }


def _gpt_oss(config: Config, known: Fields) -> Fields:
    """An attention sink per head counts among the normalisations."""
    sinks = known["attention_heads"]
    return {"expert_bias": True, "norm_parameters_per_layer": known["norm_parameters_per_layer"] + sinks}


def _phi(config: Config, known: Fields) -> Fields:
    of_heads = 4 * known["head_dim"] if config.get("qk_layernorm") else 0
    return {"head_bias": True, "norm_parameters_per_layer": known["norm_parameters_per_layer"] + of_heads}


def _phimoe(config: Config, known: Fields) -> Fields:
    return {"head_bias": bool(config.get("lm_head_bias"))}


def _opt(config: Config, known: Fields) -> Fields:
    hidden, width = known["hidden_size"], whole_number(config, "word_embed_proj_dim", known["hidden_size"])
    bias = bool(config.get("enable_bias", True))
    last = config.get("do_layer_norm_before", True) and not config.get("_remove_final_layer_norm")
    return {
        **dict.fromkeys(("qkv_bias", "output_bias", "mlp_bias"), bias),
        "embedding_size": None if width == hidden else width,
        "position_rows": whole_number(config, "max_position_embeddings") + 2,  # OPT keeps two rows in front
        "final_norm_parameters": 2 * hidden if last else 0,
    }


def _gpt2(config: Config, known: Fields) -> Fields:
    rows = "n_positions" if config.get("n_positions") is not None else "max_position_embeddings"
    return {"position_rows": whole_number(config, rows)}


def _gpt_neox(config: Config, known: Fields) -> Fields:
    bias = bool(config.get("attention_bias", True))
    return {"kv_heads": known["attention_heads"], "qkv_bias": bias, "output_bias": bias}


def _bloom(config: Config, known: Fields) -> Fields:
    """It normalises its embeddings too."""
    return {"final_norm_parameters": 4 * known["hidden_size"]}


def _falcon(config: Config, known: Fields) -> Fields:
    hidden, heads = known["hidden_size"], known["attention_heads"]
    new = bool(config.get("new_decoder_architecture"))
    parallel = 1 if config.get("parallel_attn", True) else 2
    norms = whole_number(config, "num_ln_in_parallel_attn", 2) if new else parallel
    key_value = heads if not config.get("multi_query", True) else 1
    return {
        **dict.fromkeys(("qkv_bias", "output_bias", "mlp_bias"), bool(config.get("bias", False))),
        "kv_heads": whole_number(config, "num_kv_heads", heads) if new else key_value,
        "intermediate_size": whole_number(config, "ffn_hidden_size", 4 * hidden),
        "norm_parameters_per_layer": norms * 2 * hidden,
    }


_LLAMA = Family(qkv_bias=None, output_bias=None, mlp_bias=None)
_QWEN2 = Family(qkv_bias=True, slides="upper")
_QWEN3 = Family(qkv_bias=None, output_bias=None, qk_norm="head", head_dim=128, slides="upper")
_GEMMA = Family(qkv_bias=None, output_bias=None, tied=True, head_dim=256, activation="gelu_pytorch_tanh")
_DEEPSEEK = Family(
    qkv_bias=None, output_bias=None, experts=("n_routed_experts",), expert_inner="moe_intermediate_size", own=_deepseek
)
_BIASED = Family(norm_bias=True, qkv_bias=True, output_bias=True, mlp_bias=True, gated=False, activation="gelu")
_GPT2_NAMES = {
    "hidden_size": "n_embd",
    "num_hidden_layers": "n_layer",
    "num_attention_heads": "n_head",
    "intermediate_size": "n_inner",
}

FAMILIES: Mapping[str, Family] = {
    "llama": _LLAMA,
    "granite": _LLAMA,
    "mistral": Family(slides="always"),
    "mixtral": Family(experts=("num_local_experts", "num_experts"), slides="always"),
    "qwen2": _QWEN2,
    "qwen2_moe": replace(
        _QWEN2, experts=("num_experts", "num_local_experts"), expert_inner="moe_intermediate_size", own=_shared_expert
    ),
    "qwen3": _QWEN3,
    "qwen3_moe": replace(
        _QWEN3, head_dim=None, experts=("num_experts", "num_local_experts"), expert_inner="moe_intermediate_size"
    ),
    "gemma": _GEMMA,
    "gemma2": replace(_GEMMA, norms=4, slides="every other"),
    "gemma3_text": replace(_GEMMA, norms=4, qk_norm="head", slides="five of six"),
    "olmo": Family(norms=0, qkv_bias=None, output_bias=None),
    "olmo2": Family(qkv_bias=None, output_bias=None, qk_norm="all"),
    "olmoe": Family(qkv_bias=None, output_bias=None, qk_norm="all", experts=("num_experts", "num_local_experts")),
    "phi": replace(_BIASED, norms=1, activation="gelu_new", own=_phi),
    "phi3": Family(slides="always"),
    "phimoe": Family(
        norm_bias=True,
        qkv_bias=None,
        output_bias=None,
        experts=("num_local_experts",),
        slides="always",
        own=_phimoe,
    ),
    "gpt_oss": Family(
        qkv_bias=True, output_bias=True, head_dim=64, experts=("num_local_experts",), slides="every other", own=_gpt_oss
    ),
    "deepseek_v2": replace(_DEEPSEEK, mlp_bias=None),
    "deepseek_v3": _DEEPSEEK,
    "opt": replace(_BIASED, tied=True, activation="relu", names={"intermediate_size": "ffn_dim"}, own=_opt),
    "gpt2": replace(_BIASED, tied=True, activation="gelu_new", names=_GPT2_NAMES, own=_gpt2),
    "gpt_neox": replace(_BIASED, own=_gpt_neox),
    "bloom": replace(
        _BIASED, tied=True, names={"num_hidden_layers": "n_layer", "num_attention_heads": "n_head"}, own=_bloom
    ),
    "falcon": replace(_BIASED, tied=True, own=_falcon),
}
"""Families by `model_type`."""
