"""The record that every consumer of a workload gets."""

from __future__ import annotations

import numpy as np
import pytest

from energy_fixtures.workloads.lengths import Lengths, Provenance


def lengths(arrival_s: list[float] | None = None, **changes: object) -> Lengths:
    fields: dict[str, object] = {
        "input_tokens": np.array([3, 1, 2], dtype=np.int32),
        "output_tokens": np.array([4, 5, 6], dtype=np.int64),
        "arrival_s": None if arrival_s is None else np.array(arrival_s),
        "provenance": Provenance(name="t.csv", kind="azure", synthetic=False, rows_read=4, left_out={"why": 1}),
    }
    return Lengths(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"input_tokens": np.array([], dtype=np.int32)}, "at least one request"),
        ({"output_tokens": np.array([1], dtype=np.int32)}, "output_tokens has the shape"),
        ({"input_tokens": np.array([1.0, 2.0, 3.0])}, "input_tokens is int32 or int64"),
        ({"output_tokens": np.array([1, 0, 1], dtype=np.int32)}, "output_tokens >= 1"),
        ({"arrival_s": np.array([0.0, 1.0])}, "arrival_s has the shape"),
        ({"arrival_s": np.array([1.0, 2.0, 3.0])}, "arrival_s begins at 0"),
        ({"arrival_s": np.array([0.0, 2.0, 1.0])}, "arrival_s never falls"),
        ({"arrival_s": np.array([0.0, np.nan, 1.0])}, "arrival_s never falls"),
    ],
)
def test_impossible_lengths_cannot_be_made(changes: dict[str, object], rule: str) -> None:
    """Arrays of other shapes or types, lengths below 1 and arrivals that fall are refused by rule."""
    with pytest.raises(ValueError, match=rule):
        lengths(**changes)


def test_lengths_cannot_be_changed() -> None:
    """The arrays are read-only, and so is the count of what was left out."""
    some = lengths([0.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="read-only"):
        some.input_tokens[0] = 7
    with pytest.raises(TypeError):
        some.provenance.left_out["why"] = 2  # type: ignore[index]


def test_the_first_requests_keep_their_arrivals_and_say_that_there_were_more() -> None:
    """A stretch from the beginning has the same lengths and times, and a note; the whole is itself."""
    some = lengths([0.0, 1.0, 3.0])
    first = some.first(2)
    assert first.input_tokens.tolist() == [3, 1] and first.output_tokens.tolist() == [4, 5]
    assert first.arrival_s is not None and first.arrival_s.tolist() == [0.0, 1.0]
    assert first.provenance.doubts == ("the first 2 of 3 requests",)
    assert some.first(3) is some
    with pytest.raises(ValueError, match="requests is 1 to 3"):
        some.first(4)


def test_a_synthetic_workload_is_never_shown_without_the_word() -> None:
    """The label of drawn lengths says that they were drawn; a recorded trace has its plain name."""
    drawn = Provenance(name="burstgpt-like", kind="synthetic", synthetic=True, rows_read=3)
    assert lengths(provenance=drawn).label == "burstgpt-like (synthetic)"
    assert lengths().label == "t.csv" and len(lengths()) == 3
