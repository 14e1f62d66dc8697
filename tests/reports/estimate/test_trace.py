"""A fleet of a trace: every row counts, by hand and against drawing."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import pytest

from energy_fixtures.errors import ConfigurationError
from reports.estimate.estimate import Question, estimate
from reports.estimate.histogram import read_histogram
from reports.estimate.reading import read_scenario
from reports.estimate.scenario import Scenario

HEAD = "TIMESTAMP,ContextTokens,GeneratedTokens"
AZURE = Path(__file__).parents[4] / "shared" / "data" / "AzureLLMInferenceTrace_conv.csv.gz"


def written(folder: Path, *rows: str, head: str = HEAD, name: str = "trace.csv") -> Path:
    """A file of these rows."""
    path = folder / name
    path.write_text("\r\n".join((head, *rows)))
    return path


def test_pairs_are_counted_exactly(tmp_path: Path) -> None:
    """Rows with the same two lengths are one entry with a count; the time stamp is not read."""
    path = written(tmp_path, "a,500,300", "b,7,9", "c,500,300")
    found = read_histogram([path])
    assert (found.inputs.tolist(), found.outputs.tolist(), found.counts.tolist()) == (
        [7.0, 500.0],
        [9.0, 300.0],
        [1.0, 2.0],
    )
    assert found.requests == 3
    assert read_histogram([path, path]).counts.tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    "head", ["input_tokens,output_tokens", "Request tokens,Response tokens", "x,num_decode_tokens,num_prefill_tokens"]
)
def test_columns_of_several_sources_are_found(head: str, tmp_path: Path) -> None:
    """The two columns are found by the names that traces use, in any order."""
    row = ",".join(
        {"x": "1"}.get(name, "20" if "de" in name or "out" in name or "Resp" in name else "10")
        for name in head.split(",")
    )
    found = read_histogram([written(tmp_path, row, head=head)])
    assert (found.inputs.tolist(), found.outputs.tolist()) == ([10.0], [20.0])


def test_compressed_and_columnar_files(tmp_path: Path) -> None:
    """A gzip file and a Parquet file of the same rows count alike."""
    import polars as pl

    plain = written(tmp_path, "a,500,300", "b,7,9")
    packed = tmp_path / "trace.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    columns = tmp_path / "trace.parquet"
    pl.read_csv(plain).write_parquet(columns)
    assert [read_histogram([path]).counts.tolist() for path in (plain, packed, columns)] == [[1.0, 1.0]] * 3


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (("a,1,-2",), "holds 1 rows whose lengths are no whole numbers from 0"),
        (("a,1,3.5", "b,2,4"), "holds 1 rows whose lengths are no whole numbers"),
        (("a,1,99999999999",), "whose lengths are no whole numbers from 0 to 10,000,000"),
        (("a,1,",), "holds 1 rows without a length"),
        (("a,1,NaN",), "holds 1 rows without a length"),
        (("a,1,many",), "cannot be read: conversion"),
        ((), "holds no requests"),
    ],
)
def test_rows_that_no_request_has_are_refused(rows: tuple[str, ...], words: str, tmp_path: Path) -> None:
    """Negative, broken, missing and worded lengths are counted and refused, none is dropped or rounded."""
    with pytest.raises(ConfigurationError, match=words):
        read_histogram([written(tmp_path, *rows)])


def test_other_files_are_refused(tmp_path: Path) -> None:
    """A file without the columns, an empty one and a missing one are named."""
    with pytest.raises(ConfigurationError, match=r"trace\.csv has no columns of lengths; it needs ContextTokens"):
        read_histogram([written(tmp_path, "1,2", head="a,b")])
    (tmp_path / "empty.csv").touch()
    with pytest.raises(ConfigurationError, match=r"empty\.csv cannot be read"):
        read_histogram([tmp_path / "empty.csv"])
    with pytest.raises(ConfigurationError, match=r"gone\.csv is not a file"):
        read_histogram([tmp_path / "gone.csv"])


def traced(scenario: Scenario, *paths: Path) -> Question:
    """The question about a trace."""
    return Question(trace=read_histogram(paths))


def test_the_released_total_by_hand(tmp_path: Path) -> None:
    """Two requests to Nemotron: tokens × 10.2 kW ÷ 5,200 tokens/s, times the means of both lognormals."""
    path = written(tmp_path, "a,500,300", "b,9,700")
    scenario = read_scenario(options={"models": ["Llama 3.1 Nemotron Ultra 253B"]})
    trace = estimate(scenario, traced(scenario, path)).trace
    assert trace is not None
    means = math.exp(-0.51083 + 0.24650**2 / 2) * math.exp(0.25936 + 0.12803**2 / 2)
    assert trace.models[0].total_wh == pytest.approx(1000 * 10.2 / (3.6 * 5200) * means, rel=1e-4)
    assert (trace.requests, trace.input_tokens, trace.output_tokens) == (2, 509, 1000)


def test_the_released_interval_is_that_of_drawing(tmp_path: Path) -> None:
    """The closed form agrees with drawing utilisation and PUE for each of a hundred requests, many times."""
    path = written(tmp_path, *(f"t,500,{100 + 10 * index}" for index in range(100)))
    scenario = read_scenario(options={"models": ["DeepSeek-R1"]})
    answer = estimate(scenario, traced(scenario, path))
    assert answer.trace is not None
    found = answer.trace.models[0]
    rng = np.random.default_rng(1)
    outputs = 100 + 10.0 * rng.integers(0, 100, (4000, 100))
    wh = (
        outputs
        * 12.8
        / (3.6 * 1300)
        * rng.lognormal(-0.51083, 0.2465, outputs.shape)
        * rng.lognormal(0.25936, 0.12803, outputs.shape)
    )
    expected = np.percentile(wh.sum(axis=1), (5, 95))
    assert (found.low_wh, found.high_wh) == pytest.approx(tuple(expected), rel=0.02)


def test_ours_is_wider_since_a_fleet_stands_at_one_site(tmp_path: Path) -> None:
    """By our method utilisation, PUE and the fit are those of one site, so that many requests do not narrow the interval."""
    path = written(tmp_path, *["t,500,300"] * 2000)
    wide = {}
    for method in ("released", "refined"):
        scenario = read_scenario(options={"models": ["DeepSeek-R1"], "method": method})
        trace = estimate(scenario, traced(scenario, path)).trace
        assert trace is not None
        wide[method] = trace.models[0].high_wh / trace.models[0].low_wh
    assert wide["released"] < 1.05
    assert wide["refined"] > 2


def test_empty_answers_are_named(tmp_path: Path) -> None:
    """Requests without an answer take no energy by the released method, and the answer says how many there are."""
    scenario = read_scenario()
    answer = estimate(scenario, traced(scenario, written(tmp_path, "a,500,0", "b,500,300")))
    assert answer.notes[0] == "1 requests have answers of no tokens; by the released method they take no energy"


def test_what_a_total_rests_on_is_told(tmp_path: Path) -> None:
    """A trace's answer names each model's fit and its doubts, as that of drawn queries does."""
    scenario = read_scenario(options={"method": "refined"})
    answer = estimate(scenario, traced(scenario, written(tmp_path, "a,500,300")))
    assert len(answer.notes) == 5
    assert "as many rows as constants" in answer.notes[-1]


def test_a_fleet_with_the_lengths_of_a_trace(tmp_path: Path) -> None:
    """Scaled to queries a day, the mean request of the trace counts, with the fleet's factor."""
    scenario = read_scenario()
    question = Question(trace=read_histogram([written(tmp_path, "a,500,300")]), fleet=True)
    answer = estimate(scenario, question)
    assert answer.fleet is not None
    assert answer.trace is not None
    (case,) = answer.fleet.cases
    assert case.gwh_per_day == pytest.approx(answer.trace.models[-1].wh_per_request * scenario.fleet.factor)


@pytest.mark.skipif(not AZURE.exists(), reason="the published trace is not beside this checkout")
def test_the_published_trace() -> None:
    """An hour of conversations: 19,366 requests, 22,361,870 prompt and 4,088,665 generated tokens."""
    found = read_histogram([AZURE])
    sums = (found.requests, int(found.inputs @ found.counts), int(found.outputs @ found.counts))
    assert sums == (19_366, 22_361_870, 4_088_665)
