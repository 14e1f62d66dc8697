"""Architectures made up from a name: any width, depth, heads and experts, for sweeps over what nobody published.

synthetic:l12-h768-a12-kv4-f3072          a Llama: layers, hidden size, attention heads, KV heads, inner width
synthetic:l12-h768-a12-kv4-f3072-e8k2     a Mixtral: eight experts of that inner width, two per token
synthetic:l12-h768-a12-kv4-f3072-v512     with a vocabulary of 512 instead of 32,000
"""

from __future__ import annotations

import re

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.models.shapes import Config

PREFIX = "synthetic:"
DTYPE = "bfloat16"
"""What "auto" means for them."""

VOCABULARY = 32_000
CONTEXT = 32_768

_NAME = re.compile(
    r"synthetic:l(?P<layers>\d{1,4})-h(?P<hidden>\d{1,6})-a(?P<heads>\d{1,4})-kv(?P<kv>\d{1,4})-f(?P<inner>\d{1,7})"
    r"(?:-e(?P<experts>\d{1,4})k(?P<chosen>\d{1,3}))?(?:-v(?P<vocabulary>\d{1,7}))?"
)
_FORM = "synthetic:l12-h768-a12-kv4-f3072, with -e8k2 for experts and -v512 for another vocabulary"


def synthetic(name: str) -> Config:
    """The configuration that a synthetic name describes, as in a config.json.

    Raises:
        ConfigurationError: The name has another form, or no such model can be built.
    """
    found = _NAME.fullmatch(name.strip().lower())
    if found is None:
        raise ConfigurationError(f"{name!r} is no synthetic architecture; write {_FORM}.")
    size = {part: int(text) for part, text in found.groupdict().items() if text is not None}
    vocabulary = size.get("vocabulary", VOCABULARY)
    _check(name, size, vocabulary)
    config: dict[str, object] = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": size["hidden"],
        "intermediate_size": size["inner"],
        "num_hidden_layers": size["layers"],
        "num_attention_heads": size["heads"],
        "num_key_value_heads": size["kv"],
        "head_dim": size["hidden"] // size["heads"],
        "vocab_size": vocabulary,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "attention_bias": False,
        "mlp_bias": False,
        "initializer_range": 0.02,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "torch_dtype": DTYPE,
    }
    if "experts" in size:
        config |= {
            "architectures": ["MixtralForCausalLM"],
            "model_type": "mixtral",
            "num_local_experts": size["experts"],
            "num_experts_per_tok": size["chosen"],
            "sliding_window": None,
            "router_aux_loss_coef": 0.02,
        }
        del config["attention_bias"], config["mlp_bias"]
    return config


def synthetic_name(
    *,
    layers: int,
    hidden: int,
    heads: int,
    kv_heads: int,
    inner: int,
    experts: int = 0,
    chosen: int = 0,
    vocabulary: int = VOCABULARY,
) -> str:
    """The name that `synthetic` reads.

    >>> synthetic_name(layers=2, hidden=128, heads=4, kv_heads=2, inner=256, experts=8, chosen=2)
    'synthetic:l2-h128-a4-kv2-f256-e8k2'
    """
    of_experts = f"-e{experts}k{chosen}" if experts else ""
    of_words = "" if vocabulary == VOCABULARY else f"-v{vocabulary}"
    return f"{PREFIX}l{layers}-h{hidden}-a{heads}-kv{kv_heads}-f{inner}{of_experts}{of_words}"


def _check(name: str, size: dict[str, int], vocabulary: int) -> None:
    """Refuse what no engine builds."""
    rules = (
        (all(value >= 1 for value in size.values()), "every size must be at least 1"),
        (size["hidden"] % max(size["heads"], 1) == 0, "the hidden size must be a multiple of the attention heads"),
        ((size["hidden"] // max(size["heads"], 1)) % 2 == 0, "hidden size over attention heads must be even"),
        (size["heads"] % max(size["kv"], 1) == 0, "the attention heads must be a multiple of the KV heads"),
        (size.get("chosen", 0) <= size.get("experts", 0), "a token visits no more experts than there are"),
        (vocabulary >= 300, "a vocabulary has at least 300 tokens: bytes and special ones"),
    )
    for holds, rule in rules:
        if not holds:
            raise ConfigurationError(f"{name} cannot be built: {rule}.")
