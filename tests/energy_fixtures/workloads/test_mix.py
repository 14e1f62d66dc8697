"""Requests as they are: which are kept, in which order, and that the bins keep the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.workloads.bins import PRINTED
from energy_fixtures.workloads.mix import Mix, batches, read_mix, up_to

LENGTHS = st.lists(st.tuples(st.integers(1, 600), st.integers(1, 80)), min_size=1, max_size=40)


def trace(folder: Path, lengths: Sequence[tuple[int, int]]) -> str:
    """A BurstGPT trace of these lengths, in this order."""
    rows = [f"{second},m,{given},{made},{given + made},c" for second, (given, made) in enumerate(lengths)]
    path = folder / "trace.csv"
    path.write_text("\n".join(["Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type", *rows, ""]))
    return str(path)


def test_longer_requests_are_in_neither_and_counted(tmp_path: Path) -> None:
    """By hand: of four requests one is too long on each side; the others keep their order and fall into two cells."""
    name = trace(tmp_path, [(33, 8), (257, 1), (10, 17), (20, 9), (5, 5)])

    mixed = read_mix(Mix(workload=name, requests=4), 0, 256, 16)

    assert mixed.lengths == ((33, 8), (20, 9))
    assert (mixed.binned.beyond_input, mixed.binned.beyond_output, mixed.binned.kept) == (1, 1, 2)
    assert [(cell.input_tokens, cell.output_tokens) for cell in mixed.binned.cells] == [(32, 16), (128, 8)]
    assert mixed.binned.input_inflation == (128 + 32) / (33 + 20)


def test_a_file_is_named_by_content_and_never_by_its_folder(tmp_path: Path) -> None:
    """What results keep of a trace is its name and the beginning of its checksum; generators keep their name."""
    mixed = read_mix(Mix(workload=trace(tmp_path, [(1, 1)]), requests=1), 0, 32, 8)
    drawn = read_mix(Mix(workload="burstgpt-like", requests=32), 0, 512, 64)

    assert mixed.source.startswith("trace.csv@") and len(mixed.source) == len("trace.csv@") + 8
    assert (mixed.synthetic, drawn.synthetic, drawn.source) == (False, True, "burstgpt-like")


@pytest.mark.parametrize(
    ("lengths", "requests", "words"),
    [([(300, 1)], 1, "none of the first 1 requests"), ([(3, 1)], 2, "has 1 usable requests, 2 were asked for")],
)
def test_a_workload_that_gives_nothing_to_replay_is_refused(
    tmp_path: Path, lengths: list[tuple[int, int]], requests: int, words: str
) -> None:
    """Too few requests, or none that is short enough, is told in a sentence."""
    with pytest.raises(ConfigurationError, match=words):
        read_mix(Mix(workload=trace(tmp_path, lengths), requests=requests), 0, 256, 16)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LENGTHS, st.integers(1, 700), st.integers(1, 90))
def test_cells_and_replay_are_of_the_same_requests(
    tmp_path: Path, lengths: list[tuple[int, int]], most_input: int, most_output: int
) -> None:
    """Whatever the last bins are, both keep the same requests with the same tokens, and no bin is shorter than a request."""
    fit = tuple(one for one in lengths if one[0] <= most_input and one[1] <= most_output)
    mix = Mix(workload=trace(tmp_path, lengths), requests=len(lengths))
    read_mix.cache_clear()  # the file changes under its name
    if not fit:
        with pytest.raises(ConfigurationError):
            read_mix(mix, 0, most_input, most_output)
        return
    mixed = read_mix(mix, 0, most_input, most_output)

    assert mixed.lengths == fit
    assert (mixed.binned.kept, mixed.binned.left_out) == (len(fit), len(lengths) - len(fit))
    assert (mixed.binned.input_tokens, mixed.binned.output_tokens) == tuple(map(sum, zip(*fit, strict=True)))
    assert (mixed.binned.input_inflation or 0) >= 1 and (mixed.binned.output_inflation or 0) >= 1


@given(st.lists(st.tuples(st.integers(1), st.integers(1)), min_size=1), st.integers(1, 9))
def test_batches_hold_every_request_once_and_in_order(lengths: list[tuple[int, int]], size: int) -> None:
    """Nothing is lost, added or moved; only the last batch may be smaller."""
    made = batches(tuple(lengths), size)

    assert [one for batch in made for one in batch] == lengths
    assert all(len(batch) == size for batch in made[:-1]) and 1 <= len(made[-1]) <= size


def test_the_last_bins_end_the_printed_ones() -> None:
    """At the paper's own limits the bins are the paper's."""
    assert up_to(PRINTED, 8192, 512) == PRINTED


def test_the_bins_of_a_mix_can_be_the_formula(tmp_path: Path) -> None:
    """A prompt of 10 tokens is measured as 16 by the formula and as 32 by the list; other names are refused."""
    name = trace(tmp_path, [(10, 5)])
    cells = {
        bins: read_mix(Mix(workload=name, requests=1, bins=bins), 0, 256, 16).binned.cells
        for bins in ("printed", "powers")
    }

    assert {bins: [cell.input_tokens for cell in made] for bins, made in cells.items()} == {
        "printed": [32],
        "powers": [16],
    }
    with pytest.raises(ValueError, match="bins are printed or powers"):
        Mix(requests=1, bins="pow")
