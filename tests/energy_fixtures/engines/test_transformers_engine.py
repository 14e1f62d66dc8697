from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from energy_fixtures.engines.base import EngineSpec, Work
from energy_fixtures.engines.host import EngineHost
from energy_fixtures.errors import EngineFailed
from energy_fixtures.models.base import ModelSpec
from energy_fixtures.models.catalogue import resolve
from energy_fixtures.models.tiny import TINY
from energy_fixtures.records import Decoding, Generation, Scenario, Speculation
from energy_fixtures.workloads.mix import Mix

pytestmark = pytest.mark.engines

PATIENCE_S = 300.0  # for steps that should succeed: the machine may be busy, and compiling takes its time
ROOT = Path(__file__).resolve().parents[3]

GREEDY = Decoding.greedy()
DRAFT = Speculation(method="draft", num_tokens=4)
NGRAM = Speculation(method="ngram", num_tokens=4, ngram_max=3)


@dataclass(frozen=True)
class Case:
    """The fields of a Scenario that these tests vary, and the draft to use."""

    batch: int = 1
    inputs: int = 12
    outputs: int = 9
    decoding: Decoding = GREEDY
    speculation: Speculation | None = None
    execution: str = "eager"
    draft: str = "tiny-draft"


def spec(model: str | ModelSpec = "tiny", execution: str = "eager", **more: object) -> EngineSpec:
    fields = {
        "dtype": "auto",
        "device": "cpu",
        "tensor_parallel": 1,
        "quantization": None,
        "context_tokens": 256,
        "max_batch_size": 8,
        "prefix_caching": False,
    }
    model = resolve(model) if isinstance(model, str) else model
    return EngineSpec(engine="transformers", model=model, execution=execution, **{**fields, **more})  # type: ignore[arg-type]


def generate(host: EngineHost, case: Case, iterations: int = 1, seed: int = 0) -> Generation:
    scenario = Scenario(
        engine="transformers",
        batch_size=case.batch,
        input_tokens=case.inputs,
        output_tokens=case.outputs,
        decoding=case.decoding,
        speculation=case.speculation,
        execution=case.execution,  # type: ignore[arg-type]
    )
    host.prepare(Work(scenario=scenario, iterations=iterations, seed=seed, draft=resolve(case.draft)))
    host.go()
    return host.collect()


def load(engine: EngineSpec) -> EngineHost:
    # one thread: two that spin for each other on a busy machine take many times longer
    return EngineHost.load(engine, timeout_s=PATIENCE_S, environ={"OMP_NUM_THREADS": "1"})


@pytest.fixture(scope="module")
def eager() -> Iterator[EngineHost]:
    with load(spec()) as host:
        yield host


@pytest.fixture(scope="module")
def static() -> Iterator[EngineHost]:
    with load(spec(execution="static_cache", options={"attn_implementation": "eager"})) as host:
        yield host


def check_lengths(generation: Generation, case: Case, iterations: int) -> None:
    assert len(generation.requests) == case.batch * iterations
    assert {request.input_tokens for request in generation.requests} == {case.inputs}
    assert {request.output_tokens for request in generation.requests} == {case.outputs}
    assert {request.finish_reason for request in generation.requests} == {"length"}
    for request in generation.requests:
        assert request.ttft_s is not None
        assert request.e2e_s is not None
        assert 0 < request.ttft_s <= request.e2e_s


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(Case(batch=3), id="greedy"),
        pytest.param(Case(batch=3, outputs=1), id="one-token"),
        pytest.param(Case(batch=2, decoding=Decoding.beam(3)), id="beam"),
        pytest.param(Case(batch=3, decoding=Decoding.sample(top_k=5)), id="top-k"),
        pytest.param(Case(batch=3, decoding=Decoding.sample(top_p=0.9)), id="top-p"),
        pytest.param(Case(batch=3, decoding=Decoding.sample(temperature=0.7)), id="temperature"),
        *[
            pytest.param(
                Case(outputs=outputs, speculation=speculation, decoding=decoding),
                id=f"{speculation.method}-{decoding.method}-{outputs}",
            )
            for speculation in (DRAFT, NGRAM)
            for decoding in (GREEDY, Decoding.sample(temperature=0.7))
            for outputs in (1, 2, 6, 23)
        ],
    ],
)
def test_every_decoding_has_exact_lengths(eager: EngineHost, case: Case) -> None:
    """Each iteration serves every row of the batch with exactly the asked tokens, and says when."""
    check_lengths(generate(eager, case, iterations=2), case, 2)


@pytest.mark.parametrize("decoding", [GREEDY, Decoding.beam(2)], ids=lambda d: d.method)
def test_every_iteration_has_its_span(eager: EngineHost, decoding: Decoding) -> None:
    """Spans follow one another from the engine's start of work; prefill ends where the time to first token says."""
    generation = generate(eager, Case(batch=2, decoding=decoding), iterations=3)

    assert len(generation.spans) == 3
    assert generation.spans[0].start_s >= 0
    assert all(one.end_s <= after.start_s for one, after in pairwise(generation.spans))
    for span, request in zip(generation.spans, generation.requests[::2], strict=True):
        assert span.first_token_s is not None and span.start_s < span.first_token_s < span.end_s
        assert span.first_token_s - span.start_s == pytest.approx(request.ttft_s)
        assert span.end_s - span.start_s == pytest.approx(request.e2e_s)


@pytest.mark.parametrize("decoding", [GREEDY, Decoding.beam(2), Decoding.sample(top_k=5)], ids=lambda d: d.method)
def test_static_cache_has_exact_lengths(static: EngineHost, decoding: Decoding) -> None:
    """A preallocated cache serves cases of different lengths, one after another, in one load."""
    for inputs, outputs in ((20, 9), (5, 3)):
        case = Case(batch=2, inputs=inputs, outputs=outputs, decoding=decoding, execution="static_cache")
        check_lengths(generate(static, case), case, 1)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile on a CPU needs g++")
def test_compiled_has_exact_lengths() -> None:
    """A compiled decode step serves whole batches; beam search is refused, not run eagerly."""
    case = Case(batch=2, execution="compiled")
    with load(spec(execution="compiled")) as host:
        check_lengths(generate(host, case, iterations=2), case, 2)
        with pytest.raises(EngineFailed, match="beam"):
            generate(host, Case(decoding=Decoding.beam(2), execution="compiled"))


def test_work_is_said_without_speculation(eager: EngineHost) -> None:
    """Where nothing was drafted the counts are unknown, not zero."""
    generation = generate(eager, Case())
    assert generation.drafted_tokens is None
    assert generation.accepted_tokens is None


def test_acceptance_of_the_draft_model(eager: EngineHost) -> None:
    """The draft's guesses are partly accepted, and the counts explain every token of the output."""
    generation = generate(eager, Case(outputs=48, speculation=DRAFT), iterations=2)
    assert generation.acceptance is not None
    assert 0 < generation.acceptance < 1


def test_a_model_that_drafts_for_itself_is_always_right(eager: EngineHost) -> None:
    """With the target as its own draft, greedily, every drafted token is accepted: four of each five tokens."""
    generation = generate(eager, Case(outputs=50, speculation=DRAFT, draft="tiny"))
    assert generation.drafted_tokens == generation.accepted_tokens == 40


def test_prompt_lookup_finds_something(eager: EngineHost) -> None:
    """Prompt lookup drafts from the prompts that repeat themselves."""
    generation = generate(eager, Case(inputs=64, outputs=32, speculation=NGRAM))
    assert generation.drafted_tokens
    assert generation.accepted_tokens is not None
    assert 0 <= generation.accepted_tokens <= generation.drafted_tokens


def test_seeds_decide_the_work(eager: EngineHost) -> None:
    """Equal seeds repeat the work exactly, other seeds give other prompts and draws."""
    case = Case(outputs=48, speculation=DRAFT, decoding=Decoding.sample(temperature=0.7))
    counts = [
        (generation.drafted_tokens, generation.accepted_tokens)
        for generation in (generate(eager, case, seed=seed) for seed in (1, 1, 2, 3, 4))
    ]
    assert counts[0] == counts[1]
    assert len(set(counts)) > 1


def test_a_mixture_of_experts_generates() -> None:
    """The MoE sibling runs through the same engine."""
    case = Case(batch=2)
    with load(spec("tiny-moe")) as host:
        check_lengths(generate(host, case), case, 1)


def test_facts_say_what_was_loaded(eager: EngineHost) -> None:
    """The facts name framework, device, dtype, attention, weights and size."""
    facts = eager.facts
    assert {key: facts[key] for key in ("framework", "device", "dtype", "attention", "execution", "weights")} == {
        "framework": "transformers",
        "device": "cpu",
        "dtype": "float32",
        "attention": "sdpa",
        "execution": "eager",
        "weights": "dummy",
    }
    assert facts["parameters"] == 3_016_960


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        (Case(batch=2, speculation=DRAFT), "one sequence at a time"),
        (Case(batch=2, speculation=NGRAM), "one sequence at a time"),
        (Case(inputs=32_768), "32768 tokens and this case needs 32777"),
    ],
)
def test_impossible_work_is_refused_in_a_sentence(eager: EngineHost, case: Case, sentence: str) -> None:
    """What Transformers cannot do is answered before anything runs, and the engine serves on."""
    with pytest.raises(EngineFailed, match=sentence) as caught:
        generate(eager, case)
    assert caught.value.kind == "unsupported"
    check_lengths(generate(eager, Case()), Case(), 1)


def test_speculation_needs_a_growing_cache(static: EngineHost) -> None:
    """Speculation with a static cache is refused, not run with another cache."""
    with pytest.raises(EngineFailed, match="growing cache"):
        generate(static, Case(speculation=DRAFT, execution="static_cache"))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"tensor_parallel": 2}, "tensor parallelism"),
        ({"quantization": "awq"}, "quantization 'awq'"),
        ({"prefix_caching": True}, "prefix cache"),
        ({"options": {"attn": "flash"}}, "no option 'attn'; it knows attn_implementation"),
    ],
)
def test_impossible_loads_are_refused_in_a_sentence(more: Mapping[str, object], sentence: str) -> None:
    """A load that Transformers cannot do fails as unsupported, with no engine left over."""
    with pytest.raises(EngineFailed, match=sentence) as caught:
        load(spec(**more))
    assert caught.value.kind == "unsupported"


def test_the_attention_option_reaches_the_model(static: EngineHost) -> None:
    """`attn_implementation` chooses the attention that the facts then name."""
    assert static.facts["attention"] == "eager"


def test_a_folder_that_does_not_exist_fails_the_load(tmp_path: Path) -> None:
    """Loading from nowhere is an error of this load with the framework's own words."""
    nowhere = ModelSpec(name="nowhere", source="folder", default_dtype="auto", location=str(tmp_path / "nowhere"))
    with pytest.raises(EngineFailed) as caught:
        load(spec(nowhere))
    assert caught.value.kind == "raised"
    assert "nowhere" in caught.value.args[0]


MIXED = ((12, 3), (5, 9), (20, 1))
"""Input and output tokens of three requests."""


def test_requests_of_different_lengths_are_served_side_by_side(eager: EngineHost) -> None:
    """Two at a time in their order, each with its own lengths, every iteration anew; nobody claims to know the phases."""
    scenario = Scenario(engine="transformers", batch_size=2, input_tokens=20, output_tokens=9, mix=Mix(requests=3))
    eager.prepare(Work(scenario=scenario, iterations=2, seed=0, lengths=MIXED))
    eager.go()
    done = eager.collect()

    assert [(one.input_tokens, one.output_tokens) for one in done.requests] == [*MIXED, *MIXED]
    assert done.spans == ()


DUMMY_WEIGHTS = """
import sys, torch
from energy_fixtures.engines.base import EngineSpec
from energy_fixtures.engines.transformers_engine import TransformersEngine
import msgspec
engine = TransformersEngine(msgspec.json.decode(sys.argv[1], type=EngineSpec))
spread = [weights.float().std().item() for weights in engine._model.parameters() if weights.dim() > 1]
print(min(spread), max(spread), engine.facts["dtype"], engine.facts["weights"])
"""


def test_dummy_weights_are_random_and_never_zero(tmp_path: Path) -> None:
    """A folder without weights gets random ones of the asked dtype: zeros would run cooler than any real model."""
    import msgspec

    (tmp_path / "config.json").write_text(json.dumps({**TINY, "num_hidden_layers": 1}))
    folder = ModelSpec(name="mine", source="folder", default_dtype="auto", location=str(tmp_path))
    arguments = msgspec.json.encode(spec(folder, dtype="bfloat16")).decode()
    run = subprocess.run(
        [sys.executable, "-c", DUMMY_WEIGHTS, arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    smallest, largest, dtype, weights = run.stdout.split()
    assert 0.01 < float(smallest) <= float(largest) < 0.03  # the configuration's initializer_range is 0.02
    assert (dtype, weights) == ("bfloat16", "dummy")


def test_a_kill_in_the_middle_of_a_run_is_told() -> None:
    """An engine that is killed while it generates costs this case only: told in words, nothing left behind."""
    with load(spec()) as host:
        timer = threading.Timer(0.5, os.kill, (host.pid, signal.SIGKILL))
        timer.start()
        with pytest.raises(EngineFailed, match="SIGKILL") as caught:
            generate(host, Case(batch=8, outputs=8000))
        timer.join()
        assert caught.value.kind == "killed"
        assert not host.alive
    assert not psutil.pid_exists(host.pid)
