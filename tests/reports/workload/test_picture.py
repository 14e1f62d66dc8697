"""The joint picture of lengths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.workloads.bins import PRINTED
from energy_fixtures.workloads.lengths import Lengths, Provenance
from energy_fixtures.workloads.synthetic import draw as drawn
from reports.workload.picture import check, count, draw


def lengths(requests: list[tuple[int, int]], name: str = "t", synthetic: bool = False) -> Lengths:
    tokens = np.array(requests, dtype=np.int64)
    return Lengths(
        input_tokens=tokens[:, 0].copy(),
        output_tokens=tokens[:, 1].copy(),
        arrival_s=None,
        provenance=Provenance(name=name, kind="azure", synthetic=synthetic, rows_read=len(requests)),
    )


@given(requests=st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 600)), min_size=1, max_size=30))
def test_every_request_is_in_the_class_between_its_edges(requests: list[tuple[int, int]]) -> None:
    """Half octaves hold all requests, each above its lower edge and not above its upper one."""
    joint = count(lengths(requests))
    assert joint.counts.sum() == len(requests)
    for tokens_in, tokens_out in requests:
        row, column = (int(np.searchsorted(joint.edges, tokens)) - 1 for tokens in (tokens_in, tokens_out))
        assert joint.edges[row] < tokens_in <= joint.edges[row + 1]
        assert joint.counts[row, column] >= 1
    assert joint.edges[0] < 1 <= joint.edges[1]


def test_the_picture_names_its_axes_the_workload_and_the_bins() -> None:
    """Both axes have their unit, the title says what was drawn and that it was, and requests are the colour."""
    page = draw(drawn("burstgpt-like", 200, 0), PRINTED, Path("x.svg")).decode()
    for words in (
        "input length, tokens",
        "output length, tokens",
        "requests",
        "burstgpt-like",
        "synthetic: drawn, not",
    ):
        assert words in page
    assert "the bins" in page and page.startswith("<svg")


def test_each_kind_of_file_is_what_its_name_says() -> None:
    """PNG, SVG and a page that needs no network; one request and an unprintable name are no obstacle."""
    one = lengths([(1, 1)], name="evil\x1b[31m.csv")
    assert draw(one, PRINTED, Path("x.png")).startswith(b"\x89PNG")
    assert b"\x1b" not in draw(one, PRINTED, Path("x.SVG"))
    page = draw(one, PRINTED, Path("x.html")).decode()
    assert "<html" in page and "vega" in page and 'src="http' not in page


def test_other_kinds_are_refused_before_anything_is_read() -> None:
    """A name without a known ending, or the name of the answer's file, ends in a sentence."""
    with pytest.raises(ConfigurationError, match=r"--plot x\.gif is no kind of picture; end the name in \.png"):
        check(Path("x.gif"))
    with pytest.raises(ConfigurationError, match="--plot and -o both name"):
        check(Path("x.svg"), Path("x.svg"))
    check(Path("x.PNG"), Path("x.txt"))
