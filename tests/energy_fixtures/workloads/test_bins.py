"""Requests in cells, as the paper has them."""

from __future__ import annotations

import bisect
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.workloads.bins import NAMED, POWERS, PRINTED, Bins, bin_lengths, chosen, parsed
from energy_fixtures.workloads.catalogue import workload
from energy_fixtures.workloads.lengths import Lengths, Provenance

HOUR = Path(__file__).parents[4] / "shared" / "data" / "AzureLLMInferenceTrace_conv.csv.gz"


def lengths(*requests: tuple[int, int]) -> Lengths:
    """Requests of these input and output lengths."""
    tokens = np.array(requests, dtype=np.int64)
    return Lengths(
        input_tokens=tokens[:, 0].copy(),
        output_tokens=tokens[:, 1].copy(),
        arrival_s=None,
        provenance=Provenance(name="t", kind="azure", synthetic=False, rows_read=len(requests)),
    )


@pytest.mark.parametrize(
    ("request_", "cell"),
    [
        ((33, 8), (128, 8)),
        ((32, 9), (32, 16)),
        ((1, 1), (32, 8)),
        ((8192, 512), (8192, 512)),
        ((8193, 512), None),
        ((8192, 513), None),
    ],
)
def test_lengths_are_rounded_up_to_their_bin(request_: tuple[int, int], cell: tuple[int, int] | None) -> None:
    """33 goes to 128, 8192 stays, 8193 input tokens or 513 output tokens are in no cell."""
    binned = bin_lengths(lengths(request_))
    assert [(one.input_tokens, one.output_tokens) for one in binned.cells] == ([cell] if cell else [])
    assert (binned.kept, binned.left_out) == ((1, 0) if cell else (0, 1))


def test_what_is_in_no_cell_is_counted_by_side() -> None:
    """Too long an input, too long an output and both are told apart; nothing kept means no inflation."""
    binned = bin_lengths(lengths((9000, 8), (9000, 8), (8, 600), (9000, 600)))
    assert (binned.beyond_input, binned.beyond_output, binned.beyond_both) == (2, 1, 1)
    assert binned.input_inflation is None and binned.output_inflation is None


def test_huge_requests_do_not_overflow() -> None:
    """Billions of tokens in a row are summed exactly where bins allow them, and left out where they do not."""
    many = [(1_000_000_000, 2)] * 10
    assert bin_lengths(lengths(*many)).beyond_input == 10
    wide = bin_lengths(lengths(*many), Bins(inputs=(2_000_000_000,), outputs=(2,)))
    assert wide.input_tokens == 10_000_000_000 and wide.input_inflation == 2.0 and wide.output_inflation == 1.0


@pytest.mark.skipif(not HOUR.exists(), reason="the published trace is not beside this checkout")
@pytest.mark.parametrize(
    ("bins", "inflation", "cells"), [(PRINTED, 1.4290, (43, 56)), (POWERS, 1.4287, (49, 70))], ids=["printed", "powers"]
)
def test_the_conversation_trace_gives_the_published_counts(
    bins: Bins, inflation: float, cells: tuple[int, int]
) -> None:
    """Requests kept and dropped, tokens, inflation and cells are those of the reference, for both lists of bins."""
    binned = bin_lengths(workload(HOUR), bins)
    assert (binned.kept, binned.beyond_output, binned.beyond_input, binned.beyond_both) == (18_803, 562, 1, 0)
    assert (binned.input_tokens, binned.output_tokens) == (21_733_178, 3_748_565)
    assert binned.binned_output_tokens == 4_911_464
    assert bins is POWERS or binned.binned_input_tokens == 31_056_576
    assert binned.input_inflation == pytest.approx(inflation, abs=5e-5)
    assert binned.output_inflation == pytest.approx(1.3102, abs=5e-5)
    assert (len(binned.cells), binned.possible) == cells


EDGES = st.lists(st.integers(1, 60), min_size=1, max_size=6, unique=True).map(lambda edges: tuple(sorted(edges)))


@given(
    requests=st.lists(st.tuples(st.integers(1, 70), st.integers(1, 70)), min_size=1, max_size=40),
    inputs=EDGES,
    outputs=EDGES,
)
def test_every_request_is_in_the_smallest_cell_that_holds_it(
    requests: list[tuple[int, int]], inputs: tuple[int, ...], outputs: tuple[int, ...]
) -> None:
    """Counts, sums and exclusions are those of looking at one request after the other; inflation is never below 1."""
    fits = [(i, o) for i, o in requests if i <= inputs[-1] and o <= outputs[-1]]
    cells = Counter((inputs[bisect.bisect_left(inputs, i)], outputs[bisect.bisect_left(outputs, o)]) for i, o in fits)
    binned = bin_lengths(lengths(*requests), Bins(inputs=inputs, outputs=outputs))

    assert {(cell.input_tokens, cell.output_tokens): cell.requests for cell in binned.cells} == cells
    for cell in binned.cells:
        inside = [
            (i, o)
            for i, o in fits
            if inputs[bisect.bisect_left(inputs, i)] == cell.input_tokens
            and outputs[bisect.bisect_left(outputs, o)] == cell.output_tokens
        ]
        assert (cell.true_input_tokens, cell.true_output_tokens) == tuple(map(sum, zip(*inside, strict=True)))
    assert binned.kept + binned.left_out == len(requests)
    assert (binned.input_tokens, binned.output_tokens) == (sum(i for i, _ in fits), sum(o for _, o in fits))
    assert not fits or (binned.input_inflation or 0) >= 1


def test_bins_are_chosen_by_name_file_or_list(tmp_path: Path) -> None:
    """A list replaces one side of what was named; a JSON file names both."""
    assert chosen("printed") == PRINTED and chosen("powers") == POWERS and set(NAMED) == {"printed", "powers"}
    assert chosen("powers", inputs=(4, 8)) == Bins(inputs=(4, 8), outputs=POWERS.outputs)
    file = tmp_path / "bins.json"
    file.write_text(json.dumps({"inputs": [10, 20], "outputs": [5]}))
    assert chosen(str(file)) == Bins(inputs=(10, 20), outputs=(5,))
    assert parsed("32, 128,512", "--input-bins") == (32, 128, 512)


@pytest.mark.parametrize(
    ("content", "words"),
    [('{"inputs": [8, 4], "outputs": [5]}', "that rise"), ("[1]", "holds no bins"), ('{"inputs": [8]}', "outputs")],
)
def test_wrong_bins_are_told(tmp_path: Path, content: str, words: str) -> None:
    """Bins that do not rise and files that hold none end in a sentence."""
    file = tmp_path / "bins.json"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=words):
        chosen(str(file))


@pytest.mark.parametrize("text", ["", "3,,4", "3;4", "-3", "1.5", "٣"])
def test_a_list_of_bins_holds_whole_numbers(text: str) -> None:
    """Anything else is refused with the option's name."""
    with pytest.raises(ConfigurationError, match="--input-bins has"):
        parsed(text, "--input-bins")
    with pytest.raises(ConfigurationError, match="neither printed nor powers"):
        chosen("no such file")
    with pytest.raises(ConfigurationError, match="the output bins are none"):
        Bins(inputs=(1,), outputs=())
