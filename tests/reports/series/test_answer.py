"""What is said of a series."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from energy_fixtures.records import Environment
from reports.series.answer import SHAPE, Answer, History

Rows = Callable[..., pl.DataFrame]
Answered = Callable[..., tuple[Answer, list[Any]]]


def only(answer: tuple[Answer, list[Any]]) -> History:
    (one,) = answer[0].histories
    return one


def test_a_step_is_told_with_its_commits_and_size(rows: Rows, answered: Answered, stepped: list[float]) -> None:
    """Between the last run before and the first run after, worse by about 5 %, with an interval that holds it."""
    one = only(answered(rows(stepped)))
    (step,) = one.steps
    assert (step.last_before.number, step.first_after.number) == (15, 16)
    assert (step.last_before.commit, step.first_after.commit) == ("0000000f" + "0" * 32, "00000010" + "0" * 32)
    assert step.size.share_low is not None and step.size.share_high is not None
    assert step.size.share_low < 0.05 < step.size.share_high
    assert step.size.before == pytest.approx(0.040, rel=0.01) and step.size.after == pytest.approx(0.042, rel=0.01)
    assert step.size.better is False
    assert step.suspects == "code" and step.environment == ()
    assert step.confidence > 0.99
    assert step.commits == step.latest.number - step.earliest.number + 1


def test_the_newest_run_has_the_interval_of_its_own_rounds(rows: Rows, answered: Answered) -> None:
    """Student's t of five rounds: 2.776 standard errors; of one round none."""
    newest = only(answered(rows([2.0, 2.0], sd=0.1))).newest
    assert newest.high == pytest.approx(2.0 + 2.7764 * 0.1 / 5**0.5, rel=1e-4)
    newest = only(answered(rows([2.0, 2.0], sd=None, rounds=1))).newest
    assert (newest.value, newest.low, newest.high) == (2.0, None, None)


@pytest.mark.parametrize(
    ("commits", "drivers", "suspects"),
    [
        ("each", "same", "code"),
        ("each", "new", "code or environment"),
        ("one", "new", "environment"),
        ("one", "same", "neither"),
        ("unknown", "same", "code"),
    ],
)
def test_what_changed_at_a_step_is_told_apart(
    rows: Rows,
    answered: Answered,
    environment: Callable[..., Environment],
    commits: str,
    drivers: str,
    suspects: str,
) -> None:
    """The code, the environment, both, or neither of them, as the store knows it."""
    board = {"name": "NVIDIA H200", "uuid": "GPU-1", "power_limit_w": 700.0}
    old, new = (environment(boards=({**board, "driver": driver},)) for driver in ("580", "590"))
    levels = [1.0] * 10 + [2.0] * 10
    columns: dict[str, Any] = {"environment": [old.key] * 10 + [(new if drivers == "new" else old).key] * 10}
    if commits != "each":
        columns["commit"] = "a" * 40 if commits == "one" else None
    (step,) = only(answered(rows(levels, **columns), old, new)).steps
    assert step.suspects == suspects
    assert step.environment == (("driver 580 → 590",) if drivers == "new" else ())


def test_more_joules_are_worse_and_more_tokens_better(rows: Rows, answered: Answered, stepped: list[float]) -> None:
    """The metric says which side is better; power says neither."""
    told = {
        name: only(answered(rows(stepped, metric=name))).steps[0].size.better
        for name in ("joules_per_output_token", "output_tokens_per_joule", "avg_power_w")
    }
    assert told == {"joules_per_output_token": False, "output_tokens_per_joule": True, "avg_power_w": None}


def test_values_that_are_not_above_zero_have_no_shares(rows: Rows, answered: Answered) -> None:
    """Net joules may be below zero: the step is told in its unit."""
    values = [-1.0, -1.1, -0.9, -1.0, 4.0, 4.1, 3.9, 4.0]
    one = only(answered(rows(values, metric="net_energy_j")))
    (step,) = one.steps
    assert (step.size.before, step.size.after) == (pytest.approx(-1.0), pytest.approx(4.0))
    assert step.size.share is None and one.between_runs is None and one.within_runs is None


def test_a_drift_blames_no_commit(rows: Rows, answered: Answered) -> None:
    """Ten percent over sixty runs: from where to where, and no step."""
    values = 0.04 * np.exp(np.random.default_rng(3).normal(0, 0.01, 60) + np.linspace(0, np.log(1.1), 60))
    one = only(answered(rows(list(values))))
    assert one.steps == ()
    (drift,) = one.drifts
    assert drift.size.share == pytest.approx(0.1, abs=0.02)
    assert (drift.first.number, drift.last.number) == (1, 60)


def test_the_confidence_is_shared_by_all_series(rows: Rows, answered: Answered, stepped: list[float]) -> None:
    """A step that one series of many shows is less sure than the same step of a single one."""
    alone = only(answered(rows(stepped))).steps[0]
    quiet = [rows([1.0, 1.01] * 8, case=f"c{number}") for number in range(20)]
    (step,) = answered(pl.concat([rows(stepped), *quiet]))[0].histories[0].steps
    assert 1 - step.confidence == pytest.approx(21 * (1 - alone.confidence))


def test_few_runs_say_so_and_a_long_series_has_a_short_shape(rows: Rows, answered: Answered) -> None:
    """Five runs are too few for a change; of 100 runs the line has SHAPE places."""
    few, many = only(answered(rows([1.0] * 5))), only(answered(rows([1.0] * 100)))
    assert (few.enough, few.steps, len(few.shape)) == (False, (), 5)
    assert (many.enough, len(many.shape)) == (True, SHAPE)


def test_mixed_branches_and_edited_checkouts_are_noted(rows: Rows, answered: Answered) -> None:
    """Both put runs into one order that measured other code."""
    frame = rows([1.0] * 4, branch=["main", "main", "wip", "main"], dirty=[False, True, None, False])
    notes = answered(frame)[0].notes
    assert "2 branches in one order (main, wip)" in notes[0]
    assert "up to 1 runs of edited checkouts" in notes[1]
