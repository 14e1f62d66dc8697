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
        inferred: Whether this is a typical shape of its size, not a known one; then no count is a whole number.
    """

    name: str
    family: str
    layers: float
    sparse_layers: float
    every_step: float
    expert: float
    experts: float
    experts_per_token: float
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
COARSE, FINE = 2.0, 32.0
"""Total over active parameters between which a typical mixture goes from few large experts to many small ones."""
EXPERTS = (8.0, 128.0)  # there, of one layer
ALWAYS = (0.2, 0.35)  # there, share of the active weights that is no expert
LATENT = 0.2  # about a fifth of the known mixtures have latent attention


def typical_shape(params_b: float, active_params_b: float | None, known: Sequence[Shape]) -> Shape:
    """A model of which only its size is known: layers from the trend of the known shapes, the rest by common proportions.

    Everything changes continuously with both sizes, so layers and experts are no whole numbers.

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
    layers = max(2.0, _depth(active, known))
    hidden = math.sqrt(active / layers / 12)  # a layer of 12 hidden² weights is the common proportion
    queries = max(float(HEAD_DIM), hidden)
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
        cache=2.0 * layers * queries * _cached_share(active),
        sliding_cache=0.0,
        window=0,
        attention=layers * queries,
        latent=0.0,
        plain=0.3,  # about a third of the published models of this size
        inferred=True,
    )
    return dense if total == active else _mixture(dense, total, active)


def _cached_share(active: float) -> float:
    """Key and value heads of query heads: all in small models, a half about 3 B, an eighth from 80 B on.

    It falls no faster than the width grows, so that a larger model never keeps a smaller cache.
    """
    if active < 5e9:
        return min(max(math.sqrt(3e8 / active), 0.5), 1.0)
    return max(math.sqrt(5e9 / active) / 2, 0.125)


def _mixture(dense: Shape, total: float, active: float) -> Shape:
    """The typical mixture of experts that has exactly these two sizes.

    Below `COARSE` it goes over into the dense model: fewer of its layers are sparse, and less of each is experts.
    """
    ratio = total / active
    sparse = min(ratio - 1, 1.0)
    fine = min(max(math.log(ratio / COARSE) / math.log(FINE / COARSE), 0.0), 1.0)
    experts = EXPERTS[0] + (EXPERTS[1] - EXPERTS[0]) * fine
    always = 1 - sparse * (1 - ALWAYS[0] - (ALWAYS[1] - ALWAYS[0]) * fine)
    layers = sparse * dense.layers
    return msgspec.structs.replace(
        dense,
        sparse_layers=layers,
        every_step=always * active,
        expert=(total - always * active) / layers / experts,
        experts=experts,
        experts_per_token=experts * (1 - always) / (ratio - always),
        latent=sparse * LATENT,
    )


def _depth(active: float, known: Sequence[Shape]) -> float:
    """Layers of a model that multiplies each token with so many weights: a power law through the known shapes."""
    points = [(math.log(shape.active), math.log(shape.layers)) for shape in known]
    sizes, depths = (math.fsum(column) / len(points) for column in zip(*points, strict=True))
    spread = math.fsum((size - sizes) ** 2 for size, _ in points)
    slope = math.fsum((size - sizes) * (depth - depths) for size, depth in points) / spread if spread else 0.25
    return math.exp(depths + slope * (math.log(active) - sizes))


Kind = Literal["dense", "moe"]


def kind(shape: Shape) -> Kind:
    """Dense, or a mixture of experts."""
    return "moe" if shape.experts else "dense"
