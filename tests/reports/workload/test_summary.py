"""The figures of a workload."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.workloads.catalogue import workload
from energy_fixtures.workloads.lengths import Lengths, Provenance
from reports.workload import summary
from reports.workload.summary import Pace, spectrum, summarise

HOUR = Path(__file__).parents[4] / "shared" / "data" / "AzureLLMInferenceTrace_conv.csv.gz"


def lengths(inputs: list[int], outputs: list[int], arrival_s: list[float] | None = None) -> Lengths:
    return Lengths(
        input_tokens=np.array(inputs, dtype=np.int64),
        output_tokens=np.array(outputs, dtype=np.int32),
        arrival_s=None if arrival_s is None else np.array(arrival_s, dtype=np.float64),
        provenance=Provenance(name="t", kind="azure", synthetic=False, rows_read=len(inputs)),
    )


@pytest.mark.skipif(not HOUR.exists(), reason="the published trace is not beside this checkout")
def test_the_conversation_trace_has_the_published_figures() -> None:
    """Mean, deviation, median, p99, rate and the spread of the gaps are those of the reference."""
    seen = summarise(workload(HOUR))
    assert (round(seen.input.mean, 2), round(seen.input.sd, 2)) == (1154.70, 1108.79)
    assert (seen.input.median, seen.input.p99, seen.input.largest) == (1020, 4142, 14_050)
    assert (round(seen.output.mean, 2), round(seen.output.sd, 2)) == (211.13, 162.87)
    assert (seen.output.median, seen.output.p99, seen.output.largest) == (129, 601, 1000)
    assert seen.pace is not None and seen.pace.rate_per_s is not None and seen.pace.gap_cv is not None
    assert round(seen.pace.duration_s, 1) == 3501.7
    assert (round(seen.pace.rate_per_s, 2), round(seen.pace.gap_cv, 2)) == (5.53, 1.09)


TOKENS = st.lists(st.integers(1, 3000), min_size=1, max_size=50)


@given(tokens=TOKENS, dense=st.sampled_from([10, 1 << 22]))
def test_figures_are_numpys(tokens: list[int], dense: int) -> None:
    """Counting by value gives what NumPy gives for the requests themselves, by either way of counting."""
    before, summary._DENSE = summary._DENSE, dense
    try:
        side = summarise(lengths(tokens, [1] * len(tokens))).input
        values, counts = spectrum(np.array(tokens, dtype=np.int32))
    finally:
        summary._DENSE = before
    assert np.repeat(values, counts).tolist() == sorted(tokens)
    assert side.total == sum(tokens) and (side.smallest, side.largest) == (min(tokens), max(tokens))
    assert side.mean == pytest.approx(np.mean(tokens)) and side.sd == pytest.approx(np.std(tokens), abs=1e-9)
    expected = np.percentile(tokens, [50, 90, 95, 99])
    assert [side.median, side.p90, side.p95, side.p99] == pytest.approx(expected.tolist())


def test_billions_of_tokens_are_summed_exactly() -> None:
    """Neither the sum nor the deviation overflows."""
    side = summarise(lengths([10**9, 10**9, 1], [1, 1, 1])).input
    assert side.total == 2 * 10**9 + 1 and side.median == 10**9 and side.sd == pytest.approx(471404520.3)


@pytest.mark.parametrize(
    ("arrival_s", "pace"),
    [
        ([0.0, 1.0, 2.0, 3.0], Pace(duration_s=3.0, rate_per_s=1.0, gap_cv=0.0)),
        ([0.0, 0.0, 0.0, 6.0], Pace(duration_s=6.0, rate_per_s=0.5, gap_cv=pytest.approx(2**0.5))),
        ([0.0, 0.0, 0.0, 0.0], Pace(duration_s=0.0, rate_per_s=None, gap_cv=None)),
    ],
)
def test_pace_by_hand(arrival_s: list[float], pace: Pace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even gaps have no spread, three at once and a pause have √2, and all at once has no rate; in pieces as in one."""
    assert summarise(lengths([1] * 4, [1] * 4, arrival_s)).pace == pace
    monkeypatch.setattr(summary, "_AT_ONCE", 2)
    assert summarise(lengths([1] * 4, [1] * 4, arrival_s)).pace == pace


def test_a_single_request_has_no_rate() -> None:
    """One request: figures of its length, no pace to speak of; unknown arrivals are unknown."""
    assert summarise(lengths([5], [1], [0.0])).pace == Pace(duration_s=0.0, rate_per_s=None, gap_cv=None)
    assert summarise(lengths([5], [1])).pace is None


def test_classes_are_powers_of_two_without_gaps() -> None:
    """A length is in the class of the power of two that is not below it; empty classes between are there."""
    seen = summarise(lengths([1, 2, 3, 4, 5, 33], [8] * 6)).classes
    assert [(one.up_to_tokens, one.input_requests, one.output_requests) for one in seen] == [
        (1, 1, 0),
        (2, 1, 0),
        (4, 2, 0),
        (8, 1, 6),
        (16, 0, 0),
        (32, 0, 0),
        (64, 1, 0),
    ]
