from __future__ import annotations

import math
from dataclasses import replace

import pytest

from reports.predict.models import known_shapes
from reports.predict.validation import MOST_FOLDS, SPLITS, Held, chosen_residual, errors, leave_out

GPUS = ("A100-40", "L4")


@pytest.fixture
def rows(row, constants):
    """Four models on two boards."""
    return [row(model, gpu, constants) for model in ("OPT-125M", "OPT-1.3B", "Phi-2", "Gemma-2B") for gpu in GPUS]


def test_errors_by_hand(row, constants):
    """Two rows of 1 and 3 Wh, predicted 10 % too high and 20 % too low: 15 % on average, and the differences in Wh."""
    one = row("OPT-125M", "L4", constants)
    held = [
        Held(observation=replace(one, joules=3600.0), joules=3960.0),
        Held(observation=replace(one, joules=10_800.0), joules=8640.0),
        Held(observation=replace(one, joules=7200.0), joules=7200.0),
    ]
    known = errors(held)
    assert known is not None
    assert (known.rows, known.mape, known.median_ape) == (3, pytest.approx(10.0), pytest.approx(10.0))
    assert known.mae_wh == pytest.approx(0.7 / 3)
    assert known.rmse_wh == pytest.approx(math.sqrt((0.01 + 0.36) / 3))
    assert known.r2 == pytest.approx(1 - 0.37 / 2)
    assert errors([], "single") is None


@pytest.mark.parametrize(("split", "groups"), [("model", 4), ("gpu", 2)])
def test_a_group_never_teaches_its_own_prediction(rows, split, groups):
    """Whoever predicts a row has not seen any row of its model, or of its board, and every row is predicted once."""
    seen = []

    def spy(training):
        names = {one.model if split == "model" else one.gpu for one in training}
        seen.append(names)
        return lambda one: 1.0 if (one.model if split == "model" else one.gpu) not in names else math.nan

    held = leave_out(rows, split, spy)
    assert len(seen) == groups
    assert len(held) == len(rows)
    assert all(one.joules == 1.0 for one in held)


def test_what_is_alone_cannot_be_left_out(row, constants):
    """With one board only there is no unseen board to tell of."""
    assert leave_out([row("OPT-125M", "L4", constants)], "gpu", lambda training: lambda one: 1.0) == []


def test_a_correction_has_to_help_on_both_splits(rows):
    """The ridge is kept only where it is better on models and on boards alike."""

    def off(factor):
        return [Held(observation=one, joules=one.joules * factor) for one in rows]

    plain = {split: off(1.2) for split in SPLITS}
    assert chosen_residual(rows, plain, {split: off(1.1) for split in SPLITS})
    assert not chosen_residual(rows, plain, {"model": off(1.1), "gpu": off(1.25)})
    assert not chosen_residual(rows, plain, plain)


def test_many_groups_are_left_out_together(row, constants):
    """From thirty groups on a fold holds several, and still every row is predicted once, by who has not seen its model."""
    names = [shape.name for shape in known_shapes()[:40]]
    rows = [row(name, "A100-80", constants, boards=16) for name in names]
    asked = []

    def spy(training):
        seen = {one.model for one in training}
        asked.append(len(seen))
        return lambda one: math.nan if one.model in seen else 1.0

    held = leave_out(rows, "model", spy)
    assert len(asked) == MOST_FOLDS
    assert sorted(one.observation.model for one in held) == sorted(names)
    assert all(one.joules == 1.0 for one in held)
