"""The energy of a workload from its cells, and how far that is from a replay of the same requests.

    E = Σ N / B · E_batch        N requests of a cell, B of them in a batch, E_batch the energy of one batch

A fractional number of batches, as in "Energy Considerations of LLM Inference". Cells were rounded up: the result holds the
token inflation of the bins, which `bins.py` states and `against_replay` shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from energy_fixtures.errors import MeasurementInvalid
from energy_fixtures.workloads.bins import Cell


@dataclass(frozen=True, kw_only=True)
class CellEnergy:
    """What a full batch of one cell took.

    Attributes:
        input_tokens: The cell's bins; every request of the batch has these lengths.
        output_tokens: The same for the output.
        batch_size: Requests in the batch.
        energy_j: Energy of one batch, joules; as it was obtained (measured, modelled), which the caller says.
        uncertainty_j: Its standard uncertainty, joules, independent of the other cells'; None where unknown.
    """

    input_tokens: int
    output_tokens: int
    batch_size: int
    energy_j: float
    uncertainty_j: float | None

    def __post_init__(self) -> None:
        where = f"cell ({self.input_tokens}, {self.output_tokens})"
        if self.batch_size < 1:
            raise MeasurementInvalid(f"{where} has a batch of {self.batch_size}; needed is at least one request")
        if not (math.isfinite(self.energy_j) and self.energy_j > 0):
            raise MeasurementInvalid(f"{where} has {self.energy_j} J per batch; needed is a finite energy above 0")
        if self.uncertainty_j is not None and not (math.isfinite(self.uncertainty_j) and self.uncertainty_j >= 0):
            raise MeasurementInvalid(f"{where} has an uncertainty of {self.uncertainty_j} J; needed is 0 or more")


@dataclass(frozen=True, kw_only=True)
class Total:
    """A sum over cells.

    Attributes:
        covered_j: Energy of the cells that were measured, joules.
        independent_j: Standard uncertainty of it from what differs between cells; None where one cell's is unknown.
        scale: Relative standard uncertainty that all cells share, such as the meter's scale.
        requests: In the measured cells.
        batches: So many, a fractional number.
        missing: Cells with requests that nobody measured. They are named, never guessed.
    """

    covered_j: float
    independent_j: float | None
    scale: float
    requests: int
    batches: float
    missing: tuple[Cell, ...]

    @property
    def energy_j(self) -> float | None:
        """Energy of the whole workload, joules; None as long as a cell is missing."""
        return None if self.missing else self.covered_j

    @property
    def uncertainty_j(self) -> float | None:
        """Standard uncertainty of `covered_j`, joules: what cells have of their own, and what they share."""
        return None if self.independent_j is None else math.hypot(self.independent_j, self.scale * self.covered_j)

    @property
    def missing_requests(self) -> int:
        """Requests in the missing cells."""
        return sum(cell.requests for cell in self.missing)


@dataclass(frozen=True, kw_only=True)
class Replay:
    """The same requests, sent as they were, without bins. `uncertainty_j` is standard, None where unknown."""

    energy_j: float
    uncertainty_j: float | None
    requests: int


@dataclass(frozen=True, kw_only=True)
class Difference:
    """By how much the cells say more (+) or less (-) than the replay, as a share of the replay.

    `low` and `high` cover the true share with probability `level`; None where an uncertainty is unknown.
    """

    share: float
    low: float | None
    high: float | None
    level: float


def total_energy(cells: Iterable[Cell], measured: Sequence[CellEnergy], *, scale: float = 0.0) -> Total:
    """Sum measured batches over the cells of a workload.

    Args:
        cells: How many requests are in each, as `bin_lengths` gives them.
        measured: At most one per cell; cells without requests are passed over.
        scale: Relative standard uncertainty that all of them share, 0 for none.

    Raises:
        MeasurementInvalid: A cell was given twice, or `scale` is negative or not a number.
    """
    if not (math.isfinite(scale) and scale >= 0):
        raise MeasurementInvalid(f"the shared relative uncertainty is {scale}; needed is 0 or more")
    by_cell: dict[tuple[int, int], CellEnergy] = {}
    for one in measured:
        place = (one.input_tokens, one.output_tokens)
        if place in by_cell:
            raise MeasurementInvalid(f"cell {place} was given twice; give one energy per cell")
        by_cell[place] = one
    missing: list[Cell] = []
    parts: list[tuple[int, float, CellEnergy]] = []
    for cell in cells:
        energy = by_cell.get((cell.input_tokens, cell.output_tokens))
        if energy is not None:
            parts.append((cell.requests, cell.requests / energy.batch_size, energy))
        elif cell.requests:
            missing.append(cell)
    errors = [None if one.uncertainty_j is None else batches * one.uncertainty_j for _, batches, one in parts]
    known = [error for error in errors if error is not None]
    return Total(
        covered_j=math.fsum(batches * one.energy_j for _, batches, one in parts),
        independent_j=math.hypot(*known) if len(known) == len(errors) else None,
        scale=scale,
        requests=sum(requests for requests, _, _ in parts),
        batches=math.fsum(batches for _, batches, _ in parts),
        missing=tuple(missing),
    )


def against_replay(total: Total, replay: Replay, *, level: float) -> Difference:
    """The method's own error: binned total over exact replay, with an interval on the logarithmic scale.

    Both were metered by the same meter, so that what they share (`Total.scale`) cancels in the ratio and stays out.

    Args:
        total: Of every request that the replay sent.
        replay: What sending them as they are took.
        level: Confidence of the interval, in (0, 1).

    Raises:
        MeasurementInvalid: A cell is missing, the requests are not the same number, or an energy is not above 0.
    """
    if total.missing:
        cells = ", ".join(f"({cell.input_tokens}, {cell.output_tokens})" for cell in total.missing)
        raise MeasurementInvalid(
            f"cells {cells} were never measured, with {total.missing_requests} requests; measure them"
        )
    if total.requests != replay.requests:
        raise MeasurementInvalid(
            f"the cells hold {total.requests} requests and the replay {replay.requests}; replay those that the bins keep"
        )
    if not (total.covered_j > 0 and math.isfinite(replay.energy_j) and replay.energy_j > 0):
        raise MeasurementInvalid(
            f"{total.covered_j} J and {replay.energy_j} J have no ratio; needed are energies above 0"
        )
    ratio = total.covered_j / replay.energy_j
    if total.independent_j is None or replay.uncertainty_j is None:
        return Difference(share=ratio - 1, low=None, high=None, level=level)
    error = math.hypot(total.independent_j / total.covered_j, replay.uncertainty_j / replay.energy_j)
    factor = math.exp(NormalDist().inv_cdf((1 + level) / 2) * error)
    return Difference(share=ratio - 1, low=ratio / factor - 1, high=ratio * factor - 1, level=level)
