"""What a predictor learns from: one measured deployment per row, whatever file it came from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from energy_fixtures.models.architecture import Architecture
from energy_fixtures.record import need
from reports.predict.constants import JOULES_PER_WH, Constants
from reports.predict.machines import Machine
from reports.predict.physics import Cost, Work, cost
from reports.predict.shape import Shape

Column = Literal["single", "batched", "result"]
"""Which figure of its source a row is: one prompt alone, a batched deployment, or a result file's own case."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """Measured GPU joules of one request, with everything that they are explained by.

    Attributes:
        model, gpu: Names as the source spells them; splits leave out by these.
        shape, machine, work: What the physics sees. architecture, cores: What paper 1's features need.
        joules: GPU energy per request, gross.
        column: Which figure of its source. weight: Its share in the fit, 1 for a row that is fully trusted.
        source: File and row. method: How the joules were obtained.
    """

    model: str
    gpu: str
    shape: Shape
    architecture: Architecture
    machine: Machine
    cores: int
    work: Work
    joules: float
    column: Column
    weight: float
    source: str
    method: str = "counter"

    def __post_init__(self) -> None:
        need(0 < self.joules < math.inf, f"joules of {self.source} must be above 0", self.joules)

    @property
    def wh(self) -> float:
        """The same in watt-hours, as papers print it."""
        return self.joules / JOULES_PER_WH

    def cost(self, constants: Constants) -> Cost:
        """What the physics says."""
        return cost(self.shape, self.machine, self.work, constants)

    def log_ratio(self, constants: Constants) -> float:
        """Logarithm of predicted over measured."""
        return math.log(self.cost(constants).joules / self.joules)
