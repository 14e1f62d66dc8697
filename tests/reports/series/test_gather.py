"""Rows of the index as series."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.records import Environment
from reports.series.gather import Wanted, gathered, selected

Rows = Callable[..., pl.DataFrame]


def test_cases_methods_and_what_may_not_be_compared_are_apart(
    rows: Rows, environment: Callable[..., Environment]
) -> None:
    """A case is one series per method and per fingerprint; why the second is one of its own is said."""
    usual = environment()
    capped = environment(boards=({"name": "NVIDIA H200", "uuid": "GPU-1", "power_limit_w": 500.0},))
    frame = pl.concat(
        [
            rows([1.0, 1.1]),
            rows([2.0], environment=capped.key, run=["box/0003_x"]),
            rows([3.0], method="modelled", run=["box/0004_x"]),
            rows([4.0], case="b1"),
        ]
    )
    found = gathered(frame, {one.key: one for one in (usual, capped)})
    assert [(one.case, one.method, one.rows["mean"].to_list()) for one in found] == [
        ("b8", "counter", [1.0, 1.1]),
        ("b8", "counter", [2.0]),
        ("b8", "modelled", [3.0]),
        ("b1", "counter", [4.0]),
    ]
    assert [one.apart for one in found] == [(), ("board power_limit_w 700.0 → 500.0",), (), ()]


def test_a_driver_may_change_inside_a_series_and_is_marked(rows: Rows, environment: Callable[..., Environment]) -> None:
    """The run at which it changed is kept with what changed, also when it changes back."""
    board = {"name": "NVIDIA H200", "uuid": "GPU-1", "power_limit_w": 700.0}
    old, new = (environment(boards=({**board, "driver": driver},)) for driver in ("580", "590"))
    frame = rows([1.0] * 5, environment=[old.key, old.key, new.key, new.key, old.key], mean=[1.0, 1.1, 1.2, 1.3, 1.4])
    (found,) = gathered(frame, {one.key: one for one in (old, new)})
    assert [(turn.at, turn.differences) for turn in found.turns] == [
        (2, ("driver 580 → 590",)),
        (4, ("driver 590 → 580",)),
    ]


def test_a_board_is_known_by_its_serial_number_else_by_its_machine(
    rows: Rows, environment: Callable[..., Environment]
) -> None:
    """A machine's folder may be renamed around one board; without a board two folders are two machines."""
    cpu = environment(boards=())
    frame = pl.concat([rows([1.0, 1.1]), rows([1.2], machine="other", run=["other/0001_x"])])
    assert len(gathered(frame, {environment().key: environment()})) == 1
    frame = frame.with_columns(pl.lit(cpu.key).alias("environment"), pl.lit(None, pl.String).alias("board"))
    assert len(gathered(frame, {cpu.key: cpu})) == 2


def test_an_environment_that_is_not_known_is_comparable_with_itself_alone(rows: Rows) -> None:
    """Nothing is guessed of a fingerprint that could not be read."""
    found = gathered(rows([1.0, 2.0, 3.0], environment=["a", "a", "b"]), {})
    assert [one.rows["mean"].to_list() for one in found] == [[1.0, 2.0], [3.0]]
    assert found[1].apart == ("the environment of one of them is not known",)


def test_a_result_that_two_files_hold_counts_once(rows: Rows) -> None:
    """A session that was resumed holds the results of the one that was cut off."""
    frame = rows([1.0, 2.0])
    twice = pl.concat([frame, frame.with_columns(pl.lit("box/0009_resumed").alias("run"))])
    (found,) = gathered(twice, {})
    assert found.rows["mean"].to_list() == [1.0, 2.0]


def test_values_that_are_no_numbers_are_left_out_and_order_is_by_time(rows: Rows) -> None:
    """Rows come in any order; the newest N of a series may be asked for."""
    frame = rows([1.0, float("nan"), 3.0, float("inf"), 5.0])
    (found,) = gathered(frame.reverse(), {})
    assert found.rows["mean"].to_list() == [1.0, 3.0, 5.0]
    (newest,) = gathered(frame, {}, last=2)
    assert newest.rows["mean"].to_list() == [3.0, 5.0]


def test_what_narrows_narrows(rows: Rows) -> None:
    """Cases by name or pattern, branch, board, and date."""
    frame = pl.concat([rows([1.0, 2.0, 3.0]), rows([4.0], case="b1", branch="wip", board="NVIDIA L40S")])
    noon = datetime.datetime(2026, 9, 2, 12, tzinfo=datetime.UTC)
    expected: list[tuple[Wanted, list[float]]] = [
        (Wanted(cases=("b8",)), [1.0, 2.0, 3.0]),
        (Wanted(cases=("b[0-7]", "none")), [4.0]),
        (Wanted(cases=("benchmarks/test_frameworks.py::test_frameworks[b1]",)), [4.0]),
        (Wanted(branch="w*"), [4.0]),
        (Wanted(board="*H200"), [1.0, 2.0, 3.0]),
        (Wanted(since=noon), [3.0]),
    ]
    assert [selected(frame, wanted)["mean"].to_list() for wanted, _ in expected] == [values for _, values in expected]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"cases": ("b9",)}, "no case fits --case b9; there are b8"),
        ({"branch": "mian"}, "no run fits --branch mian; there are main"),
        ({"board": "H100"}, "no run fits --board H100; there are NVIDIA H200"),
        (
            {"since": datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC)},
            "no run since 2027-01-01 00:00; the newest one",
        ),
    ],
)
def test_what_leaves_nothing_is_refused_with_what_there_is(rows: Rows, wanted: dict[str, Any], said: str) -> None:
    """The sentence names the option and offers the nearest."""
    with pytest.raises(ConfigurationError) as refused:
        selected(rows([1.0, 2.0]), Wanted(**wanted))
    assert said in str(refused.value)


def test_names_that_are_offered_cannot_paint_the_terminal(rows: Rows) -> None:
    """They come from files."""
    with pytest.raises(ConfigurationError) as refused:
        selected(rows([1.0], case="\x1b[31m", branch="\x1b[32m"), Wanted(cases=("b9",)))
    assert "\x1b" not in str(refused.value)
    with pytest.raises(ConfigurationError) as refused:
        selected(rows([1.0], branch="\x1b[32m"), Wanted(branch="main"))
    assert "\x1b" not in str(refused.value)
