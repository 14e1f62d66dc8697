"""The engine on the CPU, a GPU metered: real Transformers, real Zeus, a simulated board."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.simulated_board.board import board_environ

pytestmark = pytest.mark.engines


def test_zeus_meters_a_board_while_the_engine_runs_on_the_cpu(tmp_path, pytestconfig):
    """Real Zeus reads the board's counter around a real engine; the joules are the board's watts, measured as counter."""
    out = tmp_path / "out.json"
    kept = (f"--energy-json={out}", f"--energy-storage={tmp_path}", "--energy-min-window=2", "--energy-min-rounds=2")
    command = [sys.executable, "-m", "pytest", "benchmarks", "-k", "frameworks and transformers-eager-b1", *kept]
    chosen = ("--energy-meter=zeus", "--energy-domains=gpu", "--energy-device=cpu", "-p", "no:cacheprovider")
    done = subprocess.run(
        [*command, *chosen], cwd=pytestconfig.rootpath, env=board_environ(watts=400), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(out.read_text())["energy"]
    (result,) = document["results"]
    (environment,) = document["environments"].values()

    assert "meter: zeus · counter · gpu:0" in done.stdout
    assert "not measured" not in done.stdout
    assert result["scope"] == ["gpu:0"]
    assert environment["engine"]["device"] == "cpu"
    assert [board["uuid"][:4] for board in environment["boards"]] == ["GPU-"]
    for trial in result["trials"]:
        reading = trial["reading"]
        assert reading["method"] == "counter"
        assert reading["energy_j"]["gpu:0"] / reading["duration_s"] == pytest.approx(
            400, rel=0.06
        )  # 100 ms ticks in 2 s
