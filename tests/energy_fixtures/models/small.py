"""Small configurations of every family of models, for tests that build them."""

from __future__ import annotations

from energy_fixtures.models.shapes import Config

# One small model of each family, and of each way in which a family can be built differently.
_SMALL: Config = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 128,
}
_EXPERTS: Config = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 48}
_MLA: Config = {
    **_SMALL,
    "num_key_value_heads": 4,
    "q_lora_rank": 24,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 4,
    "v_head_dim": 12,
    "n_routed_experts": 8,
    "n_shared_experts": 2,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 20,
    "first_k_dense_replace": 1,
}
_PLAIN: Config = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 128}
_OPT: Config = {**_PLAIN, "ffn_dim": 96, "max_position_embeddings": 50, "word_embed_proj_dim": 64}
SMALL: dict[str, Config] = {
    "llama": {**_SMALL, "model_type": "llama", "attention_bias": True, "mlp_bias": True},
    "llama tied": {**_SMALL, "model_type": "llama", "tie_word_embeddings": True},
    "granite": {**_SMALL, "model_type": "granite"},
    "mistral": {**_SMALL, "model_type": "mistral"},
    "mixtral": {**_SMALL, "model_type": "mixtral", "num_local_experts": 4, "num_experts_per_tok": 2},
    "qwen2": {**_SMALL, "model_type": "qwen2"},
    "qwen2_moe": {**_SMALL, **_EXPERTS, "model_type": "qwen2_moe", "shared_expert_intermediate_size": 80},
    "qwen3": {**_SMALL, "model_type": "qwen3", "head_dim": 32},
    "qwen3_moe": {**_SMALL, **_EXPERTS, "model_type": "qwen3_moe", "head_dim": 32, "norm_topk_prob": True},
    "qwen3_moe partly dense": {
        **_SMALL,
        **_EXPERTS,
        "model_type": "qwen3_moe",
        "head_dim": 32,
        "num_hidden_layers": 5,
        "decoder_sparse_step": 2,
        "mlp_only_layers": [1],
    },
    "gemma": {**_SMALL, "model_type": "gemma", "head_dim": 32},
    "gemma2": {**_SMALL, "model_type": "gemma2", "head_dim": 32},
    "gemma3_text": {**_SMALL, "model_type": "gemma3_text", "head_dim": 32},
    "olmo": {**_SMALL, "model_type": "olmo", "attention_bias": True},
    "olmo2": {**_SMALL, "model_type": "olmo2"},
    "olmoe": {**_SMALL, **_EXPERTS, "model_type": "olmoe"},
    "phi": {**_SMALL, "model_type": "phi", "qk_layernorm": True},
    "phi3": {**_SMALL, "model_type": "phi3", "pad_token_id": 0},
    "phimoe": {
        **_SMALL,
        "model_type": "phimoe",
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "attention_bias": True,
        "lm_head_bias": True,
    },
    "gpt_oss": {
        **_SMALL,
        "model_type": "gpt_oss",
        "head_dim": 32,
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
    },
    "deepseek_v2": {**_MLA, "model_type": "deepseek_v2"},
    "deepseek_v2 lite": {**_MLA, "model_type": "deepseek_v2", "q_lora_rank": None, "attention_bias": True},
    "deepseek_v3": {**_MLA, "model_type": "deepseek_v3", "n_group": 2, "topk_group": 1},
    "opt": {**_OPT, "model_type": "opt"},
    "opt with a narrow embedding": {
        **_OPT,
        "model_type": "opt",
        "word_embed_proj_dim": 32,
        "do_layer_norm_before": False,
    },
    "gpt2": {
        "model_type": "gpt2",
        "n_embd": 64,
        "n_layer": 2,
        "n_head": 4,
        "vocab_size": 128,
        "n_positions": 50,
        "n_inner": None,
    },
    "gpt_neox": {**_SMALL, "model_type": "gpt_neox"},
    "gpt_neox without biases": {**_SMALL, "model_type": "gpt_neox", "attention_bias": False},
    "bloom": {"model_type": "bloom", "hidden_size": 64, "n_layer": 2, "n_head": 4, "vocab_size": 128},
    "falcon": {**_PLAIN, "model_type": "falcon", "multi_query": True},
    "falcon of many heads": {
        **_PLAIN,
        "model_type": "falcon",
        "multi_query": False,
        "parallel_attn": False,
        "bias": True,
    },
    "falcon of groups": {
        **_PLAIN,
        "model_type": "falcon",
        "new_decoder_architecture": True,
        "num_kv_heads": 2,
        "bias": True,
    },
}
