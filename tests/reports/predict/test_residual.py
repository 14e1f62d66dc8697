from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.predict.residual import MOST, Residual, features, fit_residual

MODELS = ("OPT-125M", "OPT-1.3B", "OPT-6.7B", "Llama-2-7b", "Mixtral-8x7B", "DeepSeek-V2-Lite", "Phi-2", "Gemma-2B")


def test_no_features_change_nothing(row, constants):
    """An empty correction is a factor of one."""
    one = row("OPT-125M", "L4", constants)
    assert Residual().log_factor(one.shape, one.machine, one.work, one.cost(constants)) == 0.0


def test_it_learns_what_mixtures_cost_more(row, constants):
    """Where every mixture of experts is 20 % dearer than the physics says, the ridge says most of it, for mixtures alone."""
    names = (*MODELS, "Mixtral-8x22B", "Phi-3.5-MoE", "OLMoE-1B-7B", "Qwen1.5-MoE-A2.7B")
    mixtures = {"Mixtral-8x7B", "DeepSeek-V2-Lite", "Mixtral-8x22B", "Phi-3.5-MoE", "OLMoE-1B-7B", "Qwen1.5-MoE-A2.7B"}
    rows = [
        row(name, gpu, constants, factor=1.2 if name in mixtures else 1.0)
        for name in names
        for gpu in ("A100-80", "L4")
    ]
    learnt = fit_residual(rows, constants)
    factors = {one.model: learnt.log_factor(one.shape, one.machine, one.work, one.cost(constants)) for one in rows}
    mean = {kind: [value for name, value in factors.items() if (name in mixtures) == kind] for kind in (True, False)}
    raised, left = (sum(mean[kind]) / len(mean[kind]) for kind in (True, False))
    assert 0.3 * math.log(1.2) < raised - left < 1.2 * math.log(1.2)


@settings(max_examples=60)
@given(weight=st.floats(-1e3, 1e3))
def test_it_never_leaves_its_bounds(weight):
    """Whatever the weights, a prediction changes by a quarter at most."""
    from reports.boards import find_board
    from reports.predict.constants import prior_constants
    from reports.predict.machines import machine_of
    from reports.predict.models import known_shapes
    from reports.predict.physics import Work, cost

    shape, machine, work = known_shapes()[0], machine_of(find_board("T4")), Work(input_tokens=9, output_tokens=9)
    spent = cost(shape, machine, work, prior_constants())
    names = tuple(features(shape, machine, work, spent))
    count = len(names)
    wild = Residual(features=names, means=(0.0,) * count, scales=(1.0,) * count, weights=(weight,) * count)
    assert abs(wild.log_factor(shape, machine, work, spent)) <= MOST


def test_constant_features_are_left_out(row, constants):
    """A feature that is the same in every row is not learned from."""
    learnt = fit_residual([row(name, "L4", constants) for name in MODELS[:4]], constants)
    assert "doublings" not in learnt.features
    assert pytest.approx(len(learnt.features)) == len(learnt.weights)
