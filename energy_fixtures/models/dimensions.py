"""The dimensions of a decoder-only transformer, and what follows from them: parameters, bytes of weights and KV cache.

Everything here is arithmetic on whole numbers. How a config.json becomes an `Architecture` stands in `architecture`.
"""

from __future__ import annotations

from typing import Literal

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.record import Record, need

BYTES_PER_PARAMETER: dict[str, float] = {
    "float32": 4,
    "bfloat16": 2,
    "float16": 2,
    "fp8": 1,
    "int8": 1,
    "int4": 0.5,
}
"""Bytes of one weight by dtype, scales and zero points left out."""


class Latent(Record, frozen=True, kw_only=True):
    """Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434): keys and values are kept as one short vector.

    `query_rank` is None where queries are not compressed. A head's key has `plain_dim` numbers of its own and
    `rope_dim` shared by all heads; its value has `value_dim`.
    """

    query_rank: int | None
    kv_rank: int
    plain_dim: int
    rope_dim: int
    value_dim: int

    def __post_init__(self) -> None:
        for name in ("kv_rank", "plain_dim", "rope_dim", "value_dim"):
            need(getattr(self, name) >= 1, f"{name} must be >= 1", getattr(self, name))

    @property
    def key_dim(self) -> int:
        """Numbers of one head's query and key."""
        return self.plain_dim + self.rope_dim


class Architecture(Record, frozen=True, kw_only=True):
    """The shape of a decoder-only language model. Sizes count numbers, not bytes.

    Attributes:
        model_type: As the configuration says it: `llama`, `deepseek_v3`.
        layers: Decoder layers.
        hidden_size, intermediate_size, vocab_size: Width, inner width of a dense feed-forward, rows of the embedding.
        attention_heads, kv_heads, head_dim: Of one layer; with `latent` these three do not decide the projections.
        activation: Of the feed-forward. gated_mlp: Whether it has a gate beside its first projection.
        tied_embeddings: Whether the output head is the input embedding.
        experts, experts_per_token: Of one mixture-of-experts layer; 0 for a dense model.
        expert_intermediate_size: Inner width of one expert.
        shared_expert_intermediate_size: Inner width of the experts that every token visits, together; 0 without.
        shared_expert_gate: Whether one more row weighs the shared experts (Qwen2-MoE).
        dense_layers: Of a mixture of experts, the layers that have a dense feed-forward instead.
        latent: Multi-head latent attention, None for the usual one.
        sliding_window: Tokens that a sliding layer looks back, None without. sliding_layers: How many layers slide.
        qkv_bias, output_bias, mlp_bias, expert_bias, head_bias: Where projections have biases.
        position_rows: Rows of a learnt position embedding, 0 for rotary and the like.
        embedding_size: Width of the embedding where it is not the model's (OPT-350M), with a projection in and out.
        norm_parameters_per_layer: Normalisations of one layer, those of queries and keys and attention sinks included.
        final_norm_parameters: Normalisations outside the layers.
    """

    model_type: str
    layers: int
    hidden_size: int
    intermediate_size: int
    attention_heads: int
    kv_heads: int
    head_dim: int
    vocab_size: int
    activation: str = "silu"
    gated_mlp: bool = True
    tied_embeddings: bool = False
    experts: int = 0
    experts_per_token: int = 0
    expert_intermediate_size: int = 0
    shared_expert_intermediate_size: int = 0
    shared_expert_gate: bool = False
    dense_layers: int = 0
    latent: Latent | None = None
    sliding_window: int | None = None
    sliding_layers: int = 0
    qkv_bias: bool = False
    output_bias: bool = False
    mlp_bias: bool = False
    expert_bias: bool = False
    head_bias: bool = False
    position_rows: int = 0
    embedding_size: int | None = None
    norm_parameters_per_layer: int = 0
    final_norm_parameters: int = 0

    def __post_init__(self) -> None:
        sizes = ("layers", "hidden_size", "intermediate_size", "attention_heads", "kv_heads", "head_dim", "vocab_size")
        for name in sizes:
            need(getattr(self, name) >= 1, f"{name} must be >= 1", getattr(self, name))
        need(0 <= self.dense_layers <= self.layers, "dense_layers must lie in [0, layers]", self.dense_layers)
        need(0 <= self.sliding_layers <= self.layers, "sliding_layers must lie in [0, layers]", self.sliding_layers)
        if self.experts:
            need(
                1 <= self.experts_per_token <= self.experts,
                "experts_per_token must lie in [1, experts]",
                self.experts_per_token,
            )
            need(self.expert_intermediate_size >= 1, "an expert has an inner width", self.expert_intermediate_size)

    # -- attention -----------------------------------------------------------------------------------------------

    @property
    def attention(self) -> Literal["MHA", "GQA", "MQA", "MLA"]:
        """Kind of attention: as many KV heads as query heads, fewer, one, or latent."""
        if self.latent is not None:
            return "MLA"
        if self.kv_heads == self.attention_heads:
            return "MHA"
        return "MQA" if self.kv_heads == 1 else "GQA"

    @property
    def attention_parameters_per_layer(self) -> int:
        """Projections of queries, keys, values and output with their biases; no normalisation."""
        hidden, heads, latent = self.hidden_size, self.attention_heads, self.latent
        if latent is None:
            query, key_value = heads * self.head_dim, self.kv_heads * self.head_dim
            weights = hidden * (query + 2 * key_value) + query * hidden
            return weights + (query + 2 * key_value) * self.qkv_bias + hidden * self.output_bias
        down = latent.kv_rank + latent.rope_dim
        up = latent.kv_rank * heads * (latent.plain_dim + latent.value_dim)
        out = heads * latent.value_dim * hidden
        biases = (down + (latent.query_rank or 0)) * self.qkv_bias + hidden * self.output_bias
        if latent.query_rank is None:
            query = hidden * heads * latent.key_dim
        else:
            query = latent.query_rank * (hidden + heads * latent.key_dim)
        return query + hidden * down + up + out + biases

    @property
    def attention_parameters(self) -> int:
        """Of all layers."""
        return self.layers * self.attention_parameters_per_layer

    # -- feed-forward --------------------------------------------------------------------------------------------

    @property
    def sparse_layers(self) -> int:
        """Layers with a mixture of experts."""
        return self.layers - self.dense_layers if self.experts else 0

    def _mlp(self, inner: int, *, bias: bool) -> int:
        into = 2 if self.gated_mlp else 1
        return (into + 1) * self.hidden_size * inner + (into * inner + self.hidden_size) * bias

    @property
    def dense_ffn_parameters(self) -> int:
        """Of the feed-forward of one dense layer."""
        return self._mlp(self.intermediate_size, bias=self.mlp_bias)

    @property
    def expert_parameters(self) -> int:
        """Of one expert in one layer; 0 for a dense model."""
        return self._mlp(self.expert_intermediate_size, bias=self.expert_bias) if self.experts else 0

    @property
    def shared_expert_parameters(self) -> int:
        """Of what every token visits beside its own experts in one layer; 0 without."""
        inner = self.shared_expert_intermediate_size
        return self._mlp(inner, bias=self.mlp_bias) + self.hidden_size * self.shared_expert_gate if inner else 0

    @property
    def router_parameters(self) -> int:
        """Of the routers of all layers."""
        return self.sparse_layers * self.experts * (self.hidden_size + self.expert_bias)

    def _ffn(self, experts: int) -> int:
        sparse = experts * self.expert_parameters + self.shared_expert_parameters
        return (self.layers - self.sparse_layers) * self.dense_ffn_parameters + self.sparse_layers * sparse

    @property
    def ffn_parameters(self) -> int:
        """Of the feed-forwards of all layers, all experts included, routers left out."""
        return self._ffn(self.experts)

    @property
    def active_ffn_parameters(self) -> int:
        """Of the feed-forwards that one token visits."""
        return self._ffn(self.experts_per_token)

    # -- the rest ------------------------------------------------------------------------------------------------

    @property
    def embedding_parameters(self) -> int:
        """Rows for tokens and learnt positions, and the projections between two widths; the head is not among them."""
        width = self.embedding_size or self.hidden_size
        between = 0 if self.embedding_size is None else 2 * self.hidden_size * width
        return self.vocab_size * width + self.position_rows * self.hidden_size + between

    @property
    def head_parameters(self) -> int:
        """Of the output head beside the embedding; 0 where it is the embedding itself and has no bias."""
        width = self.embedding_size or self.hidden_size
        return self.vocab_size * (width * (not self.tied_embeddings) + self.head_bias)

    @property
    def norm_parameters(self) -> int:
        """Of all normalisations."""
        return self.layers * self.norm_parameters_per_layer + self.final_norm_parameters

    def _total(self, ffn: int) -> int:
        ends = self.embedding_parameters + self.head_parameters + self.norm_parameters
        return ends + self.attention_parameters + ffn + self.router_parameters

    @property
    def parameters(self) -> int:
        """All of them; tied embeddings are counted once."""
        return self._total(self.ffn_parameters)

    @property
    def active_parameters(self) -> int:
        """With only the experts that one token visits; the router sees every token."""
        return self._total(self.active_ffn_parameters)

    # -- bytes ---------------------------------------------------------------------------------------------------

    def weight_bytes(self, dtype: str) -> float:
        """Bytes of all weights in `dtype`.

        Raises:
            ConfigurationError: The dtype is none of `BYTES_PER_PARAMETER`.
        """
        return self.parameters * bytes_per_parameter(dtype)

    @property
    def kv_numbers_per_layer(self) -> int:
        """Numbers that one layer keeps of one token: keys and values, or the latent vector and the shared key."""
        if self.latent is not None:
            return self.latent.kv_rank + self.latent.rope_dim
        return 2 * self.kv_heads * self.head_dim

    def kv_bytes_per_token(self, dtype_bytes: float) -> float:
        """Bytes that all layers keep of one token, no window considered."""
        return self.layers * self.kv_numbers_per_layer * dtype_bytes

    def kv_bytes(self, context_tokens: int, dtype_bytes: float) -> float:
        """Bytes of the cache of one sequence of that many tokens; sliding layers keep their window only."""
        seen = min(context_tokens, self.sliding_window or context_tokens)
        rows = (self.layers - self.sliding_layers) * context_tokens + self.sliding_layers * seen
        return rows * self.kv_numbers_per_layer * dtype_bytes


def bytes_per_parameter(dtype: str) -> float:
    """Bytes of one weight.

    Raises:
        ConfigurationError: Unknown dtype.
    """
    if dtype not in BYTES_PER_PARAMETER:
        raise ConfigurationError(f"unknown dtype {dtype!r}; use one of {', '.join(BYTES_PER_PARAMETER)}")
    return BYTES_PER_PARAMETER[dtype]
