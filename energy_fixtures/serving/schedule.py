"""What one arrival run asks for: which request is sent when, how long each is, and what its prompt repeats.

A Scenario decides it all: the same in the process that measures, which checks the work, and in the one that sends.
"""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import msgspec

from energy_fixtures.records import Scenario
from energy_fixtures.serving.records import Arrivals
from energy_fixtures.workloads.arrivals import arrival_times_s
from energy_fixtures.workloads.prompts import token_prompts

SEEDS = 1 << 32
"""Of the generators of workloads: a Scenario's seed may be below 0, theirs may not."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One request before it is sent.

    Attributes:
        at_s: When, in seconds after the run began; None for a later turn, which is sent when the one before has ended.
        after: Place of that request among the planned ones; None for a first turn.
        input_tokens, output_tokens: To ask for.
    """

    at_s: float | None
    after: int | None
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """All requests of one run, conversations one after another.

    `cut` counts the workload's requests that were longer than the Scenario allows, `source` names the workload without
    the folder it lies in, with a digest of its content; None where there is none.
    """

    requests: tuple[Planned, ...]
    cut: int = 0
    source: str | None = None

    @property
    def last_s(self) -> float:
        """When the last first turn is due."""
        return max(one.at_s for one in self.requests if one.at_s is not None)


def schedule_of(scenario: Scenario) -> Schedule:
    """The requests of one run of a serving Scenario; equal in every round.

    Raises:
        ConfigurationError: The workload cannot be read, or does not hold what the arrivals ask for.
    """
    assert scenario.arrivals is not None  # of a serving Scenario
    return _schedule(scenario.arrivals, scenario.seed, scenario.input_tokens, scenario.output_tokens)


@functools.lru_cache(maxsize=8)  # each round asks several times, and a trace takes seconds to read
def _schedule(arrivals: Arrivals, seed: int, input_tokens: int, output_tokens: int) -> Schedule:
    if arrivals.workload is not None:
        return _of_workload(arrivals, arrivals.workload, seed, input_tokens, output_tokens)
    planned: list[Planned] = []
    for at_s in arrival_times_s(arrivals, seed):
        for turn in range(arrivals.turns):
            planned.append(
                Planned(
                    at_s=at_s if turn == 0 else None,
                    after=None if turn == 0 else len(planned) - 1,
                    input_tokens=turn * (input_tokens + output_tokens) + input_tokens,
                    output_tokens=output_tokens,
                )
            )
    return Schedule(requests=tuple(planned))


def stored(scenario: Scenario) -> Scenario:
    """The Scenario as a result keeps it: a workload in a file by name and content, never by a user's path."""
    if scenario.arrivals is None or scenario.arrivals.workload is None:
        return scenario
    arrivals = msgspec.structs.replace(scenario.arrivals, workload=schedule_of(scenario).source)
    return msgspec.structs.replace(scenario, arrivals=arrivals)


def longest_tokens(scenario: Scenario) -> int:
    """Prompt and output tokens of the longest request that a serving Scenario may ask for."""
    turns = 1 if scenario.arrivals is None else scenario.arrivals.turns
    return turns * (scenario.input_tokens + scenario.output_tokens)


def prompts_of(
    scenario: Scenario, schedule: Schedule, *, seed: int, vocab_size: int, avoid: Collection[int]
) -> list[list[int]]:
    """A prompt as token ids for every planned request, drawn anew for each seed.

    What is shared by choice is the same inside a run and nowhere else: the first `shared_prefix_tokens` of all, and the
    conversation before a later turn. Its answers are drawn too and not the model's own: so every round asks the same
    work of every server.
    """
    arrivals = scenario.arrivals
    assert arrivals is not None
    repeated = scenario.speculation is not None and scenario.speculation.method == "ngram"
    if arrivals.turns == 1 and arrivals.shared_prefix_tokens == 0 and arrivals.workload is None:
        count, length = len(schedule.requests), scenario.input_tokens
        return token_prompts(
            count=count, length=length, vocab_size=vocab_size, seed=seed, repeated=repeated, avoid=avoid
        )
    wholes = [one for place, one in enumerate(schedule.requests) if _is_last(schedule, place)]
    longest = max(one.input_tokens for one in wholes)
    drawn = token_prompts(
        count=len(wholes) + 1, length=longest, vocab_size=vocab_size, seed=seed, repeated=repeated, avoid=avoid
    )
    prefix = drawn[0][: arrivals.shared_prefix_tokens]
    prompts: list[list[int]] = []
    conversation = 0
    for place, one in enumerate(schedule.requests):
        whole = [*prefix, *drawn[conversation + 1][len(prefix) :]]
        prompts.append(whole[: one.input_tokens])
        conversation += _is_last(schedule, place)
    return prompts


def _is_last(schedule: Schedule, place: int) -> bool:
    """Whether a request ends its conversation."""
    return place + 1 == len(schedule.requests) or schedule.requests[place + 1].after is None


def _of_workload(arrivals: Arrivals, name: str, seed: int, most_in: int, most_out: int) -> Schedule:
    from energy_fixtures.workloads.catalogue import workload  # NumPy is not needed for anything else here

    lengths = workload(name, arrivals.requests, seed % SEEDS)
    inputs, outputs = lengths.input_tokens.tolist(), lengths.output_tokens.tolist()
    recorded_s = None if lengths.arrival_s is None else lengths.arrival_s.tolist()
    times_s = arrival_times_s(arrivals, seed, recorded_s)
    planned = tuple(
        Planned(at_s=at_s, after=None, input_tokens=min(tokens_in, most_in), output_tokens=min(tokens_out, most_out))
        for at_s, tokens_in, tokens_out in zip(times_s, inputs, outputs, strict=True)
    )
    cut = sum(a > most_in or b > most_out for a, b in zip(inputs, outputs, strict=True))
    digest = lengths.provenance.sha256
    source = name if digest is None else f"{Path(name).name}@{digest[:8]}"
    return Schedule(requests=planned, cut=cut, source=source)
