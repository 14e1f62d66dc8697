"""Binned against replayed: known answers, and what is said when a part is missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec
import pytest
from rich.console import Console

from energy_fixtures.records import Result
from energy_fixtures.workloads.mix import Mix
from reports.render.replay import replay_parts
from reports.workload.check import checks_of
from reports.workload_totals import totals_of

NOTED = {
    "requests": 12,
    "left_out": 3,
    "cells": 2,
    "synthetic": 1,
    "input_tokens": 200,
    "output_tokens": 80,
    "binned_input_tokens": 300,
    "binned_output_tokens": 100,
}


@pytest.fixture
def part(case: Callable[..., Result]) -> Callable[..., Result]:
    """A part of the check: joules of each trial's iteration, and what it noted."""

    def make(name: str, joules: Sequence[float], noted: dict[str, int], **fields: object) -> Result:
        lengths = {"input_tokens": 32, "output_tokens": 8, "batch_size": 4, **fields}
        tokens = int(str(lengths["batch_size"])) * int(str(lengths["output_tokens"]))
        made = case(name, [one / tokens for one in joules], question="workloads", **lengths)
        fullname = f"benchmarks/test_workloads.py::test_replay[replay-vllm]::{name}"
        params = {"replayed": "chat.csv@12345678", **noted}
        return msgspec.structs.replace(made, fullname=fullname, case=f"replay-vllm::{name}", params=params)

    return make


@pytest.fixture
def parts(part: Callable[..., Result]) -> list[Result]:
    """Two cells and the replay: 8 requests at 4 J and 4 at 6 J a batch of 4 are 14 J; the replay took 10 J."""
    return [
        part("in32-out8", [4.0] * 3, {"requests": 8}),
        part("in64-out8", [6.0] * 3, {"requests": 4}, input_tokens=64),
        part("replay", [10.0] * 3, NOTED, input_tokens=64, mix=Mix(workload="chat.csv@12345678", requests=15)),
    ]


def printed(results: Sequence[Result]) -> str:
    """The parts as a terminal shows them, in one line each."""
    console = Console(width=110)
    with console.capture() as seen:
        console.print(*replay_parts(results, 0.95), sep="\n")
    return seen.get()


def test_the_ratio_by_hand(parts: list[Result]) -> None:
    """14 J in cells over 10 J as they are is 1.4; the bins inflate 200 input tokens to 300 and 80 output tokens to 100."""
    (check,) = checks_of(parts, 0.95)

    assert (check.total.covered_j, check.total.batches, check.requests, check.left_out) == (14.0, 3.0, 12, 3)
    assert check.replay is not None and check.replay.energy_j == pytest.approx(10.0)
    assert check.difference is not None and check.difference.share == pytest.approx(0.4)
    assert (check.input_inflation, check.output_inflation, check.problem) == (1.5, 1.25, None)


def test_the_interval_holds_the_noise_of_both_sides(part: Callable[..., Result], parts: list[Result]) -> None:
    """A noisy replay widens the interval of the ratio; without any noise it is the ratio itself."""
    noisy = [*parts[:2], part("replay", [9.0, 10.0, 11.0], NOTED, mix=Mix(workload="x", requests=15))]
    (sharp,), (wide,) = checks_of(parts, 0.95), checks_of(noisy, 0.95)

    assert sharp.difference is not None and wide.difference is not None
    assert sharp.difference.low == pytest.approx(0.4) and sharp.difference.high == pytest.approx(0.4)
    assert wide.difference.low is not None and wide.difference.high is not None
    assert wide.difference.low < 0.2 < 0.7 < wide.difference.high


def test_a_missing_part_is_told_and_nothing_is_compared(parts: list[Result]) -> None:
    """Without a cell or the replay there is no ratio, but a sentence."""
    (without_cell,) = checks_of([parts[0], parts[2]], 0.95)
    (without_replay,) = checks_of(parts[:2], 0.95)

    assert without_cell.difference is None and without_cell.problem == "1 of 2 cells have no valid window"
    assert without_replay.difference is None and without_replay.problem == "the replay was not measured"
    assert "replay-vllm: 1 of 2 cells have no valid window, so nothing is compared" in printed([parts[0], parts[2]])
    assert "replay-vllm: the replay was not measured, so nothing is compared" in printed(parts[:2])


def test_parts_of_different_requests_are_not_compared(part: Callable[..., Result], parts: list[Result]) -> None:
    """Where the counts of cells and replay differ, which only an edited file can bring about, the reason is told."""
    (check,) = checks_of([parts[0], part("in64-out8", [6.0] * 3, {"requests": 99}, input_tokens=64), parts[2]], 0.95)

    assert check.difference is None and check.problem is not None
    assert check.problem.startswith("the cells hold 107 requests and the replay 12")


def test_a_replay_without_valid_windows_is_told(part: Callable[..., Result], parts: list[Result]) -> None:
    """Windows that do not count are no replay."""
    spoilt = part("replay", [9.0], NOTED, mix=Mix(workload="x", requests=15), invalid=[("throttled",)])
    (check,) = checks_of([*parts[:2], spoilt], 0.95)

    assert (check.replay, check.problem) == (None, "the replay has no valid window")


def test_parts_of_a_check_are_no_workload_total(parts: list[Result]) -> None:
    """Its cells have one batch size for all and are summed with nothing else."""
    assert totals_of(parts, 0.95) == ()
    assert checks_of([msgspec.structs.replace(one, params={}) for one in parts], 0.95) == ()


def test_the_table_says_everything_that_the_method_owes(parts: list[Result]) -> None:
    """Both totals, their ratio with its interval, the inflation of both sides, and what is in neither."""
    seen = printed(parts)
    row = next(line for line in seen.splitlines() if line.startswith("vllm eager"))

    assert "12 requests of chat.csv@12345678 (synthetic), in batches of 4" in seen
    assert re.split(r"\s{2,}", row.strip()) == [
        "vllm eager",
        "14.0 J ± 0.0 %",
        "10.0 J ± 0.0 %",
        "×1.40",
        "1.40 to 1.40",
    ]
    assert "binning inflates input ×1.5000, output ×1.2500" in seen
    assert "3 of 15 are in neither: longer than 64 + 8 tokens" in seen
    assert "in order of arrival; ± is one standard uncertainty without the board's own gain" in " ".join(seen.split())


def test_modelled_joules_are_said_to_be(part: Callable[..., Result]) -> None:
    """The heading carries the word that the joules need."""
    made = part("replay", [10.0] * 3, NOTED, mix=Mix(workload="x", requests=15), method="modelled")

    assert "(modelled, not measured)" in " ".join(printed([made]).split())
