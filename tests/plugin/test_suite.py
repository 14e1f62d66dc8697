"""The suite itself, as a user calls it: selections, ids, order, and real engines on the tiny model."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys

import pytest

from energy_fixtures.environment import accelerator_present

NO_GPU = pytest.mark.skipif(accelerator_present(), reason="expects what a machine without a GPU selects")


def suite(root, *args, check=False):
    command = [sys.executable, "-m", "pytest", "benchmarks", "-p", "no:cacheprovider", *args]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=check)


def collected(root, *args):
    lines = suite(root, "--collect-only", "-q", *args).stdout.splitlines()
    return [line.split("::")[1] for line in lines if "::" in line]


@pytest.fixture(scope="session")
def root(request):
    return request.config.rootpath


def test_ids_say_what_is_measured(root):
    """Engine, method and batch size stand in the id, so that -k selects by them."""
    ids = collected(root, "-k", "speculative and b8")

    assert "test_speculative[vllm-ngram-b8]" in ids
    assert all(one.startswith("test_speculative[") and one.endswith("-b8]") for one in ids)


def test_several_models_multiply_the_cases(root):
    """With two models each case exists twice, named by its model; with one, ids stay short."""
    single = collected(root, "-k", "frameworks")
    double = collected(root, "-k", "frameworks", "--energy-model=tiny", "--energy-model=shape:llama-3.2-1b")

    assert len(double) == 2 * len(single)
    assert any("shape:llama-3.2-1b" in one for one in double)
    assert not any("tiny" in one for one in single)


def test_cases_that_share_an_engine_stand_together(root):
    """Collection order loads each engine once."""
    engines = [
        ("vllm" if "[vllm" in one else "transformers") for one in collected(root, "-k", "frameworks or batching")
    ]
    switches = sum(before != after for before, after in itertools.pairwise(engines))

    assert switches == 1


@NO_GPU
def test_slow_cases_are_left_out_unless_named(root):
    """Without a GPU, cases that take minutes run only when -m names them."""
    assert not any("b128" in one for one in collected(root))
    assert any("b128" in one for one in collected(root, "-m", "slow"))


def test_model_that_does_not_fit_is_refused_before_loading(root):
    """A model whose weights exceed the memory ends with one sentence and exit code 4."""
    result = suite(
        root, "-k", "frameworks", "--energy-device=cpu", "--energy-model=shape:llama-3.1-70b", "--energy-dtype=float32"
    )

    assert result.returncode == 4
    assert "shape:llama-3.1-70b needs 282.2 GB for its float32 weights and this machine's memory has" in result.stderr


@pytest.mark.engines
def test_smoke_measures_both_engines(root, tmp_path):
    """-m smoke measures real Transformers and real vLLM, prints joules per token, and stores what it printed."""
    out = tmp_path / "out.json"
    kept = (f"--energy-json={out}", f"--energy-storage={tmp_path}")
    result = suite(root, "-m", "smoke", "--energy-meter=modelled", "--energy-device=cpu", *kept)
    results = json.loads(out.read_text())["energy"]["results"] if out.exists() else []

    assert result.returncode == 0, result.stdout + result.stderr
    assert {one["scenario"]["engine"] for one in results} == {"transformers", "vllm"}
    assert all(len(one["trials"]) == 5 for one in results)
    assert not any(trial.get("invalid_reasons") for one in results for trial in one["trials"])
    assert "modelled, not measured" in result.stdout
    assert "guessing ahead" in result.stdout
    for one in results:
        for trial in one["trials"]:
            tokens = sum(request[1] for request in trial["generation"]["requests"])
            assert tokens == trial["iterations"] * one["scenario"]["batch_size"] * one["scenario"]["output_tokens"]
