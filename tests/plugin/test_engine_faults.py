"""A broken engine costs its own cases and nothing else: real Transformers, real signals."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.engines

HEADER = """
import os, signal, threading
import psutil
import pytest
from energy_fixtures import Scenario

def scenario(output_tokens=4, **changes):
    return Scenario(engine="transformers", batch_size=1, input_tokens=8, output_tokens=output_tokens, **changes)

def engine():
    return next(p for p in psutil.Process().children() if "energy_fixtures.engines.child" in p.cmdline())
"""
QUICK = ("--energy-min-rounds=2", "--energy-min-window=0.05", "--energy-json=out.json", "--energy-device=cpu")


def cases(folder: Path) -> list[str]:
    return [one["case"] for one in json.loads((folder / "out.json").read_text())["energy"]["results"]]


def engines_left() -> list[psutil.Process]:
    living = (one for one in psutil.Process().children(recursive=True) if one.status() != psutil.STATUS_ZOMBIE)
    return [child for child in living if "engines.child" in " ".join(child.cmdline())]


def test_killed_engine_costs_its_case_only(pytester, run):
    """An engine that is killed in the middle of its work fails that case, and the next case gets a new one."""
    pytester.makepyfile(
        HEADER
        + """
def test_before(energy):
    energy.measure(scenario())

def test_killed(energy):
    timer = threading.Timer(0.5, lambda: engine().send_signal(signal.SIGKILL))
    timer.start()
    energy.measure(scenario(output_tokens=4000))

def test_after(energy):
    energy.measure(scenario())
"""
    )
    shared_memory = set(Path("/dev/shm").iterdir())
    result = run(*QUICK)

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*SIGKILL*"])
    assert cases(pytester.path) == ["test_before", "test_after"]
    assert engines_left() == []
    assert set(Path("/dev/shm").iterdir()) <= shared_memory


def test_model_that_cannot_be_loaded_fails_every_case_once(pytester, run, tmp_path):
    """A folder that is no model fails each case with the engine's own words, and is loaded only once."""
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text('{"model_type": "no-such-architecture"}')
    pytester.makepyfile(
        HEADER
        + """
@pytest.mark.parametrize("scenario", [scenario(4), scenario(5)], ids=["one", "two"])
def test_x(scenario, energy):
    energy.measure(scenario)

def test_other():
    pass
"""
    )
    result = run(*QUICK, f"--energy-model={broken}")
    text = result.stdout.str()

    result.assert_outcomes(failed=2, passed=1)
    assert text.count("no-such-architecture") >= 2
    assert "the engine's last lines" in text
    assert text.count(" loaded in ") == 0
    assert engines_left() == []


def test_unsupported_case_is_skipped_with_the_reason(pytester, run):
    """What an engine says it cannot do is a skip with its sentence, and the engine serves on."""
    pytester.makepyfile(
        HEADER
        + """
from energy_fixtures import Speculation

def test_assisted_batch(energy):
    energy.measure(Scenario(engine="transformers", batch_size=4, input_tokens=8, output_tokens=4,
                            speculation=Speculation(method="draft")))

def test_after(energy):
    energy.measure(scenario())
"""
    )
    result = run(*QUICK, "-rs")

    result.assert_outcomes(skipped=1, passed=1)
    assert cases(pytester.path) == ["test_after"]


def test_interrupt_keeps_what_was_measured(pytester, run):
    """Ctrl-C while an engine works keeps the finished case, and ends the engine."""
    pytester.makepyfile(
        HEADER
        + """
def test_before(energy):
    energy.measure(scenario())

def test_interrupted(energy):
    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    energy.measure(scenario(output_tokens=4000))
"""
    )
    result = run(*QUICK, own_process=True)

    assert result.ret == 2
    assert cases(pytester.path) == ["test_before"]
    assert engines_left() == []


def test_two_scenarios_in_one_test_are_two_results(pytester, run):
    """A test that measures twice stores both, each under a name of its own, and replay gives each its own joules."""
    pytester.makepyfile(
        HEADER
        + """
def test_both(energy):
    energy.measure(scenario(4))
    energy.measure(scenario(8))
"""
    )
    run(*QUICK).assert_outcomes(passed=1)
    recorded = json.loads((pytester.path / "out.json").read_text())["energy"]["results"]
    run(*QUICK[:-2], "--energy-json=again.json", "--energy-device=cpu", meter="replay:out.json").assert_outcomes(
        passed=1
    )
    again = json.loads((pytester.path / "again.json").read_text())["energy"]["results"]

    assert [one["case"] for one in recorded] == ["test_both", "test_both::2"]
    for old, new in zip(recorded, again, strict=True):
        assert [trial["reading"]["energy_j"] for trial in new["trials"]] == [
            t["reading"]["energy_j"] for t in old["trials"]
        ]
