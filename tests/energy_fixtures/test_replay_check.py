"""What a check of the binning measures: cells at their bins' lengths, then the requests as they are."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from energy_fixtures.records import Scenario
from energy_fixtures.replay_check import REPLAY, mixed_of, parts_of
from energy_fixtures.workloads.mix import Mix

SCENARIO = Scenario(engine="transformers", model="tiny", batch_size=2, input_tokens=128, output_tokens=16)


@pytest.fixture
def mixed(tmp_path: Path) -> Scenario:
    """The same Scenario with four requests, of which the third is too long."""
    rows = ["0.0,33,8", "1.0,30,9", "2.0,200,1", "3.0,100,3"]
    path = tmp_path / "trace.csv"
    path.write_text("\n".join(["Timestamp,Request tokens,Response tokens", *rows, ""]))
    return msgspec.structs.replace(SCENARIO, mix=Mix(workload=str(path), requests=4))


def test_cells_come_first_and_then_the_requests_themselves(mixed: Scenario) -> None:
    """By hand: (33, 8) and (100, 3) are one cell, (30, 9) another; all parts have the case's batch size."""
    *cells, replay = parts_of(mixed)

    assert [(one.name, one.noted["requests"]) for one in cells] == [("32+16", 1), ("128+8", 2)]
    assert [(one.scenario.input_tokens, one.scenario.output_tokens) for one in cells] == [(32, 16), (128, 8)]
    assert all(one.scenario.mix is None and one.scenario.batch_size == 2 for one in cells)
    assert (replay.name, replay.scenario) == (REPLAY, mixed)


def test_the_replay_notes_what_its_total_needs(mixed: Scenario) -> None:
    """Counts, tokens as they were and as the bins have them, and what is in neither."""
    *_, replay = parts_of(mixed)

    assert {name: value for name, value in replay.noted.items() if name != "replayed"} == {
        "requests": 3,
        "left_out": 1,
        "cells": 2,
        "synthetic": 0,
        "input_tokens": 163,
        "output_tokens": 20,
        "binned_input_tokens": 288,
        "binned_output_tokens": 32,
    }


def test_a_scenario_of_one_length_is_no_mix() -> None:
    """There is nothing to read, and nothing to replay."""
    assert mixed_of(SCENARIO) is None
    with pytest.raises(ValueError, match="needs a Scenario with a mix"):
        list(parts_of(SCENARIO))


@pytest.mark.parametrize("fields", [{"data_parallel": 2}, {"decoding": {"method": "beam", "num_beams": 2}}])
def test_a_mix_goes_with_plain_decoding_of_one_copy(fields: dict[str, object]) -> None:
    """What could not be dealt out or counted by request is refused at birth."""
    made = {**msgspec.to_builtins(SCENARIO), **fields, "mix": {"requests": 3}}
    with pytest.raises(msgspec.ValidationError, match="a mix goes with one copy and plain decoding"):
        msgspec.convert(made, Scenario)
