"""Copies of an engine side by side: each its share of the batch, its own prompts, its own boards."""

from __future__ import annotations

import os
import threading

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.engines.base import EngineSpec, Work
from energy_fixtures.engines.catalogue import engine_spec, installed
from energy_fixtures.engines.data_parallel import CORES, DataParallelEngine, places_of, shares, together
from energy_fixtures.engines.host import EngineHost
from energy_fixtures.errors import EngineFailed
from energy_fixtures.models.catalogue import resolve
from energy_fixtures.records import Generation, Request, Scenario

BASE = Scenario(
    engine="vllm", model="tiny", dtype="float32", batch_size=5, input_tokens=16, output_tokens=4, data_parallel=2
)
replace = msgspec.structs.replace


def spec_of(scenario: Scenario, device: str = "cpu") -> EngineSpec:
    """What has to be loaded for it."""
    return engine_spec(
        scenario,
        model=resolve("tiny"),
        draft=None,
        device=device,  # type: ignore[arg-type]
        trust_remote_code=False,
    )


class FakeHost:
    """One copy: notes what it is told; its work ends only when the other copy works too."""

    meeting = threading.Barrier(2, timeout=30)

    def __init__(self, spec: EngineSpec, environ: dict[str, str]) -> None:
        self.spec, self.environ = spec, environ
        self.cores = os.sched_getaffinity(0)
        self.facts = {"framework": "fake", "copy": 1}
        self.works: list[Work] = []

    def prepare(self, work: Work) -> None:
        self.works.append(work)

    def go(self) -> None:
        self.meeting.wait()

    def collect(self) -> Generation:
        one = Request(input_tokens=16, output_tokens=4, finish_reason="length", ttft_s=0.1, e2e_s=0.2)
        return Generation(requests=(one,) * self.works[-1].scenario.batch_size, preemptions=1)


@given(st.integers(2, 8), st.integers(0, 200))
def test_the_whole_batch_is_dealt_out_evenly(copies: int, more: int) -> None:
    """Every request goes to exactly one copy, no copy has two more than another, and no two share a seed."""
    work = Work(scenario=replace(BASE, batch_size=copies + more, data_parallel=copies), iterations=3, seed=7)
    parts = shares(work, copies)
    sizes = [part.scenario.batch_size for part in parts]

    assert sum(sizes) == copies + more
    assert max(sizes) - min(sizes) <= 1
    assert len({part.seed + iteration for part in parts for iteration in range(3)}) == 3 * copies


def test_copies_work_at_once_and_add_up() -> None:
    """All copies run at the same time, and what they did is one Generation with the whole batch."""
    made: list[FakeHost] = []

    def load(spec: EngineSpec, environ: dict[str, str]) -> FakeHost:
        made.append(FakeHost(spec, environ))
        return made[-1]

    engine = DataParallelEngine(spec_of(BASE), load)
    engine.prepare(Work(scenario=BASE, iterations=1, seed=0))
    engine.run()  # would wait for ever if one went after the other
    generation = engine.collect()

    assert engine.facts == {"framework": "fake", "copy": 1, "data_parallel": 2}
    assert {host.spec.data_parallel for host in made} == {1}
    assert len(generation.requests) == 5 and generation.preemptions == 2
    assert generation.drafted_tokens is None and generation.spans == ()


def test_an_unknown_count_stays_unknown() -> None:
    """When one copy cannot tell, the sum is not known."""
    told, silent = Generation(requests=(), preemptions=3), Generation(requests=())

    assert together([told, silent]).preemptions is None


def test_a_copy_that_cannot_be_loaded_fails_the_engine() -> None:
    """The first failure is told once every copy has answered."""

    def load(spec: EngineSpec, environ: dict[str, str]) -> FakeHost:
        raise EngineFailed("no room", kind="out_of_memory")

    with pytest.raises(EngineFailed, match="no room"):
        DataParallelEngine(spec_of(BASE), load)


def test_boards_are_dealt_out_in_the_users_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each copy sees only its own boards, as many as it is spread over."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1,0,2")
    spec = spec_of(replace(BASE, tensor_parallel=2), "cuda")

    assert [place["CUDA_VISIBLE_DEVICES"] for place in places_of(spec)] == ["3,1", "0,2"]

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    with pytest.raises(EngineFailed, match="need 4 GPUs and this process may use 3") as refused:
        places_of(spec)
    assert refused.value.kind == "unsupported"


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two copies need two cores")
def test_cores_are_dealt_out_and_this_thread_keeps_its_own() -> None:
    """On a CPU no two copies share a core, each starts on its own ones, and nobody else is bound."""
    before = os.sched_getaffinity(0)
    made: list[FakeHost] = []
    DataParallelEngine(spec_of(BASE), lambda spec, environ: made.append(FakeHost(spec, environ)) or made[-1])
    places = [set(place[CORES].split(",")) for place in places_of(spec_of(BASE))]

    assert not places[0] & places[1]
    assert sorted(sorted(map(str, host.cores)) for host in made) == sorted(sorted(place) for place in places)
    assert os.sched_getaffinity(0) == before
    assert all("OMP_NUM_THREADS" in host.environ and CORES not in host.environ for host in made)


@pytest.mark.engines
@pytest.mark.skipif(installed("transformers") is not None, reason=str(installed("transformers")))
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two copies need two cores")
def test_real_copies_serve_the_whole_batch() -> None:
    """Two real engines in processes of their own serve every request at its exact length."""
    scenario = replace(BASE, engine="transformers")
    with EngineHost.load(spec_of(scenario), timeout_s=300) as host:
        host.prepare(Work(scenario=scenario, iterations=2, seed=0))
        host.go()
        generation = host.collect()

    assert host.facts["data_parallel"] == 2
    assert [(one.input_tokens, one.output_tokens) for one in generation.requests] == [(16, 4)] * 10
