"""The fitted constants: what each means, in which unit, and the prior that holds it.

data ─► fit (reports.predict.fitting) ─► Constants ─► physics (reports.predict.physics)
          ▲
PRIORS: orders of magnitude of kernels, launches and idle boards; some moved with paper 1's table in view
"""

from __future__ import annotations

from dataclasses import dataclass

from energy_fixtures.record import Record

JOULES_PER_WH = 3600.0


class Constants(Record, frozen=True, kw_only=True, omit_defaults=False):
    """One number per line of `PRIORS`, all above zero."""

    memory_efficiency: float
    expert_efficiency: float
    compute_efficiency: float
    step_s: float
    layer_s: float
    sequence_s: float
    sparse_layers: float
    latent_layers: float
    plain_layers: float
    graph_launch: float
    transformers_launch: float
    several_s: float
    link_s: float
    overlap: float
    awake_w: float
    awake_exponent: float
    several_awake: float
    joules_per_byte: float
    compute_share: float


@dataclass(frozen=True)
class Prior:
    """A log-normal prior: median, standard deviation of the logarithm, unit and meaning."""

    median: float
    spread: float
    unit: str
    meaning: str


PRIORS: dict[str, Prior] = {
    "memory_efficiency": Prior(0.8, 0.10, "1", "share of the peak bandwidth that reading weights reaches"),
    "expert_efficiency": Prior(0.7, 0.30, "1", "the same for the weights of experts, against other weights"),
    "compute_efficiency": Prior(0.5, 0.25, "1", "share of the dense peak rate that large products reach"),
    "step_s": Prior(3e-3, 0.40, "s", "host work of one forward pass, whatever its depth"),
    "layer_s": Prior(3.5e-4, 0.30, "s", "launching the kernels of one layer"),
    "sequence_s": Prior(2e-4, 0.60, "s", "host work for each sequence of a step: scheduling, sampling, detokenising"),
    "sparse_layers": Prior(
        2.5, 0.50, "layers", "a mixture's further kernels per layer; doubles at 128 experts, most at 256"
    ),
    "latent_layers": Prior(2.0, 0.50, "layers", "further kernels of latent attention per layer"),
    "plain_layers": Prior(0.15, 0.50, "layers", "further kernels of a layer without fused gate and normalisation"),
    "graph_launch": Prior(0.3, 0.30, "1", "launch time with CUDA graphs against eager"),
    "transformers_launch": Prior(2.5, 0.30, "1", "launch time of Transformers against vLLM eager"),
    "several_s": Prior(2.5e-3, 0.50, "s", "host work of one eager pass for each doubling of the boards"),
    "link_s": Prior(1.2e-5, 0.50, "s", "one all-reduce of a few tokens between two boards over NVLink"),
    "overlap": Prior(2.0, 0.40, "1", "how well launching hides behind the boards' work: 1 not at all, large wholly"),
    "awake_w": Prior(35.0, 0.30, "W", "a 300 W board above its rest while an engine keeps it awake"),
    "awake_exponent": Prior(0.25, 0.40, "1", "how that grows with TDP"),
    "several_awake": Prior(0.6, 0.30, "1", "more of it, as a share, while boards wait for each other"),
    "joules_per_byte": Prior(1.5e-10, 0.25, "J/B", "moving one byte from memory through the cores, above being awake"),
    "compute_share": Prior(0.9, 0.15, "1", "share of the power above being awake that large products draw"),
}
"""Where a fit begins, and how far data may pull it.

Orders of magnitude: reachable bandwidth and rates of common kernels (0.8 of peak; half of the dense rate at model sizes);
about a dozen launches per layer at 20-30 microseconds each in eager PyTorch; NCCL's small all-reduces; boards held awake
by a context draw 15-50 W more than at rest; HBM and GDDR6 with the way to the cores cost 100-200 pJ per byte.
They are not blind: `awake_w`, `awake_exponent`, `sparse_layers`, `several_s`, `several_awake` and `link_s` were moved within
these orders while the errors on paper 1's table were watched (docs/predicting.md says what that means for the figures).
"""


def prior_constants() -> Constants:
    """The medians of the priors, which no fit has moved."""
    return Constants(**{name: prior.median for name, prior in PRIORS.items()})
