"""What a plain `pytest benchmarks` runs, and which -m brings the rest back; with a GPU and without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reports.lines import FEWEST_POINTS
from reports.render.tables import WIDEST_NAME

ROOT = Path(__file__).parents[2]
SPY = """
import json, os, pathlib
import energy_fixtures.environment
energy_fixtures.environment.accelerator_present = lambda: {gpu}

def pytest_collection_finish(session):
    found = {{item.nodeid: [mark.name for mark in item.iter_markers()] for item in session.items}}
    pathlib.Path({seen!r}).write_text(json.dumps(found))
"""
GRIDS = {f"benchmarks/test_{name}.py" for name in ("geometry", "structure", "workloads")}


def collected(folder: Path, *arguments: str, gpu: bool) -> dict[str, set[str]]:
    """Marks of the cases that pytest would run on a machine that has or lacks a GPU's device file, by id."""
    seen = folder / "seen.json"
    (folder / "spy.py").write_text(SPY.format(gpu=gpu, seen=str(seen)))
    command = [sys.executable, "-m", "pytest", "-p", "spy", "--collect-only", "-qq", "-p", "no:cacheprovider"]
    path = os.pathsep.join([str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")])
    environ = {**os.environ, "PYTHONPATH": path}
    subprocess.run([*command, "benchmarks", *arguments], cwd=ROOT, capture_output=True, check=True, env=environ)
    return {name: set(marks) for name, marks in json.loads(seen.read_text()).items()}


def files(cases: dict[str, set[str]]) -> set[str]:
    return {case.split("::")[0] for case in cases}


@pytest.mark.parametrize("gpu", [True, False], ids=["gpu", "cpu"])
def test_a_plain_run_answers_every_question_and_walks_no_grid(tmp_path: Path, gpu: bool) -> None:
    """Every file but the predictor's has cases, none of them is of a grid, and they are a few hundred at most."""
    plain = collected(tmp_path, gpu=gpu)

    assert files(plain) == {f"benchmarks/{path.name}" for path in (ROOT / "benchmarks").glob("test_*.py")} - {
        "benchmarks/test_predictor.py"
    }
    assert not any(marks & {"grid", "predictor"} for marks in plain.values())
    assert len(plain) <= 260
    assert any("slow" in marks for marks in plain.values()) == gpu


def test_a_plain_run_without_a_gpu_draws_a_line_and_folds_no_replay(tmp_path: Path) -> None:
    """Its sweep has enough inputs beside one output for a straight line; a replay's longest name fits into its column."""
    plain = collected(tmp_path, gpu=False)
    inputs = [case for case in plain if "test_sweep[vllm-in" in case and case.endswith("-out8-b1]")]
    everything = collected(tmp_path, "-m", "slow or not slow", "-k", "replay", gpu=True)

    assert len(inputs) >= FEWEST_POINTS
    assert len(everything) == 3
    for case in everything:
        assert len(f"{case.split('[')[1].removesuffix(']')}::8192+512") <= WIDEST_NAME


def test_marks_that_are_named_bring_their_cases_back(tmp_path: Path) -> None:
    """With a GPU one expression runs everything: grids of three questions, the predictor's 400 points, no case of two marks."""
    everything = collected(tmp_path, "-m", "grid or predictor or not grid", gpu=True)
    of = {name: {case for case, marks in everything.items() if name in marks} for name in ("grid", "predictor", "slow")}

    assert len(of["predictor"]) >= 400
    assert {case.split("::")[0] for case in of["grid"]} == GRIDS
    assert not of["grid"] & of["slow"] and not of["grid"] & of["predictor"]


def test_limits_of_a_sweep_that_cannot_be_are_usage_errors() -> None:
    """A negative number of seconds ends with one sentence and exit status 4 before anything is measured."""
    command = [sys.executable, "-m", "pytest", "benchmarks", "-m", "predictor", "--sweep-seconds=-3", "-q"]
    done = subprocess.run([*command, "-p", "no:cacheprovider"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 4
    assert "ERROR: a sweep's seconds must be above 0, got -3" in done.stderr
