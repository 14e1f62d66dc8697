"""Defaults that depend on the meter."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from energy_fixtures.meters.base import MeterInfo
from energy_fixtures.options import Options
from energy_fixtures.policy import idle_s_for, plan_for


def options(**changes):
    fields = {
        "meter": "auto",
        "domains": None,
        "cpu_watts": None,
        "models": ("tiny",),
        "draft_model": None,
        "device": "auto",
        "dtype": "auto",
        "trust_remote_code": frozenset(),
        "rounds": 5,
        "warmup_rounds": 1,
        "min_window_s": None,
        "max_time_s": 60.0,
        "timeout_s": 600.0,
        "save": None,
        "autosave": False,
        "storage": Path("runs"),
        "json": None,
        "skip": False,
        "only": False,
        "disabled": False,
    }
    return Options(**{**fields, **changes})


def info(method="counter", resolution_s=0.1):
    return MeterInfo(name="m", method=method, domains=("gpu:0",), resolution_s=resolution_s)


def test_measured_joules_get_ten_periods_one_percent_and_a_level_board():
    """A counter of 100 ms starts with windows of 1 s, asks for 1 % and takes up to 10 s to warm up."""
    plan = plan_for(options(), info())

    assert (plan.min_window_s, plan.max_error, plan.max_warmup_s, plan.steady) == (1.0, 0.01, 10.0, True)
    assert plan_for(options(), info(resolution_s=0.001)).min_window_s == 0.2


def test_modelled_joules_are_not_worth_a_long_warm_up():
    """Where nothing is measured no error is asked for and next to no time is spent on a level board."""
    plan = plan_for(options(), info("modelled"))

    assert (plan.max_error, plan.max_warmup_s, plan.steady) == (math.inf, 0.5, False)


def test_what_the_user_says_comes_first():
    """Options that are given stand in the plan as they are, whatever the meter."""
    said = {"min_window_s": 0.3, "max_error": 0.02, "max_warmup_s": 3.0, "cooldown_s": 4.0}
    for method in ("counter", "modelled"):
        plan = plan_for(options(**said), info(method))
        assert {name: getattr(plan, name) for name in said} == said


@pytest.mark.parametrize(
    ("method", "asked_s", "seconds"),
    [
        ("counter", None, 2.0),
        ("counter", 0.0, 0.0),
        ("modelled", None, 0.0),
        ("modelled", 1.0, 1.0),
        ("replay", 1.0, 0.0),
    ],
)
def test_power_at_rest_is_looked_for_where_it_is_measured(method, asked_s, seconds):
    """Two seconds by default for a real meter, none for others unless asked for, and never for what is played back."""
    assert idle_s_for(options(idle_s=asked_s), info(method)) == seconds
