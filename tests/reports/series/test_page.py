"""`joules history` as a page and as a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.records import Environment
from reports.render.text import to_lines
from reports.series.answer import Answer
from reports.series.page import bars, renderables, sentence
from reports.series.plot import FORMATS, MOST_POINTS, check, draw, drawn

Rows = Callable[..., pl.DataFrame]
Answered = Callable[..., tuple[Answer, list[Any]]]


def text_of(answer: Answer) -> str:
    return "\n".join(to_lines(renderables(answer), width=100, colour=False))


def test_the_page_says_where_and_how_much(rows: Rows, answered: Answered, stepped: list[float]) -> None:
    """A row with runs, newest value and a line; below it the step with its commits, dates and confidence."""
    answer, _ = answered(rows(stepped))
    page = text_of(answer)
    assert "history of joules_per_output_token (J/token, lower is better): 1 series, 30 runs" in page
    assert "1 step" in page and "mJ/token ±" in page
    assert "between 0000000f (run 15, 2026-09-15) and 00000010 (run 16, 2026-09-16)" in page
    assert "all changes together hold at 99 %" in page
    assert sentence(answer) == "joules_per_output_token: 1 step and 0 drifts in 1 series"


def test_joules_that_were_not_measured_are_labelled_everywhere(
    rows: Rows, answered: Answered, stepped: list[float]
) -> None:
    """In the row, in the caption and above the changes; simulated and modelled series stay apart."""
    frame = pl.concat([rows(stepped, method="modelled"), rows(stepped, method="simulated", run="box/0099_x")])
    answer, _ = answered(frame)
    page = text_of(answer)
    assert "NVIDIA H200  modelled" in page and "NVIDIA H200  simulated" in page
    assert "joules: modelled, not measured\njoules: simulated, not measured\n" in page
    assert "\nb8 on NVIDIA H200, modelled, not measured\n" in page


def test_a_step_at_a_new_driver_is_not_blamed_on_the_commit_alone(
    rows: Rows, answered: Answered, environment: Callable[..., Environment]
) -> None:
    """The page says that the environment changed there as well, and what."""
    board = {"name": "NVIDIA H200", "uuid": "GPU-1", "power_limit_w": 700.0}
    old, new = (environment(boards=({**board, "driver": driver},)) for driver in ("580", "590"))
    frame = rows([1.0] * 10 + [2.0] * 10, environment=[old.key] * 10 + [new.key] * 10)
    answer, _ = answered(frame, old, new)
    page = text_of(answer)
    assert "the environment changed there as well (driver 580 → 590): the code or that" in page
    assert "NVIDIA H200: driver 580 → 590 from 2026-09-11 on" in page


def test_changes_of_the_environment_are_listed_once_and_the_newest_of_many(
    rows: Rows, answered: Answered, environment: Callable[..., Environment]
) -> None:
    """Two series that met the same driver are one line; of seven changes the newest four are told."""
    board = {"name": "NVIDIA H200", "uuid": "GPU-1", "power_limit_w": 700.0}
    places = [environment(boards=({**board, "driver": f"{580 + number}"},)) for number in range(8)]
    values, keys = [1.0 + number / 1e4 for number in range(8)], [place.key for place in places]
    both = [rows(values, case=case, environment=keys) for case in ("b1", "b8")]
    page = text_of(answered(pl.concat(both), *places)[0])
    assert "3 earlier changes; --format json has all" in page
    assert page.count("driver 586 → 587 from 2026-09-08 on, 2 times in 2 series") == 1
    assert "driver 582 → 583" not in page


def test_one_bad_run_is_named_and_not_called_a_change(rows: Rows, answered: Answered) -> None:
    """Also the newest, of which three alike would be one."""
    values = 0.04 * np.exp(np.random.default_rng(1).normal(0, 0.01, 30))
    values[-1] *= 1.1
    answer, _ = answered(rows(list(values)))
    page = text_of(answer)
    assert "1 bad run" in page and "one run is not called a change" in page and "of the newest runs 3 alike" in page
    assert "  step" not in page


def test_too_few_runs_and_no_change_are_different_answers(rows: Rows, answered: Answered) -> None:
    """Below six runs nothing is said to be unchanged."""
    assert "too few runs (< 6)" in text_of(answered(rows([1.0] * 5))[0])
    assert "no change found" in text_of(answered(rows([1.0] * 6))[0])


def test_names_from_files_cannot_paint_the_terminal(rows: Rows, answered: Answered, stepped: list[float]) -> None:
    """Escape sequences of a case, a board, a commit and a branch are written out."""
    evil = "\x1b[31mred"
    frame = rows(stepped, case=evil, board=evil, commit=evil, branch=[evil] + ["main"] * 29)
    assert "\x1b" not in text_of(answered(frame)[0])


def test_noise_looks_flat_and_a_change_does_not(rows: Rows, answered: Answered, stepped: list[float]) -> None:
    """The line of a constant series keeps to the middle; a step goes from low to high."""
    flat = bars(answered(rows(list(np.exp(np.random.default_rng(2).normal(0, 0.01, 60)))))[0].histories[0])
    assert set(flat) <= set("▃▄▅▆")
    line = bars(answered(rows(stepped))[0].histories[0])
    assert "▁" in line[:10] and "█" in line[10:]
    assert set(bars(answered(rows([1.0] * 8))[0].histories[0])) == {"▅"}


def test_the_picture_says_what_the_page_says(
    rows: Rows, answered: Answered, environment: Callable[..., Environment], stepped: list[float]
) -> None:
    """Axes with their unit, what was not measured, the step with its commit, the new driver; names are data."""
    board = {"name": "NVIDIA H200", "uuid": "GPU-1", "power_limit_w": 700.0}
    old, new = (environment(boards=({**board, "driver": driver},)) for driver in ("580", "590"))
    frame = rows(stepped, case="\x1b[31m", method="modelled", environment=[old.key] * 20 + [new.key] * 10)
    answer, found = answered(frame, old, new)
    picture = draw(found, answer, Path("x.SVG")).decode()
    for words in (
        *("x1b[31m on NVIDIA H200, modelled, not measured", "00000010 +", "driver 580 → 590"),
        *("run, oldest first", "mJ/token", "lower is better"),
    ):
        assert words in picture
    assert picture.startswith("<svg") and "\x1b" not in picture
    assert draw(found, answer, Path("x.png")).startswith(b"\x89PNG")


def test_a_long_series_is_thinned_but_for_runs_that_stand_out() -> None:
    """Evenly from the first to the last, with the bad run."""
    shown = drawn(10 * MOST_POINTS, {7})
    assert len(shown) == MOST_POINTS + 1
    assert (shown[0], shown[-1]) == (0, 10 * MOST_POINTS - 1) and 7 in shown
    assert drawn(3, ()) == [0, 1, 2]


@pytest.mark.parametrize("name", ["x.pdf", "x", "x.png.txt"])
def test_a_picture_of_no_known_kind_is_refused(name: str) -> None:
    """Before anything is read; the sentence names the kinds."""
    with pytest.raises(ConfigurationError, match=", ".join(FORMATS)):
        check(Path(name))


def test_plot_and_output_are_two_files(tmp_path: Path) -> None:
    """One would write over the other."""
    with pytest.raises(ConfigurationError, match="name two files"):
        check(tmp_path / "x.svg", tmp_path / "x.svg")
