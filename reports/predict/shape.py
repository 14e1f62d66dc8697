"""What the physics needs of an architecture: a dozen numbers, of a known one or of a typical one of that size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.models.architecture import Architecture
from energy_fixtures.record import Record, need

CACHE_BYTES = 2.0
"""Bytes of one cached number; caches stay at 16 bit whatever the weights are."""


class Shape(Record, frozen=True, kw_only=True, omit_defaults=False):
    """An architecture as far as it decides time and energy. Counts are numbers, not bytes.

    Attributes:
        name: As it is printed. family: `model_type`, or `typical` for one made from its size.
        layers, sparse_layers: Decoder layers; those of them with a mixture of experts.
        every_step: Weights that every forward pass reads: attention, dense feed-forwards, shared experts, routers, head.
        expert: Weights of one expert of one layer. experts, experts_per_token: Of one sparse layer, 0 for a dense model.
        parameters: All weights, for what has to fit into memory.
        cache: Numbers kept per token by the layers that look back over everything.
        sliding_cache, window: The same of layers that look back `window` tokens only; 0 without.
        attention: Multiplications per query token and context token: heads times head size, of all layers.
        latent: Kernels of latent attention: 1 with compressed queries (DeepSeek-V2), less without, 0 for the usual kind.
        plain: 1 for layers without fused kernels (no gate: OPT, Phi-2, GPT-2), else 0.
        inferred: Whether this is a typical shape of its size, not a known one.
    """

    name: str
    family: str
    layers: int
    sparse_layers: int
    every_step: float
    expert: float
    experts: int
    experts_per_token: int
    parameters: float
    cache: float
    sliding_cache: float
    window: int
    attention: float
    latent: float
    plain: float
    inferred: bool = False

    def __post_init__(self) -> None:
        need(self.layers >= 1, "a model has layers", self.layers)
        need(self.every_step > 0 and self.parameters > 0, "a model has weights", self.parameters)

    @property
    def active(self) -> float:
        """Weights that one token is multiplied with."""
        return self.every_step + self.sparse_layers * self.experts_per_token * self.expert

    def experts_read(self, tokens: float) -> float:
        """Experts of one layer that a forward pass of so many tokens reads, if tokens choose independently and evenly."""
        if not self.experts:
            return 0.0
        missed = (1 - self.experts_per_token / self.experts) ** tokens
        return float(self.experts * (1 - missed))

    def cache_bytes(self, context_tokens: float) -> float:
        """Keys and values of one sequence of that length, bytes."""
        seen = min(context_tokens, self.window) if self.window else context_tokens
        return CACHE_BYTES * (self.cache * context_tokens + self.sliding_cache * seen)


def shape_of(name: str, model: Architecture) -> Shape:
    """The numbers of a known architecture."""
    head = model.vocab_size * (model.embedding_size or model.hidden_size)
    experts = model.sparse_layers * model.experts * model.expert_parameters
    step = model.attention_parameters + model.ffn_parameters - experts + model.router_parameters
    latent = 0.0 if model.latent is None else 1.0 if model.latent.query_rank else 0.5
    head_dim = model.head_dim if model.latent is None else model.latent.key_dim
    return Shape(
        name=name,
        family=model.model_type,
        layers=model.layers,
        sparse_layers=model.sparse_layers,
        every_step=float(step + head + model.norm_parameters),
        expert=float(model.expert_parameters),
        experts=model.experts if model.sparse_layers else 0,
        experts_per_token=model.experts_per_token if model.sparse_layers else 0,
        parameters=float(model.parameters),
        cache=float((model.layers - model.sliding_layers) * model.kv_numbers_per_layer),
        sliding_cache=float(model.sliding_layers * model.kv_numbers_per_layer),
        window=model.sliding_window or 0,
        attention=float(model.layers * model.attention_heads * head_dim),
        latent=latent,
        plain=0.0 if model.gated_mlp else 1.0,
    )


HEAD_DIM = 128
FINE_EXPERTS = (
    5.0  # total over active parameters from which a mixture has many small experts (OLMoE 5.3, DeepSeek-V2 11)
)


def typical_shape(params_b: float, active_params_b: float | None, known: Sequence[Shape]) -> Shape:
    """A model of which only its size is known: layers from the trend of the known shapes, the rest by common proportions.

    Args:
        params_b: All parameters, 1e9.
        active_params_b: Parameters per token of a mixture of experts, 1e9; None for a dense model.
        known: Shapes that the trend of depth over active size is taken from.

    Raises:
        ConfigurationError: A size that is not above zero, or more active than there are.
    """
    if not (math.isfinite(params_b) and params_b > 0):
        raise ConfigurationError(f"--params-b must be a number above 0, got {params_b:g}; give parameters in billions")
    active_b = params_b if active_params_b is None else active_params_b
    if not (math.isfinite(active_b) and 0 < active_b <= params_b):
        raise ConfigurationError(
            f"--active-params-b must lie above 0 and at most at --params-b {params_b:g}, got {active_b:g}; "
            "leave it out for a dense model"
        )
    total, active = params_b * 1e9, active_b * 1e9
    layers = max(2, round(_depth(active, known)))
    hidden = math.sqrt(active / layers / 12)  # a layer of 12 hidden² weights is the common proportion
    queries = max(HEAD_DIM, HEAD_DIM * round(hidden / HEAD_DIM))
    key_value = hidden if active < 6e8 else queries / 2 if active < 2e10 else queries / 8  # MHA, a mix, GQA of eight
    dense = Shape(
        name=f"{params_b:g} B" + ("" if active_params_b is None else f", {active_b:g} B active"),
        family="typical",
        layers=layers,
        sparse_layers=0,
        every_step=active,
        expert=0.0,
        experts=0,
        experts_per_token=0,
        parameters=total,
        cache=2.0 * layers * key_value,
        sliding_cache=0.0,
        window=0,
        attention=float(layers * queries),
        latent=0.0,
        plain=0.3,  # about a third of the published models of this size
        inferred=True,
    )
    return dense if total / active < 1.05 else _mixture(dense, total, active)


def _mixture(dense: Shape, total: float, active: float) -> Shape:
    """The typical mixture of experts that has exactly these two sizes."""
    fine = total / active > FINE_EXPERTS
    per_token, always = (
        (6, 0.35) if fine else (2, 0.2)
    )  # experts per token; share of the active weights that is no expert
    experts = math.ceil(
        per_token * (1 + (total / active - 1) / (1 - always))
    )  # up: fewer would leave nothing between them
    experts = max(experts, per_token + 1)
    expert = (total - active) / dense.layers / (experts - per_token)
    return msgspec.structs.replace(
        dense,
        sparse_layers=dense.layers,
        every_step=active - dense.layers * per_token * expert,
        expert=expert,
        experts=experts,
        experts_per_token=per_token,
        latent=0.5 if fine else 0.0,  # about half of those with many small experts have latent attention
    )


def _depth(active: float, known: Sequence[Shape]) -> float:
    """Layers of a model that multiplies each token with so many weights: mean of the known ones, nearer sizes count more.

    A Gaussian kernel of a factor of 1.6 over the logarithm of the size; beyond the known sizes a power of 1/4, which
    is the slope over all of them.
    """
    sizes = [math.log(shape.active) for shape in known]
    at = min(max(math.log(active), min(sizes)), max(sizes))
    weights = [math.exp(-0.5 * ((size - at) / math.log(1.6)) ** 2) for size in sizes]
    mean = sum(w * math.log(shape.layers) for w, shape in zip(weights, known, strict=True)) / sum(weights)
    return math.exp(mean + (math.log(active) - at) / 4)


Kind = Literal["dense", "moe"]


def kind(shape: Shape) -> Kind:
    """Dense, or a mixture of experts."""
    return "moe" if shape.experts else "dense"
