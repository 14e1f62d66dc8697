"""The largest batch that fits, found safely: what the engine says first, then trying. Running out of memory is an answer.

    most tried   the case's own batch_size: no more is asked for
    capacity     vLLM reserves its KV cache while loading and says how many tokens it holds
    room         Transformers lets its cache grow: bytes per token by the architecture, against the memory that is left
    trying       1, 2, 4, ... sequences do the case's whole work once; after the first that does not fit, bisection

Nothing beyond capacity or room is tried, so a host is not driven to its out-of-memory killer. Where capacity is known,
one try at it settles the matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import msgspec

from energy_fixtures.boards import read_boards
from energy_fixtures.engines.base import Work
from energy_fixtures.engines.host import EngineHost
from energy_fixtures.errors import EngineFailed
from energy_fixtures.models.catalogue import architecture_of, weight_bytes
from energy_fixtures.models.dimensions import BYTES_PER_PARAMETER, Architecture
from energy_fixtures.record import need
from energy_fixtures.records import Scenario
from energy_fixtures.scenarios import Resolved

SHARE_OF_HOST = 0.8
"""Of the host's available memory, what a batch may take: the rest is for allocators, other processes and the file cache."""

FINENESS = 16
"""Bisection ends when the answer is known to one part in so many: the joules per token hardly differ within that."""

TRY_SEED = 999_983  # of the prompts that are tried; no round of a case begins there

Facts = Mapping[str, str | int | float | bool]


@dataclass(frozen=True, kw_only=True)
class Found:
    """The largest batch that fits, and why it is not larger, in a few words."""

    batch_size: int
    because: str


@dataclass(frozen=True, kw_only=True)
class Limit:
    """No more sequences than this are tried. `certain` where the engine itself promises that so many fit."""

    sequences: int
    because: str
    certain: bool = False


def largest(fits: Callable[[int], bool], limits: list[Limit]) -> Found:
    """The largest batch that fits, to one part in `FINENESS`.

    Args:
        fits: Tries so many sequences; asked with ascending numbers, then between the last two.
        limits: At least one.

    Raises:
        EngineFailed: kind "out_of_memory" where not even one sequence fits.
    """
    lowest = min(limits, key=lambda limit: limit.sequences)
    most = lowest.sequences
    need(most >= 1, "a limit leaves room for one sequence", most)
    good, size = 0, most if lowest.certain else 1
    while fits(size):
        good = size
        if good == most:
            return Found(batch_size=good, because=lowest.because)
        size = min(2 * size, most)
    bad = size
    while bad - good > max(1, good // FINENESS):
        middle = (good + bad) // 2
        good, bad = (middle, bad) if fits(middle) else (good, middle)
    if not good:
        raise EngineFailed("Not even a batch of one fits into the memory; use a smaller model.", kind="out_of_memory")
    return Found(batch_size=good, because=f"out of memory at {bad}")


def at_largest_batch(
    case: Resolved, load: Callable[[Resolved], EngineHost], on_try: Callable[[int], None] = lambda size: None
) -> Resolved:
    """The same case at the largest batch that fits; its own batch_size is the most that is tried.

    Args:
        case: What to do.
        load: Its engine, loaded if it is not or has ended.
        on_try: Told each batch size before it is tried.

    Returns:
        The case with the number in its Scenario, and in `noted` the most that was tried and why it is not more.

    Raises:
        EngineFailed: Not even one sequence fits, or the engine failed for another reason.
    """

    def fits(size: int) -> bool:
        on_try(size)
        return _does(load(case), _sized(case.scenario, size), case)

    host = load(case)
    limits = [Limit(sequences=case.scenario.batch_size, because="the most that was tried")]
    limits += [limit for limit in (capacity(host.facts, case.scenario), room(case)) if limit is not None]
    found = largest(fits, limits)
    noted: dict[str, str | int] = {"most_tried": case.scenario.batch_size, "largest_because": found.because}
    return replace(case, scenario=_sized(case.scenario, found.batch_size), noted=noted)


def capacity(facts: Facts, scenario: Scenario) -> Limit | None:
    """How many sequences fit into the cache that the engine has reserved; None where it reserves none.

    Args:
        facts: What the loaded engine (one copy of it) said: `kv_cache_tokens`, `block_tokens`, `max_num_seqs`.
        scenario: Lengths, beams and copies.
    """
    tokens, block, most = (facts.get(name) for name in ("kv_cache_tokens", "block_tokens", "max_num_seqs"))
    if not isinstance(tokens, int) or not isinstance(block, int) or not isinstance(most, int):
        return None
    each = -(-_tokens(scenario) // block) * block
    copies, beams = scenario.data_parallel, scenario.decoding.num_beams or 1
    by_cache, by_schedule = tokens // each // beams * copies, most // beams * copies
    if by_cache < by_schedule:
        because = f"the KV cache of {tokens} tokens holds no more"
        return Limit(sequences=max(by_cache, 1), because=because, certain=True)
    return Limit(sequences=max(by_schedule, 1), because=f"the engine schedules {most} sequences at most", certain=True)


def room(case: Resolved) -> Limit | None:
    """How many sequences the memory that is left can hold at most, for engines whose cache grows; None where unknown.

    Of each sequence are counted its keys and values at full length, and the widest layer's activations of its prompt.
    What else is needed, only trying tells: this is no promise.
    """
    shape = architecture_of(case.spec.model)
    if case.scenario.engine != "transformers" or shape is None:
        return None
    left_bytes = _memory_left(case)
    if left_bytes is None:
        return None
    each = sequence_bytes(shape, case.scenario)
    sequences = int(left_bytes / each) * case.scenario.data_parallel
    return Limit(sequences=max(sequences, 1), because=f"{left_bytes / 1e9:.1f} GB of memory hold no more")


def sequence_bytes(shape: Architecture, scenario: Scenario) -> float:
    """Bytes that one sequence takes at its end at least: KV cache of every beam, activations of one layer."""
    number = BYTES_PER_PARAMETER.get(scenario.dtype, 2)
    cache = (scenario.decoding.num_beams or 1) * shape.kv_bytes(_tokens(scenario), number)
    inner = max(shape.intermediate_size, shape.expert_intermediate_size * shape.experts_per_token)
    return cache + scenario.input_tokens * (2 * inner + 4 * shape.hidden_size) * number


def _memory_left(case: Resolved) -> float | None:
    """Bytes that a batch may take on one copy's board, or on the host; None where nobody can tell."""
    if case.spec.device == "cpu":
        import psutil

        return SHARE_OF_HOST * psutil.virtual_memory().available / case.scenario.data_parallel
    sizes = [float(board["memory_total_bytes"]) for board in read_boards() if "memory_total_bytes" in board]
    weights = weight_bytes(case.spec.model, case.scenario.dtype)
    return None if not sizes or weights is None else max(min(sizes) - weights, 0.0)


def _does(host: EngineHost, scenario: Scenario, case: Resolved) -> bool:
    """Whether the engine does this work once, whole and at once."""
    try:
        host.prepare(Work(scenario=scenario, iterations=1, seed=TRY_SEED, draft=case.draft))
        host.go()
        return not host.collect().preemptions
    except EngineFailed as failure:
        # one alone that is refused is not too large: the case itself is not possible
        refused = failure.kind == "unsupported" and scenario.batch_size > 1
        if ran_out_of_memory(failure):
            host.close()  # what is left of such an engine is not to be trusted; the next try loads it anew
        elif not refused:
            raise
        return False


def ran_out_of_memory(failure: EngineFailed) -> bool:
    """Whether the framework said so, or the kernel ended the process for it."""
    killed = failure.kind == "killed" and "out-of-memory killer" in str(failure.args[0])
    return failure.kind == "out_of_memory" or killed


def _sized(scenario: Scenario, batch_size: int) -> Scenario:
    return msgspec.structs.replace(scenario, batch_size=max(batch_size, scenario.data_parallel))


def _tokens(scenario: Scenario) -> int:
    ahead = 0 if scenario.speculation is None else scenario.speculation.num_tokens
    return scenario.input_tokens + scenario.output_tokens + ahead
