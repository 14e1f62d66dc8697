"""What a figure includes, as four named presets that never stand in one table.

    gpu_only              the boards of a node while they serve: what a benchmark's meter sees
    active_accelerator    with their trays and the links between them, in service
    facility              the whole node, and cooling and losses by PUE: the released method's own boundary
    full_stack            facility, and the machines that stand idle so that demand can be met

The released equation gives a node's power, so the others follow from it by published shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from energy_fixtures.errors import ConfigurationError
from reports.estimate.scenario import Boundary, Node

Meets = Literal["node", "boards", "machine"]
"""What joules were obtained of: a whole node by its power, boards by their counters, processors and memory by theirs."""


@dataclass(frozen=True, kw_only=True)
class Decomposition:
    """Energy of a prompt by where it went, Wh."""

    accelerators_wh: float
    host_wh: float
    idle_wh: float
    overhead_wh: float

    @property
    def total_wh(self) -> float:
        """Everything."""
        return self.accelerators_wh + self.host_wh + self.idle_wh + self.overhead_wh

    def water_ml(self, water_l_per_kwh: float) -> float:
        """Of the machines' energy: the cooling's own is left out, as where the factor comes from."""
        return (self.total_wh - self.overhead_wh) * water_l_per_kwh


GOOGLE = Decomposition(accelerators_wh=0.14, host_wh=0.06, idle_wh=0.02, overhead_wh=0.02)
"""Median Gemini Apps text prompt, May 2025 (arXiv 2508.15734): 0.24 Wh and 0.26 mL of water as printed."""

GOOGLE_PUE = 1.09
"""Of the fleet that served it."""

ACCELERATOR_SHARE = GOOGLE.accelerators_wh / (GOOGLE.accelerators_wh + GOOGLE.host_wh)
"""Accelerators with trays and links in a serving machine, 0.70."""

IDLE_FACTOR = 1 + GOOGLE.idle_wh / (GOOGLE.accelerators_wh + GOOGLE.host_wh)
"""Serving and idle machines over serving ones, 1.10."""

WHAT: dict[Boundary, str] = {
    "gpu_only": "the boards of the node alone; no host, no cooling",
    "active_accelerator": "accelerators with trays and links; no host, no idle machines, no cooling",
    "facility": "the whole node and, by PUE, cooling and losses; no idle machines",
    "full_stack": "the whole node, idle machines beside it and, by PUE, cooling and losses",
}
LEFT_OUT = "training, networks outside the site and users' devices are in none of them"


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How a boundary follows from the joules that an estimate begins with: times `factor`, and times PUE where it counts."""

    factor: float
    with_pue: bool


def reach(boundary: Boundary, meets: Meets, node: Node) -> Reach:
    """From what was obtained to what was asked for.

    Raises:
        ConfigurationError: Boards were asked for where none were metered.
    """
    if meets == "machine" and boundary in ("gpu_only", "active_accelerator"):
        raise ConfigurationError(
            f"these results metered processors and memory, not boards alone, so {boundary} is not in them; use --boundary facility"
        )
    shares = {
        "gpu_only": node.gpu_share,
        "active_accelerator": ACCELERATOR_SHARE,
        "facility": 1.0,
        "full_stack": IDLE_FACTOR,
    }
    whole = node.gpu_share if meets == "boards" else 1.0  # what was metered, as a part of the node
    return Reach(factor=shares[boundary] / whole, with_pue=boundary in ("facility", "full_stack"))
