"""The sweep for `joules predict fit`: which cases there are, and when they run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from energy_fixtures.models.architecture import architecture
from energy_fixtures.models.synthetic import synthetic

ROOT = Path(__file__).parents[2]


def collected(*arguments: str) -> list[str]:
    """Ids of the cases that pytest would run on a machine without GPUs."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *arguments]
    environ = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode in (0, 5), done.stdout + done.stderr  # 5: everything was deselected
    return [line for line in done.stdout.splitlines() if "::" in line]


@pytest.fixture(scope="module")
def sweep() -> list[str]:
    """The cases of -m predictor."""
    return collected("benchmarks", "-m", "predictor")


def test_a_sweep_runs_only_when_asked_for():
    """Neither the whole suite nor the file alone runs it."""
    assert collected("benchmarks/test_predictor.py") == []


def test_its_cases_are_architectures_that_exist(sweep):
    """Every case names a synthetic architecture that can be built, mixtures of experts among them, each id once."""
    assert len(sweep) >= 20
    assert len(set(sweep)) == len(sweep)
    names = {"synthetic:" + line.split("-eager-")[1].split("-b")[0] for line in sweep}
    known = [architecture(synthetic(name)) for name in names]
    assert len(known) >= 10
    assert any(one.experts for one in known) and not all(one.experts for one in known)
    assert {one.attention for one in known} >= {"MHA", "MQA"}


def test_some_are_measured_twice(sweep):
    """A case that is measured again tells what noise is."""
    again = [line for line in sweep if line.endswith("-again]")]
    assert again and all(line.replace("-again", "") in sweep for line in again)
