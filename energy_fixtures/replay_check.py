"""What a check of the binning consists of: every cell of some requests, then the same requests as they are.

    cell 32+8          full batches of B, all of the bins' lengths           N / B of them make the cell's share
    cell 128+8         ...
    replay             the requests themselves, B at a time in order of arrival, each with its own lengths

All at the same B on the same engine, so that lengths are the only difference. `reports/workload/check.py` adds the cells
up and sets them against the replay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from energy_fixtures.record import need
from energy_fixtures.records import Scenario
from energy_fixtures.workloads.mix import Mixed, read_mix

REPLAY = "replay"
"""Name of the part that sends the requests as they are."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One thing to measure: its name inside the test, what to do, and what its Result notes beside it."""

    name: str
    scenario: Scenario
    noted: Mapping[str, str | int]


def mixed_of(scenario: Scenario) -> Mixed | None:
    """The requests of a Scenario whose requests differ in length; None where all have its own lengths.

    Raises:
        ConfigurationError: Its workload cannot be read, holds too few requests, or only longer ones.
    """
    if scenario.mix is None:
        return None
    return read_mix(scenario.mix, scenario.seed, scenario.input_tokens, scenario.output_tokens)


def parts_of(scenario: Scenario) -> Iterator[Part]:
    """Everything that the check of this Scenario measures: cells from short to long, then the replay.

    Args:
        scenario: With a `mix` whose workload is named.

    Raises:
        ConfigurationError: As `mixed_of`.
    """
    mixed = mixed_of(scenario)
    need(mixed is not None, "a replay needs a Scenario with a mix", scenario.mix)
    assert mixed is not None
    binned = mixed.binned
    for cell in binned.cells:
        sizes = {"input_tokens": cell.input_tokens, "output_tokens": cell.output_tokens}
        yield Part(
            name=f"{cell.input_tokens}+{cell.output_tokens}",  # short: a table's name column holds it unfolded
            scenario=msgspec.structs.replace(scenario, mix=None, **sizes),
            noted={"replayed": mixed.source, "requests": cell.requests},
        )
    yield Part(
        name=REPLAY,
        scenario=scenario,
        noted={
            "replayed": mixed.source,
            "requests": binned.kept,
            "left_out": binned.left_out,
            "synthetic": int(mixed.synthetic),
            "cells": len(binned.cells),
            "input_tokens": binned.input_tokens,
            "output_tokens": binned.output_tokens,
            "binned_input_tokens": binned.binned_input_tokens,
            "binned_output_tokens": binned.binned_output_tokens,
        },
    )
