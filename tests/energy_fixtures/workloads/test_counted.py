"""Lengths that were counted once and are read again without the texts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.workloads.catalogue import workload
from energy_fixtures.workloads.counted import BAD, written
from energy_fixtures.workloads.counting import Estimated
from energy_fixtures.workloads.mix import Mix, read_mix


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Three prompts of 4, 8 and 400 bytes: 1, 2 and 100 tokens by the estimate."""
    path = tmp_path / "prompts.jsonl"
    rows = [{"prompt": "x" * size, "output_tokens": made} for size, made in ((4, 3), (8, 70), (400, 9))]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_counted_lengths_are_read_again_as_they_were(texts: Path, tmp_path: Path) -> None:
    """Same requests in the same order, no arrivals, and the doubt of an estimate stays with them."""
    counted = workload(texts, tokenizer="estimate")
    file = tmp_path / "lengths.csv"
    file.write_text(written(counted))
    again = workload(file)

    assert again.input_tokens.tolist() == counted.input_tokens.tolist() == [1, 2, 100]
    assert again.output_tokens.tolist() == counted.output_tokens.tolist() == [3, 70, 9]
    assert again.arrival_s is None and not again.synthetic and again.provenance.kind == "counted"
    assert again.provenance.doubts == (Estimated().doubt,)
    assert read_mix(Mix(workload=str(file), requests=3), 0, 128, 128).lengths == ((1, 3), (2, 70), (100, 9))


def test_a_bad_row_costs_one_row(tmp_path: Path) -> None:
    """What is no pair of whole numbers is counted, its neighbours stay; without any the file is refused."""
    file = tmp_path / "lengths.csv"
    file.write_text("input_tokens,output_tokens\r\n5,6\r\n0,1\n-1,1\n1\n1,2,3\n99999999999,1\n\n 7 , 8 \n")
    seen = workload(file)

    assert (seen.input_tokens.tolist(), seen.output_tokens.tolist()) == ([5, 7], [6, 8])
    assert dict(seen.provenance.left_out) == {BAD: 5} and seen.provenance.doubts == ()
    file.write_text("input_tokens,output_tokens\nx,y\n")
    with pytest.raises(ConfigurationError, match="no usable row: 1 read"):
        workload(file)


def test_what_was_not_counted_is_not_written(tmp_path: Path) -> None:
    """Drawn lengths would be read as recorded ones; a table is a workload as it stands."""
    with pytest.raises(ConfigurationError, match="burstgpt-like is drawn by its name"):
        written(workload("burstgpt-like", 3))
    table = tmp_path / "t.csv"
    table.write_text("Timestamp,Request tokens,Response tokens\n0,5,6\n")
    with pytest.raises(ConfigurationError, match=r"t\.csv holds token counts already"):
        written(workload(table))
