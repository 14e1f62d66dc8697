"""Bytes that a board has to move between its memory and its chip: the fewest, with everything in between kept on the chip.

    weights   every matrix once a pass; of a mixture of experts those that at least one token visits
    cache     of earlier tokens read once a pass, of new tokens written once
    embedding the rows of the tokens read, one each

Activations, logits and a second reading of anything are left out: a perfect kernel has none.
"""

from __future__ import annotations

from dataclasses import dataclass

from energy_fixtures.models.architecture import Architecture
from reports.ideal.flops import seen_tokens


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Bytes of one phase, of all boards together."""

    weights: float
    cache_read: float
    cache_written: float

    @property
    def total(self) -> float:
        """All of them."""
        return self.weights + self.cache_read + self.cache_written


NOTHING = Traffic(weights=0.0, cache_read=0.0, cache_written=0.0)


def prefill_traffic(
    shape: Architecture, *, batch_size: int, input_tokens: int, dtype_bytes: float, kv_bytes: float
) -> Traffic:
    """Of one pass over prompts of one length.

    Args:
        shape: The model.
        batch_size, input_tokens: B sequences of I tokens.
        dtype_bytes, kv_bytes: Bytes of one weight and of one number of the cache.
    """
    tokens = batch_size * input_tokens
    return Traffic(
        weights=pass_weights(shape, tokens) * dtype_bytes,
        cache_read=0.0,  # keys and values of the prompt are used where they are made
        cache_written=batch_size * shape.kv_bytes(input_tokens, kv_bytes),
    )


def decode_traffic(
    shape: Architecture,
    *,
    batch_size: int,
    input_tokens: int,
    output_tokens: int,
    dtype_bytes: float,
    kv_bytes: float,
    tokens_per_step: int = 1,
) -> Traffic:
    """Of all steps after the first token.

    Args:
        shape: The model.
        batch_size, input_tokens, output_tokens: B sequences of I prompt and O output tokens.
        dtype_bytes, kv_bytes: Bytes of one weight and of one number of the cache.
        tokens_per_step: Most tokens that one step yields for a sequence; earlier ones are then read once for all of them.
    """
    new = output_tokens - 1
    if new < 1:
        return NOTHING
    steps = -(-new // tokens_per_step)
    whole, rest = divmod(new, tokens_per_step)
    weights = whole * pass_weights(shape, batch_size * tokens_per_step)
    weights += pass_weights(shape, batch_size * rest) if rest else 0.0
    rows = 0
    for layers, window in ((shape.layers - shape.sliding_layers, None), (shape.sliding_layers, shape.sliding_window)):
        rows += layers * _earlier_tokens(input_tokens, steps, tokens_per_step, window)
    return Traffic(
        weights=weights * dtype_bytes,
        cache_read=batch_size * rows * shape.kv_numbers_per_layer * kv_bytes,
        cache_written=batch_size * new * shape.layers * shape.kv_numbers_per_layer * kv_bytes,
    )


def pass_weights(shape: Architecture, tokens: int) -> float:
    """Weights that one pass over `tokens` tokens reads: all but the experts nobody visits and the rows nobody looks up."""
    width = shape.embedding_size or shape.hidden_size
    words, positions = shape.vocab_size * width, shape.position_rows * shape.hidden_size
    rows = min(tokens, shape.position_rows) * shape.hidden_size
    rows += words if shape.tied_embeddings else min(tokens, shape.vocab_size) * width  # the head reads a tied one whole
    unvisited = shape.sparse_layers * shape.expert_parameters * (shape.experts - visited_experts(shape, tokens))
    return shape.parameters - words - positions + rows - unvisited


def visited_experts(shape: Architecture, tokens: int) -> float:
    """Experts of one layer that at least one of `tokens` tokens visits, on average, if each draws its own evenly.

    >>> from energy_fixtures.models.architecture import architecture
    >>> from energy_fixtures.models.shapes import SHAPES
    >>> round(visited_experts(architecture(SHAPES["mixtral-8x7b"].config), 2), 3)
    3.5
    """
    if not shape.experts:
        return 0.0
    return shape.experts * (1.0 - (1.0 - shape.experts_per_token / shape.experts) ** tokens)


def _earlier_tokens(past: int, steps: int, stride: int, window: int | None) -> int:
    """Tokens of the cache that `steps` steps read of one sequence in one layer, at past, past + stride, ... of them.

    A window holds the token itself, so that one fewer is read.
    """
    if stride == 1:
        return seen_tokens(past, steps, window) - steps
    before = (past + step * stride for step in range(steps))
    return sum(tokens if window is None else min(tokens, window - 1) for tokens in before)
