"""Real architectures by configuration: what decides the energy of a model, without its weights.

Each configuration is the content of the `config.json` that its publisher put beside the weights, as far as it decides
shape, arithmetic or special tokens. Published counts are those of the weights on the hub page named as `hub`
(what the page shows under "Model size", to the parameter).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Config = Mapping[str, object]


@dataclass(frozen=True)
class Shape:
    """One published architecture.

    Attributes:
        config: Content of its config.json.
        hub: Where it was published.
        dtype: What "auto" means for it: what it is served in (OLMo is published in float32, and served in bfloat16).
        parameters: The published number of parameters.
        draft: Shape of the same vocabulary that is its natural draft model, where there is one.
        moe: Its mixture-of-experts sibling: about the same active parameters, or the same block with more experts.
    """

    config: Config
    hub: str
    dtype: str
    parameters: int
    draft: str | None = None
    moe: str | None = None


def _rope_llama3(factor: float) -> Config:
    return {
        "rope_type": "llama3",
        "factor": factor,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }


_LLAMA_31_8B: Config = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-5,
    "rope_theta": 500000.0,
    "rope_scaling": _rope_llama3(8.0),
    "hidden_act": "silu",
    "tie_word_embeddings": False,
    "attention_bias": False,
    "mlp_bias": False,
    "initializer_range": 0.02,
    "bos_token_id": 128000,
    "eos_token_id": 128001,
    "torch_dtype": "bfloat16",
}

_LLAMA_31_70B: Config = {
    **_LLAMA_31_8B,
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "num_hidden_layers": 80,
    "num_attention_heads": 64,
}

_LLAMA_32_1B: Config = {
    **_LLAMA_31_8B,
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 16,
    "head_dim": 64,
    "rope_scaling": _rope_llama3(32.0),
    "tie_word_embeddings": True,
}

_LLAMA_32_3B: Config = {
    **_LLAMA_32_1B,
    "hidden_size": 3072,
    "num_hidden_layers": 28,
    "num_attention_heads": 24,
    "head_dim": 128,
}

_QWEN25_7B: Config = {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "vocab_size": 152064,
    "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1000000.0,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
    "use_sliding_window": False,
    "initializer_range": 0.02,
    "bos_token_id": 151643,
    "eos_token_id": 151643,
    "torch_dtype": "bfloat16",
}

_QWEN25_14B: Config = {
    **_QWEN25_7B,
    "hidden_size": 5120,
    "intermediate_size": 13824,
    "num_hidden_layers": 48,
    "num_attention_heads": 40,
    "num_key_value_heads": 8,
    "rms_norm_eps": 1e-5,
}

_QWEN25_05B: Config = {
    **_QWEN25_7B,
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "vocab_size": 151936,
    "max_position_embeddings": 32768,
    "tie_word_embeddings": True,
}

_QWEN25_3B: Config = {
    **_QWEN25_05B,
    "hidden_size": 2048,
    "intermediate_size": 11008,
    "num_hidden_layers": 36,
    "num_attention_heads": 16,
}

_MISTRAL_7B: Config = {  # v0.1
    "architectures": ["MistralForCausalLM"],
    "model_type": "mistral",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 32000,
    "max_position_embeddings": 32768,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "sliding_window": 4096,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
    "initializer_range": 0.02,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "torch_dtype": "bfloat16",
}

_MIXTRAL_8X7B: Config = {
    **_MISTRAL_7B,
    "architectures": ["MixtralForCausalLM"],
    "model_type": "mixtral",
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
    "rope_theta": 1000000.0,
    "sliding_window": None,
    "router_aux_loss_coef": 0.02,
}

_OLMO_1B: Config = {
    "architectures": ["OlmoForCausalLM"],
    "model_type": "olmo",
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 16,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
    "vocab_size": 50304,
    "max_position_embeddings": 2048,
    "rope_theta": 10000.0,
    "hidden_act": "silu",
    "tie_word_embeddings": True,
    "attention_bias": False,
    "clip_qkv": None,
    "initializer_range": 0.02,
    "eos_token_id": 50279,
    "pad_token_id": 1,
    "torch_dtype": "float32",
}

_OLMO_7B: Config = {
    **_OLMO_1B,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "tie_word_embeddings": False,
}

_OLMOE_1B_7B: Config = {
    **_OLMO_1B,
    "architectures": ["OlmoeForCausalLM"],
    "model_type": "olmoe",
    "intermediate_size": 1024,
    "num_experts": 64,
    "num_experts_per_tok": 8,
    "norm_topk_prob": False,
    "router_aux_loss_coef": 0.01,
    "rms_norm_eps": 1e-5,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}

_GEMMA_2B: Config = {
    "architectures": ["GemmaForCausalLM"],
    "model_type": "gemma",
    "hidden_size": 2048,
    "intermediate_size": 16384,
    "num_hidden_layers": 18,
    "num_attention_heads": 8,
    "num_key_value_heads": 1,
    "head_dim": 256,
    "vocab_size": 256000,
    "max_position_embeddings": 8192,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "hidden_act": "gelu_pytorch_tanh",
    "hidden_activation": "gelu_pytorch_tanh",
    "attention_bias": False,
    "initializer_range": 0.02,
    "bos_token_id": 2,
    "eos_token_id": 1,
    "pad_token_id": 0,
    "torch_dtype": "bfloat16",
}

_BF16 = "bfloat16"
_LLAMA_DRAFT = "llama-3.2-1b"
# Qwen pads its embedding to 151,936 rows below 7B and to 152,064 above; one tokenizer, but vLLM and Transformers
# both refuse a draft whose vocabulary size differs, so the draft is the 0.5B with the rows of the large ones.
_QWEN_DRAFT = "qwen2.5-0.5b-padded"

SHAPES: dict[str, Shape] = {
    "llama-3.1-8b": Shape(_LLAMA_31_8B, "meta-llama/Llama-3.1-8B", _BF16, 8_030_261_248, draft=_LLAMA_DRAFT),
    "llama-3.1-70b": Shape(_LLAMA_31_70B, "meta-llama/Llama-3.1-70B", _BF16, 70_553_706_496, draft=_LLAMA_DRAFT),
    "llama-3.2-1b": Shape(_LLAMA_32_1B, "meta-llama/Llama-3.2-1B", _BF16, 1_235_814_400),
    "llama-3.2-3b": Shape(_LLAMA_32_3B, "meta-llama/Llama-3.2-3B", _BF16, 3_212_749_824, draft=_LLAMA_DRAFT),
    "qwen2.5-0.5b": Shape(_QWEN25_05B, "Qwen/Qwen2.5-0.5B", _BF16, 494_032_768),
    "qwen2.5-3b": Shape(_QWEN25_3B, "Qwen/Qwen2.5-3B", _BF16, 3_085_938_688, draft="qwen2.5-0.5b"),
    "qwen2.5-7b": Shape(_QWEN25_7B, "Qwen/Qwen2.5-7B", _BF16, 7_615_616_512, draft=_QWEN_DRAFT),
    "qwen2.5-14b": Shape(_QWEN25_14B, "Qwen/Qwen2.5-14B", _BF16, 14_770_033_664, draft=_QWEN_DRAFT),
    _QWEN_DRAFT: Shape(
        {**_QWEN25_05B, "vocab_size": 152064},
        "Qwen/Qwen2.5-0.5B",
        _BF16,
        494_032_768 + (152064 - 151936) * 896,  # not published: the rows added to the published count
    ),
    "mistral-7b": Shape(_MISTRAL_7B, "mistralai/Mistral-7B-v0.1", _BF16, 7_241_732_096, moe="mixtral-8x7b"),
    "mixtral-8x7b": Shape(_MIXTRAL_8X7B, "mistralai/Mixtral-8x7B-v0.1", _BF16, 46_702_792_704),
    "olmo-1b": Shape(_OLMO_1B, "allenai/OLMo-1B-hf", _BF16, 1_176_764_416, moe="olmoe-1b-7b"),
    "olmo-7b": Shape(_OLMO_7B, "allenai/OLMo-7B-hf", _BF16, 6_888_095_744, draft="olmo-1b"),
    "olmoe-1b-7b": Shape(_OLMOE_1B_7B, "allenai/OLMoE-1B-7B-0924", _BF16, 6_919_161_856),
    "gemma-2b": Shape(_GEMMA_2B, "google/gemma-2b", _BF16, 2_506_172_416),
}
"""Shapes by name, as typed after `shape:`."""
