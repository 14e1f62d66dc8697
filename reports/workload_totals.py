"""What a binned workload takes on each stack, from the cells that were measured. Pure.

    E = Σ N / B · E_batch     over the cells of benchmarks/test_workloads.py, N and the workload from each Result's params

A stack that has not measured all cells has a sum over those it has; it is said how many requests that covers. Stacks are
compared over the cells that both have.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from energy_fixtures.metrics import METRICS, own_error
from energy_fixtures.records import Environment, Result
from energy_fixtures.workloads.bins import Cell
from reports.boards import Peak
from reports.ideal.floor import floor_of
from reports.ideal.gap import floor_for
from reports.ideal.served import ServedFloor
from reports.statistics import summarise
from reports.workload.total import CellEnergy, Total, total_energy

PER_BATCH = METRICS["joules_per_iteration"]


@dataclass(frozen=True, kw_only=True)
class StackTotal:
    """One workload on one stack.

    Attributes:
        workload: Its name. synthetic: Drawn by a generator, not recorded.
        engine, execution: The stack.
        total: Over the measured cells. of_requests: In all cells of the workload.
        left_out: Requests of the workload that are in none, longer than the last bins; None where the file does not say.
        cells: The measured ones, by input and output bin.
        input_inflation, output_inflation: Of the measured cells, binned over true tokens; None where the file does not say.
    """

    workload: str
    synthetic: bool
    engine: str
    execution: str
    total: Total
    of_requests: int
    left_out: int | None
    input_inflation: float | None
    output_inflation: float | None
    cells: Mapping[tuple[int, int], Result]

    @property
    def example(self) -> Result:
        """One of its cells."""
        return next(iter(self.cells.values()))

    @property
    def covered(self) -> float:
        """Share of the workload's requests that the measured cells hold, in [0, 1]."""
        return self.total.requests / self.of_requests


@dataclass(frozen=True, kw_only=True)
class Saving:
    """One stack against another over the cells that both measured: `ratio` is new over old, with its interval."""

    stack: StackTotal
    against: StackTotal
    cells: int
    ratio: float
    low: float | None
    high: float | None


def totals_of(results: Sequence[Result], level: float) -> tuple[StackTotal, ...]:
    """One total per workload and stack, in order of appearance.

    Args:
        results: Of question `workloads`; others are passed over.
        level: Confidence of the interval that a cell's standard uncertainty is taken from.
    """
    groups: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        workload = result.params.get("workload")
        counted = result.scenario is not None and _cell(result).requests > 0
        if isinstance(workload, str) and counted and PER_BATCH.values(result):
            assert result.scenario is not None  # it was counted
            key = (workload, result.scenario.engine, result.scenario.execution)
            groups.setdefault(key, []).append(result)
    return tuple(_total(*key, members, level) for key, members in groups.items())


def savings_of(totals: Sequence[StackTotal], level: float) -> Iterator[Saving]:
    """Every other stack against eager Transformers, workload by workload."""
    for old in totals:
        if (old.engine, old.execution) != ("transformers", "eager"):
            continue
        for new in totals:
            if new.workload == old.workload and new is not old and set(new.cells) & set(old.cells):
                yield _saving(new, old, level)


def over_ideal(
    stack: StackTotal, environments: Mapping[str, Environment], peak: Peak, boards: Path | None = None
) -> float | str:
    """Energy of the measured cells over their ideal: operations at the board's peak rate and power.

    Attention of prompts is counted full, as Table 4 counts it; the causal work of `floor_for` is less.

    Args:
        stack: The total.
        environments: By key, for the boards.
        peak: The paper takes the rate with sparsity.
        boards: File of further boards.

    Returns:
        The ratio, or why there is none, as a clause.
    """
    ideal_j = 0.0
    for result in stack.cells.values():
        floor = floor_for(result, environments.get(result.environment), boards)
        if isinstance(floor, str):
            return floor
        if isinstance(floor, ServedFloor):
            return "its requests are not of one length"
        same = floor_of(floor.job, floor.board, count=floor.count, copies=floor.copies, peak=peak, counting="full")
        assert result.scenario is not None  # totals_of keeps no other
        ideal_j += _cell(result).requests / result.scenario.batch_size * same.ideal_j
    return stack.total.covered_j / ideal_j


def _total(workload: str, engine: str, execution: str, members: Sequence[Result], level: float) -> StackTotal:
    cells = {(one.input_tokens, one.output_tokens): result for one, result in ((_cell(r), r) for r in members)}
    requests, left_out = (members[0].params.get(name) for name in ("workload_requests", "left_out"))
    held = [_cell(result) for result in cells.values()]
    return StackTotal(
        workload=workload,
        synthetic=bool(members[0].params.get("synthetic")),
        engine=engine,
        execution=execution,
        total=total_energy(
            held, [batch_energy(result, level) for result in cells.values()], scale=_gain(list(cells.values()))
        ),
        of_requests=requests if isinstance(requests, int) else sum(cell.requests for cell in held),
        left_out=left_out if isinstance(left_out, int) else None,
        input_inflation=_inflation(cells, "input_tokens"),
        output_inflation=_inflation(cells, "output_tokens"),
        cells=cells,
    )


def _gain(results: Sequence[Result]) -> float:
    """Relative standard uncertainty of the boards' own gain, which all cells share; 0 where the meter states none.

    Boards of one scope differ from each other independently.
    """
    shares = []
    for result in results:
        for trial in result.valid_trials:
            known = [trial.reading.parts_j.get(domain, {}).get("board_gain") for domain in result.scope]
            stated = [joules for joules in known if joules is not None]
            total_j = trial.reading.joules(result.scope)
            if len(stated) < len(known) or not total_j:
                return 0.0
            shares.append(math.hypot(*stated) / total_j)
    return median(shares) if shares else 0.0


def _inflation(cells: Mapping[tuple[int, int], Result], side: str) -> float | None:
    """Tokens of requests of the bins' lengths over those that they truly have."""
    true = [result.params.get(f"true_{side}") for result in cells.values()]
    binned = [_cell(result).requests * getattr(result.scenario, side) for result in cells.values()]
    known = [tokens for tokens in true if isinstance(tokens, int) and tokens > 0]
    return sum(binned) / sum(known) if known and len(known) == len(true) else None


def _saving(new: StackTotal, old: StackTotal, level: float) -> Saving:
    both = [place for place in old.cells if place in new.cells]
    sums = []
    for stack in (new, old):
        results = [stack.cells[place] for place in both]
        sums.append(total_energy([_cell(one) for one in results], [batch_energy(one, level) for one in results]))
    ratio = sums[0].covered_j / sums[1].covered_j
    errors = [None if one.uncertainty_j is None else one.uncertainty_j / one.covered_j for one in sums]
    low = high = None
    if errors[0] is not None and errors[1] is not None:
        factor = math.exp(_sigmas(level) * math.hypot(errors[0], errors[1]))
        low, high = ratio / factor, ratio * factor
    return Saving(stack=new, against=old, cells=len(both), ratio=ratio, low=low, high=high)


def _cell(result: Result) -> Cell:
    assert result.scenario is not None  # totals_of keeps no other
    requests = result.params.get("requests")
    return Cell(
        input_tokens=result.scenario.input_tokens,
        output_tokens=result.scenario.output_tokens,
        requests=requests if isinstance(requests, int) else 0,
    )


def batch_energy(result: Result, level: float) -> CellEnergy:
    """One iteration of the case, which is one batch. Its standard uncertainty from the interval of the mean."""
    assert result.scenario is not None
    summary = summarise(PER_BATCH.values(result), level, own_error=own_error(PER_BATCH, result))
    half = summary.half_width
    return CellEnergy(
        input_tokens=result.scenario.input_tokens,
        output_tokens=result.scenario.output_tokens,
        batch_size=result.scenario.batch_size,
        energy_j=summary.center,
        uncertainty_j=None if half is None else half / _sigmas(level),
    )


def _sigmas(level: float) -> float:
    """Of a normal distribution: for an interval of few trials this gives more than their standard error, never less."""
    from statistics import NormalDist

    return NormalDist().inv_cdf((1 + level) / 2)
