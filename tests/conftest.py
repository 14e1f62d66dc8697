"""Builders of small, valid records, shared by all tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import settings

from energy_fixtures.readings import Reading
from energy_fixtures.records import Environment, Generation, Request, Result, Scenario, Trial

settings.register_profile("untimed", deadline=None)  # how long an example takes says something of the machine alone
settings.load_profile("untimed")


def make_scenario(**changes: object) -> Scenario:
    fields: dict[str, object] = {
        "engine": "vllm",
        "model": "tiny",
        "batch_size": 2,
        "input_tokens": 8,
        "output_tokens": 4,
    }
    return Scenario(**{**fields, **changes})  # type: ignore[arg-type]


def make_trial(joules: float = 8.0, *, index: int = 0, duration_s: float = 1.0, **changes: object) -> Trial:
    request = Request(input_tokens=8, output_tokens=4, finish_reason="length", ttft_s=0.1, e2e_s=0.4)
    fields: dict[str, object] = {
        "index": index,
        "iterations": 1,
        "reading": Reading(energy_j={"gpu:0": joules}, duration_s=duration_s, method="counter"),
        "generation": Generation(requests=(request, request)),
        "seed": index,
    }
    return Trial(**{**fields, **changes})  # type: ignore[arg-type]


def make_environment(**changes: object) -> Environment:
    fields: dict[str, object] = {
        "host": {"cpu": "Example CPU", "cores": 2, "system": "Linux"},
        "boards": ({"name": "NVIDIA H200", "uuid": "GPU-1", "power_limit_w": 700.0},),
        "packages": {"torch": "2.13.0"},
        "engine": {"device": "cuda", "dtype": "float32", "weights": "dummy"},
        "meter": {"name": "zeus", "method": "counter", "domains": "gpu:0"},
    }
    return Environment(**{**fields, **changes})  # type: ignore[arg-type]


def make_result(
    name: str = "test_x[vllm-b2]", joules: tuple[float, ...] = (8.0, 8.2, 7.8), **changes: object
) -> Result:
    fields: dict[str, object] = {
        "fullname": f"benchmarks/test_frameworks.py::{name}",
        "question": "frameworks",
        "case": name.split("[")[-1].rstrip("]"),
        "scenario": make_scenario(),
        "environment": make_environment().key,
        "scope": ("gpu:0",),
        "trials": tuple(make_trial(value, index=index) for index, value in enumerate(joules)),
        "started_at": "2026-01-01T00:00:00+00:00",
    }
    return Result(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture
def scenario() -> Callable[..., Scenario]:
    return make_scenario


@pytest.fixture
def trial() -> Callable[..., Trial]:
    return make_trial


@pytest.fixture
def environment() -> Callable[..., Environment]:
    return make_environment


@pytest.fixture
def result() -> Callable[..., Result]:
    return make_result
