"""Real vLLM on the tiny model, each load in a child process of its own: the work asked for is the work done."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
import psutil
import pytest

from energy_fixtures.engines.base import EngineSpec, Work
from energy_fixtures.engines.catalogue import engine_spec, installed
from energy_fixtures.engines.host import EngineHost
from energy_fixtures.engines.vllm_engine import unsupported
from energy_fixtures.errors import EngineFailed
from energy_fixtures.models.catalogue import resolve
from energy_fixtures.records import Decoding, Generation, Scenario, Speculation
from energy_fixtures.workloads.mix import Mix

LOAD_S = 300.0  # a busy machine of two cores needs more than a minute for two workers
BASE = Scenario(engine="vllm", model="tiny", dtype="float32", batch_size=4, input_tokens=48, output_tokens=24)
NGRAM = Speculation(method="ngram", num_tokens=4, ngram_max=3)
DRAFT = Speculation(method="draft", num_tokens=4, draft_model="tiny-draft")

replace = msgspec.structs.replace
needs_vllm = pytest.mark.skipif(installed("vllm") is not None, reason=str(installed("vllm")))
pytestmark = [pytest.mark.engines]


def spec_of(scenario: Scenario, device: str = "auto") -> EngineSpec:
    """What has to be loaded for it."""
    draft = None if scenario.speculation is None or scenario.speculation.draft_model is None else resolve("tiny-draft")
    spec = engine_spec(scenario, model=resolve("tiny"), draft=draft, device="auto", trust_remote_code=False)
    return msgspec.convert(msgspec.to_builtins(replace(spec, device=device)), EngineSpec)


def loaded(scenario: Scenario) -> Iterator[EngineHost]:
    """A child with the engine of `scenario`, for all tests that share it."""
    with EngineHost.load(spec_of(scenario), timeout_s=LOAD_S) as host:
        yield host


def done(host: EngineHost, scenario: Scenario, *, iterations: int = 1, seed: int = 0) -> Generation:
    """Prepare, do and collect one window of work."""
    host.prepare(Work(scenario=scenario, iterations=iterations, seed=seed))
    host.go()
    return host.collect()


def lengths(generation: Generation) -> set[tuple[int, int, str]]:
    """The different prompt lengths, output lengths and stop reasons."""
    return {(one.input_tokens, one.output_tokens, one.finish_reason) for one in generation.requests}


@pytest.fixture(scope="module")
def caching() -> Iterator[EngineHost]:
    """Plain vLLM with its prefix cache on."""
    yield from loaded(replace(BASE, prefix_caching=True))


@pytest.fixture(scope="module")
def ngram() -> Iterator[EngineHost]:
    """vLLM that looks up its drafts in the prompt, without prefix cache."""
    yield from loaded(replace(BASE, speculation=NGRAM))


@pytest.fixture(scope="module")
def drafting() -> Iterator[EngineHost]:
    """vLLM with the tiny draft model."""
    yield from loaded(replace(BASE, speculation=DRAFT))


@needs_vllm
def test_requests_of_different_lengths_are_served_in_their_order(caching: EngineHost) -> None:
    """Two at a time, each with its own lengths; nobody claims to know the phases of an iteration in several batches."""
    mixed = ((12, 3), (5, 9), (20, 1))
    scenario = replace(BASE, prefix_caching=True, batch_size=2, mix=Mix(requests=3))
    caching.prepare(Work(scenario=scenario, iterations=2, seed=0, lengths=mixed))
    caching.go()
    generation = caching.collect()

    assert [(one.input_tokens, one.output_tokens) for one in generation.requests] == [*mixed, *mixed]
    assert generation.spans == ()


@needs_vllm
@pytest.mark.parametrize("batch_size", [1, 7])
def test_every_request_has_exactly_the_length_asked_for(caching: EngineHost, batch_size: int) -> None:
    """Each iteration serves the whole batch, every prompt and every output at its exact length."""
    scenario = replace(BASE, prefix_caching=True, batch_size=batch_size)

    generation = done(caching, scenario, iterations=3)

    assert 3 * batch_size == len(generation.requests)
    assert {(48, 24, "length")} == lengths(generation)


@needs_vllm
def test_first_token_comes_before_the_last_within_the_window(caching: EngineHost) -> None:
    """Latencies count from the batch's hand-over on one clock: 0 < ttft < e2e <= the engine's own time for the work."""
    caching.prepare(Work(scenario=BASE, iterations=1, seed=3))
    finished = caching.go()

    for request in caching.collect().requests:
        assert request.ttft_s is not None and request.e2e_s is not None
        assert 0 < request.ttft_s < request.e2e_s <= finished.ended_s - finished.started_s


@needs_vllm
def test_every_iteration_has_its_span(caching: EngineHost) -> None:
    """Spans follow one another within the engine's own time, and prefill ends with the batch's last first token."""
    caching.prepare(Work(scenario=BASE, iterations=3, seed=4))
    finished = caching.go()
    generation = caching.collect()
    batches = [generation.requests[4 * number : 4 * number + 4] for number in range(3)]

    assert len(generation.spans) == 3
    assert 0 <= generation.spans[0].start_s and generation.spans[-1].end_s <= finished.ended_s - finished.started_s
    assert all(one.end_s <= after.start_s for one, after in pairwise(generation.spans))
    for span, batch in zip(generation.spans, batches, strict=True):
        assert span.first_token_s is not None and span.start_s < span.first_token_s < span.end_s
        assert span.first_token_s - span.start_s == pytest.approx(max(request.ttft_s or 0 for request in batch))


@needs_vllm
@pytest.mark.parametrize(
    "decoding", [Decoding.sample(temperature=0.8, top_k=50, top_p=0.9), Decoding.sample(top_k=20)], ids=["all", "top-k"]
)
def test_sampled_outputs_have_full_length(caching: EngineHost, decoding: Decoding) -> None:
    """Random sampling serves the same work as greedy decoding."""
    assert {(48, 24, "length")} == lengths(done(caching, replace(BASE, decoding=decoding)))


@needs_vllm
def test_beam_search_returns_its_best_beam(caching: EngineHost) -> None:
    """A beam search counts one full-length output per prompt, and has no time to first token."""
    generation = done(caching, replace(BASE, decoding=Decoding.beam(3), batch_size=2, output_tokens=6))

    assert [(one.input_tokens, one.output_tokens) for one in generation.requests] == [(48, 6)] * 2
    assert all(one.ttft_s is None and one.e2e_s is not None for one in generation.requests)
    assert [span.first_token_s for span in generation.spans] == [None]


@needs_vllm
def test_prefix_cache_hits_are_counted(caching: EngineHost) -> None:
    """Prompts that were served before come from the prefix cache where the case asks for it, new ones do not."""
    scenario = replace(BASE, prefix_caching=True, batch_size=2, input_tokens=400, output_tokens=2)

    first, again = done(caching, scenario, seed=50), done(caching, scenario, seed=50)

    assert first.prefix_cache_hit_tokens == 0
    assert again.prefix_cache_hit_tokens is not None and 0 < again.prefix_cache_hit_tokens <= again.input_tokens


@needs_vllm
def test_nothing_is_said_about_drafts_without_speculation(caching: EngineHost) -> None:
    """Without speculation drafted and accepted tokens are unknown, not zero; nothing was preempted."""
    generation = done(caching, BASE)

    assert (generation.drafted_tokens, generation.accepted_tokens, generation.preemptions) == (None, None, 0)


@needs_vllm
def test_facts_tell_what_was_loaded(caching: EngineHost) -> None:
    """The Environment learns versions, device, number format, attention, runner and capacity."""
    assert {name: caching.facts[name] for name in ("framework", "dtype", "weights", "enforce_eager")} == {
        "framework": "vllm",
        "dtype": "float32",
        "weights": "dummy",
        "enforce_eager": True,
    }
    assert caching.facts.keys() >= {
        "framework_version",
        "torch_version",
        "device",
        "attention",
        "runner",
        "kv_cache_tokens",
    }


@needs_vllm
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"input_tokens": 4090}, "4114 prompt and output tokens do not fit into the context of 4096"),
        ({"batch_size": 300}, "300 sequences at once were asked for and vLLM was loaded for 256"),
        ({"decoding": Decoding.beam(11)}, "11 beams need 22 log probabilities"),
    ],
    ids=["context", "batch", "beams"],
)
def test_work_beyond_the_capacity_is_refused(caching: EngineHost, fields: dict[str, object], words: str) -> None:
    """Work that would be cut, split or queued is refused with the numbers, and the engine lives on."""
    with pytest.raises(EngineFailed, match=words) as refused:
        caching.prepare(Work(scenario=replace(BASE, **fields), iterations=1, seed=0))

    assert refused.value.kind == "unsupported"
    assert {(48, 24, "length")} == lengths(done(caching, BASE))


@needs_vllm
def test_ngram_speculation_counts_its_drafts(ngram: EngineHost) -> None:
    """Some drafts from the prompt are accepted and some are not; lengths stay exact, the prefix cache silent."""
    generation = done(ngram, replace(BASE, speculation=NGRAM, batch_size=8), iterations=2)

    assert {(48, 24, "length")} == lengths(generation)
    assert generation.acceptance is not None and 0 < generation.acceptance < 1
    assert generation.prefix_cache_hit_tokens == 0


@needs_vllm
def test_speculation_with_sampling_is_refused_on_a_cpu(ngram: EngineHost) -> None:
    """The CPU build cannot verify drafts of sampled text: the case is told so before it runs."""
    if ngram.facts["device"] != "cpu":
        pytest.skip("vLLM's GPU builds can do it")

    with pytest.raises(EngineFailed, match="decode greedily or run it on a GPU") as refused:
        done(ngram, replace(BASE, speculation=NGRAM, decoding=Decoding.sample(temperature=0.8)))

    assert refused.value.kind == "unsupported"


@needs_vllm
def test_draft_model_speculation_counts_each_window_alone(drafting: EngineHost) -> None:
    """Counters are differences over one window: the same work has the same counts the second time."""
    scenario = replace(BASE, speculation=DRAFT)

    first, again = done(drafting, scenario), done(drafting, scenario)

    assert first.acceptance is not None and 0 < first.acceptance < 1
    assert (first.drafted_tokens, first.accepted_tokens) == (again.drafted_tokens, again.accepted_tokens)


@needs_vllm
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="tensor parallelism of 2 needs two cores")
def test_tensor_parallel_workers_leave_nothing_behind() -> None:
    """Two workers serve exact lengths; closing the engine ends both and leaves no shared memory of theirs."""
    shared = Path("/dev/shm")
    before = {path.name for path in shared.glob("vllm_*")}
    scenario = replace(BASE, tensor_parallel=2)

    with EngineHost.load(spec_of(scenario), timeout_s=LOAD_S) as host:
        generation = done(host, scenario)
        workers = psutil.Process(host.pid).children(recursive=True)

    assert {(48, 24, "length")} == lengths(generation)
    assert len(workers) >= 2
    assert not [one for one in workers if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert before >= {path.name for path in shared.glob("vllm_*")}


@pytest.mark.parametrize(
    ("spec", "device", "words"),
    [
        (spec_of(replace(BASE, execution="cuda_graphs")), "cpu", "CUDA graphs need a GPU"),
        (spec_of(BASE, device="cuda"), "cpu", "built for cpu and cuda was asked for"),
        (spec_of(BASE, device="cpu"), "cuda", "built for cuda and cpu was asked for"),
    ],
    ids=["graphs", "cuda", "cpu"],
)
def test_what_a_build_cannot_do_is_said_before_loading(spec: EngineSpec, device: str, words: str) -> None:
    """A load that this build of vLLM cannot do is answered by one sentence, and another build may try it."""
    reason = unsupported(spec, device)

    assert reason is not None and words in reason
    assert unsupported(spec_of(BASE), device) is None
