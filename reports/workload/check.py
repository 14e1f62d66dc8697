"""How far a sum of cells is from the truth: the same requests once in their cells and once as they are. Pure.

    cells    Σ N / B · E_batch      parts of one case of `energy.measure_replay`, found by the name that they share
    replay   E of all of them       B at a time in order of arrival, each with its own lengths

The difference holds everything that binning does: longer requests, and batches of equal lengths instead of mixed ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from energy_fixtures.errors import MeasurementInvalid
from energy_fixtures.metrics import METRICS
from energy_fixtures.records import Result
from energy_fixtures.workloads.bins import Cell
from reports.workload.total import Difference, Replay, Total, against_replay, total_energy
from reports.workload_totals import batch_energy

PER_ITERATION = METRICS["joules_per_iteration"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One workload on one stack, binned and replayed.

    Attributes:
        workload: Its name. synthetic: Drawn by a generator, not recorded.
        requests: In the cells and in the replay. left_out: In neither, because they are longer than the last bin.
        total: Over the measured cells.
        replay: None where it has no valid window.
        difference: Cells over replay; None where one of them is not whole, then `problem` says why.
        input_inflation, output_inflation: Binned over true tokens.
        result: The replay's, or a cell's where there is none.
    """

    workload: str
    synthetic: bool
    requests: int
    left_out: int
    total: Total
    replay: Replay | None
    difference: Difference | None
    problem: str | None
    input_inflation: float | None
    output_inflation: float | None
    result: Result


def checks_of(results: Sequence[Result], level: float) -> tuple[Check, ...]:
    """One per case that measured a replay, in order of appearance.

    Args:
        results: Those of other cases are passed over.
        level: Confidence of the intervals.
    """
    cases: dict[str, list[Result]] = {}
    for result in results:
        if isinstance(result.params.get("replayed"), str) and result.scenario is not None:
            cases.setdefault(result.fullname.rpartition("::")[0], []).append(result)
    return tuple(_check(parts, level) for parts in cases.values())


def _check(parts: Sequence[Result], level: float) -> Check:
    whole = next((one for one in parts if one.scenario is not None and one.scenario.mix is not None), None)
    cells = {_cell(one): one for one in parts if one is not whole and PER_ITERATION.values(one)}
    measured = list(cells.values())  # the last one of each
    # no `scale`: the board's own gain is the same in cells and replay, which stand beside each other
    total = total_energy(cells, [batch_energy(one, level) for one in measured])
    replay = None if whole is None or not PER_ITERATION.values(whole) else _replay(whole, level)
    problem = _problem(whole, replay, len(measured))
    difference = None
    if replay is not None and problem is None:
        try:
            difference = against_replay(total, replay, level=level)
        except MeasurementInvalid as error:  # parts that do not belong together, as in a file that somebody edited
            problem = str(error)
    return Check(
        workload=str(parts[0].params["replayed"]),
        synthetic=whole is not None and bool(whole.params.get("synthetic")),
        requests=total.requests if whole is None else _noted(whole, "requests"),
        left_out=_noted(whole, "left_out"),
        total=total,
        replay=replay,
        difference=difference,
        problem=problem,
        input_inflation=_inflation(whole, "input_tokens"),
        output_inflation=_inflation(whole, "output_tokens"),
        result=whole or parts[0],
    )


def _problem(whole: Result | None, replay: Replay | None, measured: int) -> str | None:
    cells = _noted(whole, "cells")
    if whole is None:
        return "the replay was not measured"
    if replay is None:
        return "the replay has no valid window"
    return None if measured == cells else f"{cells - measured} of {cells} cells have no valid window"


def _replay(whole: Result, level: float) -> Replay:
    """An iteration of the case is one replay."""
    once = batch_energy(whole, level)
    return Replay(energy_j=once.energy_j, uncertainty_j=once.uncertainty_j, requests=_noted(whole, "requests"))


def _cell(result: Result) -> Cell:
    assert result.scenario is not None  # checks_of keeps no other
    tokens = {"input_tokens": result.scenario.input_tokens, "output_tokens": result.scenario.output_tokens}
    return Cell(**tokens, requests=_noted(result, "requests"))


def _inflation(whole: Result | None, side: str) -> float | None:
    true = _noted(whole, side)
    return _noted(whole, f"binned_{side}") / true if true else None


def _noted(result: Result | None, name: str) -> int:
    """A count that a part wrote beside its Result; 0 where it did not, as in a file that somebody edited."""
    value = None if result is None else result.params.get(name)
    return value if isinstance(value, int) else 0
