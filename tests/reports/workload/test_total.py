"""Energy of a workload from its cells, by hand and by law."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.errors import MeasurementInvalid
from energy_fixtures.workloads.bins import PRINTED, Bins, Cell, bin_lengths
from energy_fixtures.workloads.lengths import Lengths, Provenance
from energy_fixtures.workloads.synthetic import draw
from reports.workload.total import CellEnergy, Replay, against_replay, total_energy


def cell(tokens_in: int, tokens_out: int, requests: int) -> Cell:
    return Cell(input_tokens=tokens_in, output_tokens=tokens_out, requests=requests)


def energy(tokens_in: int, tokens_out: int, batch: int, joules: float, error: float | None = 0.0) -> CellEnergy:
    return CellEnergy(
        input_tokens=tokens_in, output_tokens=tokens_out, batch_size=batch, energy_j=joules, uncertainty_j=error
    )


def test_the_sum_by_hand() -> None:
    """Batches may be fractions; independent errors add in squares, a shared one adds to the whole."""
    cells = [cell(32, 8, 100), cell(128, 8, 10)]
    total = total_energy(cells, [energy(32, 8, 64, 128.0, 1.28), energy(128, 8, 4, 20.0, 1.6)], scale=0.03)
    # 100/64·128 + 10/4·20 = 200 + 50; errors 2 and 4 J, and 3 % of 250 J
    assert (total.energy_j, total.covered_j, total.requests, total.batches) == (250.0, 250.0, 110, 4.0625)
    assert total.independent_j == pytest.approx(math.hypot(2.0, 4.0))
    assert total.uncertainty_j == pytest.approx(math.hypot(2.0, 4.0, 7.5))


def test_cells_that_nobody_measured_are_named_and_not_guessed() -> None:
    """The sum of the others is given as what it is; the whole stays unknown, and so does an error that is unknown."""
    cells = [cell(32, 8, 100), cell(128, 8, 10), cell(256, 8, 0)]
    total = total_energy(cells, [energy(32, 8, 50, 10.0, None), energy(4096, 512, 1, 99.0)])
    assert total.energy_j is None and total.covered_j == 20.0 and total.requests == 100
    assert total.missing == (cells[1],) and total.missing_requests == 10
    assert total.independent_j is None and total.uncertainty_j is None
    with pytest.raises(
        MeasurementInvalid, match=r"cells \(128, 8\) were never measured, with 10 requests; measure them"
    ):
        against_replay(total, Replay(energy_j=20.0, uncertainty_j=1.0, requests=110), level=0.95)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: energy(32, 8, 0, 1.0), "a batch of 0"),
        (lambda: energy(32, 8, 1, 0.0), "has 0.0 J per batch"),
        (lambda: energy(32, 8, 1, math.nan), "has nan J per batch"),
        (lambda: energy(32, 8, 1, 1.0, -1.0), "an uncertainty of -1.0 J"),
        (lambda: total_energy([], [energy(32, 8, 1, 1.0)] * 2), r"cell \(32, 8\) was given twice"),
        (lambda: total_energy([], [], scale=-0.1), "the shared relative uncertainty is -0.1"),
    ],
)
def test_impossible_energies_are_refused(made: object, words: str) -> None:
    """Zero is never an energy, and nothing is counted twice."""
    with pytest.raises(MeasurementInvalid, match=words):
        made()  # type: ignore[operator]


def test_the_difference_by_hand() -> None:
    """110 J from cells against 100 J replayed is +10 %; errors of 3 and 4 % make 5 %, on the logarithmic scale."""
    total = total_energy([cell(32, 8, 10)], [energy(32, 8, 10, 110.0, 3.3)], scale=0.5)
    seen = against_replay(total, Replay(energy_j=100.0, uncertainty_j=4.0, requests=10), level=0.95)
    assert seen.share == pytest.approx(0.10)
    assert seen.low == pytest.approx(1.1 * math.exp(-1.959964 * 0.05) - 1)
    assert seen.high == pytest.approx(1.1 * math.exp(1.959964 * 0.05) - 1)
    unknown = against_replay(total, Replay(energy_j=100.0, uncertainty_j=None, requests=10), level=0.95)
    assert (unknown.share, unknown.low, unknown.high) == (pytest.approx(0.10), None, None)


@pytest.mark.parametrize(
    ("replay", "words"),
    [
        (Replay(energy_j=100.0, uncertainty_j=1.0, requests=9), "the cells hold 10 requests and the replay 9"),
        (Replay(energy_j=0.0, uncertainty_j=1.0, requests=10), "have no ratio"),
        (Replay(energy_j=math.inf, uncertainty_j=1.0, requests=10), "have no ratio"),
    ],
)
def test_only_the_same_requests_are_compared(replay: Replay, words: str) -> None:
    """Another number of requests, or no energy, is no check of the method."""
    total = total_energy([cell(32, 8, 10)], [energy(32, 8, 10, 110.0)])
    with pytest.raises(MeasurementInvalid, match=words):
        against_replay(total, replay, level=0.95)


def law(tokens_in: float, tokens_out: float) -> float:
    """Joules of one request, made up: a share per input token, more per output token."""
    return 0.01 * tokens_in + 0.2 * tokens_out


REQUESTS = st.lists(st.tuples(st.integers(1, 8192), st.integers(1, 512)), min_size=1, max_size=40)


@given(requests=REQUESTS, batch=st.integers(1, 64))
def test_where_energy_is_linear_in_tokens_the_cells_overstate_by_the_inflation(
    requests: list[tuple[int, int]], batch: int
) -> None:
    """With such a law the sum over cells is the law of the binned tokens, whatever the batch: never below the replay."""
    tokens = np.array(requests, dtype=np.int64)
    lengths = Lengths(
        input_tokens=tokens[:, 0].copy(),
        output_tokens=tokens[:, 1].copy(),
        arrival_s=None,
        provenance=Provenance(name="t", kind="azure", synthetic=False, rows_read=len(requests)),
    )
    binned = bin_lengths(lengths, PRINTED)
    measured = [
        energy(one.input_tokens, one.output_tokens, batch, batch * law(one.input_tokens, one.output_tokens))
        for one in binned.cells
    ]
    total = total_energy(binned.cells, measured)
    exact = sum(law(tokens_in, tokens_out) for tokens_in, tokens_out in requests)

    assert total.energy_j == pytest.approx(law(binned.binned_input_tokens, binned.binned_output_tokens))
    seen = against_replay(total, Replay(energy_j=exact, uncertainty_j=0.0, requests=len(requests)), level=0.95)
    assert seen.share >= -1e-9 and seen.low == pytest.approx(seen.share) == seen.high


def test_bins_of_every_length_make_the_method_exact() -> None:
    """When each length is a bin of its own, nothing is rounded and the cells say what the replay says."""
    lengths = draw("generation-like", 300, 0)
    every = Bins(inputs=tuple(sorted({int(one) for one in lengths.input_tokens})), outputs=(64,))
    binned = bin_lengths(lengths, every)
    assert binned.input_inflation == binned.output_inflation == 1.0
    measured = [energy(one.input_tokens, 64, 7, 7 * law(one.input_tokens, 64)) for one in binned.cells]
    exact = sum(law(float(one), 64) for one in lengths.input_tokens)
    assert total_energy(binned.cells, measured).energy_j == pytest.approx(exact)
