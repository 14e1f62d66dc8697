"""How far a result is from the floor of its boards: measured joules over the least that they could take.

The floor follows from what a result carries: the model's shape, the scenario, the boards' names and the number format.
Where one of them is missing, the gap is unknown and `floor_for` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.metrics import Metric
from energy_fixtures.phases import decode_j, prefill_j
from energy_fixtures.records import Environment, Result, Scenario, Trial
from reports.boards import Board, lookup
from reports.ideal.floor import Floor, Job, floor_of
from reports.ideal.served import ServedFloor, floor_of_requests

GAP = "gap_to_ideal"
PREFILL_GAP = "prefill_gap_to_ideal"
DECODE_GAP = "decode_gap_to_ideal"

WHAT = {
    GAP: "joules of the GPUs over the floor of their data sheet for the same tokens",
    PREFILL_GAP: "joules of the scope until every request has its first token over prefill's floor",
    DECODE_GAP: "joules of the scope after that over decode's floor",
}
"""The metrics that need a floor, with what each divides."""

QUANTISED = {
    "fp8": "fp8",
    "int8": "int8",
    "bnb-int8": "int8",
    "awq": "int4",
    "awq_marlin": "int4",
    "gptq": "int4",
    "gptq_marlin": "int4",
    "bnb-int4": "int4",
}
"""Number format of the weights by the Scenario's `quantization`, or by what the engine says of a model that is stored so."""


def gap_metric(name: str, environments: Mapping[str, Environment], boards: Path | None = None) -> Metric:
    """The metric of that name, for results made in these environments.

    Args:
        name: One of `WHAT`.
        environments: By key, as results name them.
        boards: File of further boards.
    """
    floors: dict[tuple[str, str, str], Floor | ServedFloor | None] = {}

    def known(result: Result) -> Floor | ServedFloor | None:
        key = (result.environment, result.fullname, result.started_at)
        if key not in floors:
            found = floor_for(result, environments.get(result.environment), boards)
            floors[key] = None if isinstance(found, str) else found
        return floors[key]

    return Metric(name=name, unit="x", direction="lower", what=WHAT[name], of=_FORMULAS[name](known))


def floor_for(result: Result, environment: Environment | None, boards: Path | None = None) -> Floor | ServedFloor | str:
    """The floor of one iteration of this result, or why there is none, as a clause."""
    scenario, shape = result.scenario, result.architecture
    if scenario is None:
        return "a plain function has no floor"
    if shape is None:
        return "the result does not carry the shape of its model"
    if environment is None:
        return "the environment is missing"
    if environment.engine.get("device") == "cpu":  # a GPU that is metered beside it does none of the work
        return "the engine ran on the CPU"
    board = _board(result, environment, boards)
    if isinstance(board, str):
        return board
    if any(trial.generation is not None and trial.generation.prefix_cache_hit_tokens for trial in result.valid_trials):
        return "part of the prompts came from a cache"
    if scenario.engine == "server":
        return "in which number format a running server computes is not known"
    if scenario.arrivals is not None and scenario.prefix_caching and not _hits_counted(result):
        return "whether prompts came from a cache is not known"
    apart = scenario.arrivals is not None or scenario.mix is not None
    requests = _requests(result) if apart else {}
    if apart and not requests:
        return "no request was answered whole"
    way = scenario.quantization or str(environment.engine.get("quantization", "none"))
    if way != "none" and way not in QUANTISED:
        return f"the bytes of {way} weights are not known"
    weights = str(environment.engine.get("dtype", scenario.dtype)) if way == "none" else QUANTISED[way]
    idle_w = [result.idle_w[domain] for domain in result.scope if domain in result.idle_w]
    try:
        job = Job(
            shape=shape,
            batch_size=_together(scenario, environment),
            input_tokens=scenario.input_tokens,
            output_tokens=scenario.output_tokens,
            dtype=weights,
            kv_dtype=_cache(scenario, environment),
            tokens_per_step=1 if scenario.speculation is None else 1 + scenario.speculation.num_tokens,
        )
        count = scenario.tensor_parallel * scenario.pipeline_parallel
        rest_w = fmean(idle_w) if idle_w else None
        if apart:
            return floor_of_requests(requests, job, board, boards=scenario.boards, idle_w=rest_w)
        return floor_of(job, board, count=count, copies=scenario.data_parallel, idle_w=rest_w)
    except ConfigurationError as error:  # a number format that board or table does not know
        return str(error)


def why_unknown(results: Sequence[Result], environments: Mapping[str, Environment], boards: Path | None) -> list[str]:
    """Why some of these have no gap, each reason once, with how many it holds for where not for all."""
    found = [floor_for(result, environments.get(result.environment), boards) for result in results]
    reasons: dict[str, int] = {}
    for reason in found:
        if isinstance(reason, str):
            reasons[reason] = reasons.get(reason, 0) + 1
    total = len(results)
    return [reason if count == total else f"{reason} ({count} of {total} cases)" for reason, count in reasons.items()]


def _together(scenario: Scenario, environment: Environment) -> int:
    """Most requests that one copy of the model computes at once; a server may take more than the case asks for."""
    if scenario.arrivals is None:
        return scenario.batch_size // scenario.data_parallel
    limits = [environment.engine.get("max_num_seqs"), scenario.arrivals.max_concurrency]
    return min([scenario.arrivals.requests, *(limit for limit in limits if isinstance(limit, int))])


def _hits_counted(result: Result) -> bool:
    """Whether the server told of every trial how many tokens of prompts came from its cache."""
    done = [trial.generation for trial in result.valid_trials]
    return all(one is not None and one.prefix_cache_hit_tokens is not None for one in done)


def _requests(result: Result) -> dict[tuple[int, int], float]:
    """Requests of an iteration by input and output tokens, on average: whole answers, as those that failed are no floor."""
    counts: dict[tuple[int, int], float] = {}
    iterations = sum(trial.iterations for trial in result.valid_trials)
    for trial in result.valid_trials:
        for one in () if trial.generation is None else trial.generation.requests:
            lengths = (one.input_tokens, one.output_tokens)
            counts[lengths] = counts.get(lengths, 0.0) + 1 / iterations
    return counts


def _gpus(result: Result) -> tuple[str, ...]:
    return tuple(domain for domain in result.scope if domain.split(":")[0] == "gpu")


def _board(result: Result, environment: Environment, boards: Path | None) -> Board | str:
    """The table's row of the boards in the scope, at the power limit in force; a clause where there is none."""
    indices = [int(domain.split(":")[1]) for domain in _gpus(result)]
    if not indices:
        return "no GPU was metered"
    if max(indices) >= len(environment.boards):
        return "the environment does not name the metered boards"
    metered = [environment.boards[index] for index in indices]
    if any(facts.get("mig") for facts in metered):
        return "a partitioned board meters the whole card"
    names = {str(facts.get("name")) for facts in metered}
    if len(names) > 1:
        return f"the boards differ: {' and '.join(sorted(names))}"
    (name,) = names
    board = lookup(name, boards)
    if board is None:
        return f"the board table has no {name}; describe it in a file (--energy-boards)"
    limits_w = [limit for facts in metered if isinstance(limit := facts.get("power_limit_w"), int | float)]
    return _capped(board, min([board.tdp_w, *limits_w]))


def _capped(board: Board, limit_w: float) -> Board:
    """The board at a lower power limit: it may compute as fast as ever, but not draw more."""
    rest_w = board.idle_w if board.idle_w is not None and board.idle_w < limit_w else None
    return replace(board, tdp_w=limit_w, idle_w=rest_w)


def _cache(scenario: Scenario, environment: Environment) -> str | None:
    """Number format of the cache: its own, or the one that the engine computes in."""
    if scenario.kv_cache_dtype != "auto":
        return "fp8"
    computed = environment.engine.get("dtype")
    return None if computed is None else str(computed)


def _whole(known: _Floors) -> _Formula:
    def of(trial: Trial, result: Result) -> float | None:
        floor, joules = known(result), trial.reading.joules(_gpus(result)) if _gpus(result) else None
        return None if floor is None or joules is None else joules / (trial.iterations * floor.floor_j)

    return of


def _phase(of_phase: _Formula, share: Callable[[Floor], float]) -> Callable[[_Floors], _Formula]:
    def formula(known: _Floors) -> _Formula:
        def of(trial: Trial, result: Result) -> float | None:
            floor = known(result) if _gpus(result) == result.scope else None
            if not isinstance(floor, Floor):  # unknown, or of both phases together
                return None
            joules = of_phase(trial, result)
            return joules / least_j if joules is not None and (least_j := share(floor)) else None

        return of

    return formula


_Formula = Callable[[Trial, Result], float | None]
_Floors = Callable[[Result], Floor | ServedFloor | None]

_FORMULAS: Mapping[str, Callable[[_Floors], _Formula]] = {
    GAP: _whole,
    PREFILL_GAP: _phase(prefill_j, lambda floor: floor.copies * floor.prefill.floor_j),
    DECODE_GAP: _phase(decode_j, lambda floor: floor.copies * floor.decode.floor_j),
}
