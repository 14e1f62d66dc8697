"""Floating-point operations of a decoder-only transformer, in closed form: prefill and decode apart.

A multiplication with an addition counts as two, as in PyTorch's FlopCounterMode. Counted are the products of matrices:
projections, feed-forwards, routers, attention scores and their sums, the output head. Left out, as there: normalisations,
activations, softmax, rotations, sampling (well below one percent from a hidden size of a few hundred on).

    prefill   I tokens of B sequences at once, ends with the first output token
    decode    O - 1 steps of one token for each of B sequences, at I, I + 1, ... tokens of context
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from energy_fixtures.models.architecture import Architecture

Counting = Literal["causal", "full"]
"""Attention of a prompt: of each token to those before it, which is the work; or of all to all, which plain kernels do."""


@dataclass(frozen=True, kw_only=True)
class Flops:
    """Operations by where they arise. Floats: they are sums of products that pass 2**63.

    Attributes:
        projections: Of attention, and between an embedding of another width.
        feed_forward: Of what a token visits: its experts, shared ones and the router included.
        attention: Scores and weighted sums of values.
        head: From hidden states to logits.
    """

    projections: float
    feed_forward: float
    attention: float
    head: float

    @property
    def total(self) -> float:
        """All of them."""
        return self.projections + self.feed_forward + self.attention + self.head

    def __add__(self, other: Flops) -> Flops:
        return Flops(
            projections=self.projections + other.projections,
            feed_forward=self.feed_forward + other.feed_forward,
            attention=self.attention + other.attention,
            head=self.head + other.head,
        )


NONE = Flops(projections=0.0, feed_forward=0.0, attention=0.0, head=0.0)


def prefill_flops(
    shape: Architecture, *, batch_size: int, input_tokens: int, counting: Counting = "causal", head_of_all: bool = False
) -> Flops:
    """Of reading prompts of one length.

    Args:
        shape: The model.
        batch_size, input_tokens: B sequences of I tokens.
        counting: Attention to earlier tokens, or to all.
        head_of_all: Logits for every prompt token, as a plain forward pass makes them; engines ask for the last only.
    """
    pairs = _pairs(shape, 0, input_tokens, counting)
    positions = batch_size * (input_tokens if head_of_all else 1)
    return _flops(shape, tokens=batch_size * input_tokens, pairs=batch_size * pairs, positions=positions)


def decode_flops(
    shape: Architecture, *, batch_size: int, input_tokens: int, output_tokens: int, absorbed: bool = True
) -> Flops:
    """Of generating all tokens but the first, one by one, with a cache.

    Args:
        shape: The model.
        batch_size, input_tokens, output_tokens: B sequences of I prompt and O output tokens.
        absorbed: With latent attention, attend in the latent space (vLLM); otherwise make keys and values of the whole
            context anew from their latent vectors in each step (Transformers 5.19). No matter for other kinds.
    """
    steps = output_tokens - 1
    if steps < 1:
        return NONE
    pairs = _pairs(shape, input_tokens, steps, "causal")
    tokens = batch_size * steps
    done = _flops(shape, tokens=tokens, pairs=batch_size * pairs, positions=tokens, absorbed=absorbed)
    if shape.latent is None or absorbed:
        return done
    up = shape.latent.kv_rank * shape.attention_heads * (shape.latent.plain_dim + shape.latent.value_dim)
    again = batch_size * (pairs - shape.layers * steps)  # tokens of the context, over all steps and layers
    return replace(done, projections=done.projections + 2.0 * again * up)


def _flops(shape: Architecture, *, tokens: int, pairs: float, positions: int, absorbed: bool = False) -> Flops:
    """Of `tokens` new tokens, `pairs` of a query and a key over all layers, logits at `positions`.

    Every weight of a projection serves one multiplication and one addition per token.
    """
    hidden, width = shape.hidden_size, shape.embedding_size or shape.hidden_size
    between = 0 if shape.embedding_size is None else 2 * hidden * width
    return Flops(
        projections=2.0 * tokens * (shape.layers * projection_weights(shape) + between),
        feed_forward=2.0 * tokens * feed_forward_weights(shape),
        attention=2.0 * pairs * _dims_per_pair(shape, absorbed=absorbed),
        head=2.0 * positions * shape.vocab_size * width,
    )


def projection_weights(shape: Architecture) -> int:
    """Weights of one layer's attention that a token is multiplied with; biases are additions and not counted."""
    heads, latent = shape.attention_heads, shape.latent
    if latent is None:
        biases = (heads + 2 * shape.kv_heads) * shape.head_dim * shape.qkv_bias
    else:
        biases = (latent.kv_rank + latent.rope_dim + (latent.query_rank or 0)) * shape.qkv_bias
    return shape.attention_parameters_per_layer - biases - shape.hidden_size * shape.output_bias


def feed_forward_weights(shape: Architecture) -> int:
    """Weights of all layers' feed-forwards and routers that one token is multiplied with."""
    into = 2 if shape.gated_mlp else 1
    matrices = (into + 1) * shape.hidden_size
    gate = shape.hidden_size * shape.shared_expert_gate
    visited = shape.experts_per_token * shape.expert_intermediate_size + shape.shared_expert_intermediate_size
    sparse = matrices * visited + gate + shape.experts * shape.hidden_size
    return (shape.layers - shape.sparse_layers) * matrices * shape.intermediate_size + shape.sparse_layers * sparse


def _dims_per_pair(shape: Architecture, *, absorbed: bool) -> int:
    """Numbers multiplied for one query and one key in one layer: along the key, then along the value, for all heads."""
    latent = shape.latent
    if latent is None:
        return 2 * shape.attention_heads * shape.head_dim
    if absorbed:
        return shape.attention_heads * (2 * latent.kv_rank + latent.rope_dim)
    return shape.attention_heads * (latent.key_dim + latent.value_dim)


def _pairs(shape: Architecture, past: int, new: int, counting: Counting) -> float:
    """Pairs of a query and a key of one sequence, over all layers: `new` tokens after `past` others."""
    if counting == "full":
        return float(shape.layers * new * (past + new))
    sliding = seen_tokens(past, new, shape.sliding_window)
    return float((shape.layers - shape.sliding_layers) * seen_tokens(past, new, None) + shape.sliding_layers * sliding)


def seen_tokens(past: int, new: int, window: int | None) -> int:
    """How many tokens `new` ones see after `past` others, themselves included, none further back than `window`.

    >>> seen_tokens(0, 3, None), seen_tokens(0, 3, 2), seen_tokens(4, 2, None)
    (6, 5, 11)
    """
    if window is None or past + new <= window:
        return new * past + new * (new + 1) // 2
    short = max(window - past, 0)  # tokens that do not yet fill the window
    return short * past + short * (short + 1) // 2 + (new - short) * window
