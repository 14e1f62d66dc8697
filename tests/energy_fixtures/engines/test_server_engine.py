"""A server as an engine in a process of its own: one that runs already, and `vllm serve` itself, started once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from energy_fixtures.engines import vllm_serve
from energy_fixtures.engines.base import EngineSpec, Work
from energy_fixtures.engines.catalogue import engine_spec, installed
from energy_fixtures.engines.host import EngineHost
from energy_fixtures.engines.server_engine import ServerEngine
from energy_fixtures.errors import EngineFailed
from energy_fixtures.meters.base import Meter
from energy_fixtures.meters.modelled import ModelledMeter
from energy_fixtures.meters.simulated import SimulatedMeter
from energy_fixtures.models.catalogue import resolve
from energy_fixtures.protocol import Plan
from energy_fixtures.records import Decoding, Scenario, Trial
from energy_fixtures.runner import run
from energy_fixtures.serving import task
from energy_fixtures.serving.client import Address
from energy_fixtures.serving.local import free_port, is_healthy, wait_for
from energy_fixtures.serving.records import Arrivals
from energy_fixtures.serving.running import as_served, server_of
from energy_fixtures.serving.task import ServingTask
from tests.energy_fixtures.engines.test_host import wait_until_gone
from tests.energy_fixtures.serving.fake import Fake, serving

ROOT = Path(__file__).parents[3]
LOAD_S = 300.0  # a busy machine of two cores
CASE = Scenario(
    engine="vllm_server",
    model="tiny",
    dtype="float32",
    batch_size=2,
    input_tokens=8,
    output_tokens=12,
    arrivals=Arrivals.all_at_once(8),
)
replace = msgspec.structs.replace


def spec_on(fake: Fake) -> EngineSpec:
    """What a child has to hold for the fake server."""
    server = server_of(fake.address, ())
    named = as_served(CASE, server)
    return engine_spec(named, model=server.model, draft=None, device="cpu", trust_remote_code=False, server=server.spec)


@pytest.fixture
def fake() -> Iterator[Fake]:
    """A server that runs already."""
    with serving(Fake(gap_s=0.005)) as server:
        yield server


@pytest.fixture
def host(fake: Fake) -> Iterator[EngineHost]:
    """A child that talks to it."""
    with EngineHost.load(spec_on(fake), timeout_s=LOAD_S) as child:
        yield child


def trial(
    host: EngineHost,
    scenario: Scenario,
    *,
    meter: Meter | None = None,
    address: Address | None = None,
    iterations: int = 1,
) -> Trial:
    """One window of arrival runs."""
    meter = meter or ModelledMeter(cpu_watts="1:5")
    scope = meter.info.domains
    task = ServingTask(host, scenario, dummy_weights=True, meter=meter, label="case", scope=scope, address=address)
    (one,), _ = run(task, meter, replace_plan(iterations), "case", scope, lambda step: None)
    return one


def replace_plan(iterations: int) -> Plan:
    """One window of so many runs, no warm-up."""
    return Plan(warmup_rounds=0, rounds=1, min_window_s=0.0, max_time_s=60.0, iterations=(iterations,))


def test_a_running_server_is_measured(host: EngineHost, fake: Fake) -> None:
    """Every request is served as asked, in a window of the whole run and in one of its steady state."""
    one = trial(host, as_served(CASE, server_of(fake.address, ())), address=fake.address)
    generation = one.generation

    assert one.valid, one.invalid_reasons
    assert generation is not None and len(generation.requests) == 8
    (arrivals,) = generation.serving
    assert arrivals.foreign_requests == 0 and arrivals.steady is not None
    steady = arrivals.steady.reading
    assert steady is not None and steady.invalid_reasons == ()
    assert steady.duration_s == pytest.approx(arrivals.steady.duration_s, abs=0.05)
    assert 0 < steady.energy_j["cpu:0"] < one.reading.energy_j["cpu:0"]
    assert [(body["min_tokens"], body["ignore_eos"], len(body["prompt"])) for body in fake.bodies] == [
        (12, True, 8)
    ] * 8


def test_the_joules_of_the_steady_state_are_its_own(host: EngineHost, fake: Fake) -> None:
    """At constant power the steady state has the joules of its own seconds, not a share by tokens."""
    scenario = as_served(CASE, server_of(fake.address, ()))
    one = trial(host, scenario, meter=SimulatedMeter("200"), address=fake.address)
    assert one.generation is not None
    steady = one.generation.serving[0].steady

    assert steady is not None and steady.reading is not None
    assert sum(steady.reading.energy_j.values()) == pytest.approx(200 * steady.reading.duration_s)


def test_each_run_of_a_window_has_its_own_steady_state(host: EngineHost, fake: Fake) -> None:
    """Short runs are repeated inside one window; each keeps its steady state, in order."""
    one = trial(host, as_served(CASE, server_of(fake.address, ())), address=fake.address, iterations=3)
    assert one.generation is not None

    assert one.valid
    assert [run.steady is not None and run.steady.reading is not None for run in one.generation.serving] == [True] * 3


@pytest.mark.parametrize(
    ("how", "code"), [("500", "requests_failed"), ("429", "requests_refused"), ("reset", "streams_cut_off")]
)
def test_failures_void_the_trial_and_are_kept(host: EngineHost, fake: Fake, how: str, code: str) -> None:
    """A failed request voids its trial; whole answers are kept and counted, the failed one is named."""
    fake.wrong = {3: how}
    one = trial(host, as_served(CASE, server_of(fake.address, ())), address=fake.address)
    assert one.generation is not None

    assert code in one.invalid_reasons  # beside it a busy machine may say that its clocks disagree
    assert len(one.generation.requests) == 7
    assert [served.failure is None for served in one.generation.serving[0].requests].count(False) == 1
    assert one.generation.serving[0].steady is None


def test_requests_of_others_void_the_trial(host: EngineHost, fake: Fake) -> None:
    """What the server finished for others shows in its counters; joules of both cannot be told apart."""
    scenario = as_served(CASE, server_of(fake.address, ()))
    host.prepare(Work(scenario=scenario, iterations=1, seed=1))
    fake.foreign = 2
    host.go()
    generation = host.collect()

    assert generation.serving[0].foreign_requests == 2


def test_a_server_without_counters_is_measured_too(fake: Fake) -> None:
    """Without a page of counters it is unknown whether others were served, and that is not zero."""
    fake.metrics = False
    with EngineHost.load(spec_on(fake), timeout_s=LOAD_S) as host:
        one = trial(host, as_served(CASE, server_of(fake.address, ())), address=fake.address)
        assert host.facts["framework"] == "server"
    assert one.generation is not None

    assert one.valid and one.generation.serving[0].foreign_requests is None


def test_a_server_that_cannot_be_found_is_refused(
    host: EngineHost, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Joules of a process that this user cannot see would be those of others."""
    monkeypatch.setattr(task, "listener_of", lambda address: None)
    with pytest.raises(EngineFailed, match="No process of this user listens") as failure:
        trial(host, CASE, address=fake.address)

    assert failure.value.kind == "unsupported"


def test_a_running_server_that_dies_is_told(host: EngineHost) -> None:
    """A server that somebody else started and that ends inside a window fails its case by that; then nothing listens there."""
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "perf.cases.fake_server", "20", str(port)], cwd=ROOT)
    address = Address(host="127.0.0.1", port=port)
    assert wait_for(address, lambda: server.poll() is None)
    scenario = replace(CASE, engine="server", execution="as_served", dtype="auto", model="model")
    spec = engine_spec(
        scenario,
        model=server_of(address, ()).model,
        draft=None,
        device="cpu",
        trust_remote_code=False,
        server=server_of(address, ()).spec,
    )
    with EngineHost.load(spec, timeout_s=LOAD_S) as client:
        killer = threading.Timer(0.1, server.kill)
        meter = SimulatedMeter("200")
        scope = meter.info.domains
        fields = {"dummy_weights": True, "meter": meter, "label": "case", "scope": scope, "address": address}
        work = ServingTask(client, scenario, **fields)  # type: ignore[arg-type]  # each as it should be
        work.prepare(1, 0)
        killer.start()
        with pytest.raises(EngineFailed, match=f"server at port {port} ended while it was measured"):
            work.go()
        killer.join()
        server.wait()
        with pytest.raises(EngineFailed, match=f"Nothing listens at port {port} any more") as gone:
            ServingTask(client, scenario, **fields)  # type: ignore[arg-type]  # as above

    assert gone.value.kind == "raised"


def test_a_running_server_is_never_ended(fake: Fake) -> None:
    """Closing the engine leaves the server as it was."""
    with EngineHost.load(spec_on(fake), timeout_s=LOAD_S):
        pass

    assert is_healthy(fake.address)


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> Iterator[ServerEngine]:
    """An engine in this process whose `vllm serve` is a fake server of our own, with guard and process group."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(vllm_serve, "refusal", lambda spec: None)
    monkeypatch.setattr(
        vllm_serve,
        "command",
        lambda spec, port, local: [sys.executable, "-m", "perf.cases.fake_server", "20", str(port)],
    )
    engine = ServerEngine(engine_spec(CASE, model=resolve("tiny"), draft=None, device="cpu", trust_remote_code=False))
    yield engine
    engine.close()


def server_of_ours() -> psutil.Process:
    """The fake server that this process's guard has started."""
    guards = [child for child in psutil.Process().children() if any("server_guard" in word for word in child.cmdline())]
    return guards[-1].children()[0]


def test_a_server_of_ours_that_dies_is_told_and_started_again(ours: ServerEngine) -> None:
    """A server that dies inside a run fails that run with its status; the next work finds a new one."""
    ours.prepare(Work(scenario=CASE, iterations=1, seed=1))
    killer = threading.Timer(0.1, server_of_ours().kill)
    killer.start()
    with pytest.raises(EngineFailed, match="vllm serve was ended by SIGKILL while it served"):
        ours.run()

    ours.prepare(Work(scenario=CASE, iterations=1, seed=2))
    ours.run()
    assert len(ours.collect().requests) == 8


def test_closing_ends_a_server_of_ours(ours: ServerEngine) -> None:
    """Nothing of it is left."""
    server = server_of_ours()
    ours.close()

    assert wait_until_gone(server.pid)


def test_a_server_that_never_gets_ready_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ends while it loads is named with its status."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(vllm_serve, "refusal", lambda spec: None)
    monkeypatch.setattr(vllm_serve, "command", lambda spec, port, local: [sys.executable, "-c", "raise SystemExit(7)"])

    with pytest.raises(EngineFailed, match="vllm serve ended with status 7 before it was ready"):
        ServerEngine(engine_spec(CASE, model=resolve("tiny"), draft=None, device="cpu", trust_remote_code=False))


@pytest.fixture(scope="module")
def vllm() -> Iterator[EngineHost]:
    """`vllm serve` of the tiny model."""
    device = "cuda" if os.path.exists("/dev/nvidiactl") else "cpu"
    spec = engine_spec(CASE, model=resolve("tiny"), draft=None, device=device, trust_remote_code=False)  # type: ignore[arg-type]
    with EngineHost.load(spec, timeout_s=LOAD_S) as host:
        yield host


needs_vllm = pytest.mark.skipif(installed("vllm_server") is not None, reason=str(installed("vllm_server")))


@pytest.mark.engines
@needs_vllm
def test_vllm_serves_exactly_what_was_asked(vllm: EngineHost) -> None:
    """Real vLLM, served: every answer has its full length, nothing fails, the steady state has joules."""
    one = trial(vllm, CASE)
    generation = one.generation

    assert one.valid, one.invalid_reasons
    assert generation is not None
    assert {(done.input_tokens, done.output_tokens, done.finish_reason) for done in generation.requests} == {
        (8, 12, "length")
    }
    assert generation.prefix_cache_hit_tokens == 0
    assert generation.serving[0].foreign_requests == 0
    assert generation.serving[0].steady is not None and generation.serving[0].steady.reading is not None
    assert generation.serving[0].gaps is not None


@pytest.mark.engines
@needs_vllm
def test_vllm_serves_conversations_and_samples(vllm: EngineHost) -> None:
    """Turns that repeat a conversation, and sampled tokens, have the lengths that were asked for."""
    arrivals = Arrivals(process="poisson", requests=8, request_rate=50.0, turns=2)
    one = trial(vllm, replace(CASE, arrivals=arrivals, decoding=Decoding.sample(temperature=0.8, top_p=0.9)))
    assert one.generation is not None

    assert one.valid, one.invalid_reasons
    assert [done.input_tokens for done in one.generation.requests] == [8, 28] * 4


@pytest.mark.engines
@needs_vllm
def test_vllm_ends_with_a_killed_engine(vllm: EngineHost) -> None:
    """When the engine's own process is killed, guard, server and its workers end with it. The last test of this server."""
    tree = [child.pid for child in psutil.Process(vllm.pid).children(recursive=True)]
    assert len(tree) >= 3  # guard, server, engine core

    os.kill(vllm.pid, signal.SIGKILL)

    assert all(wait_until_gone(pid) for pid in tree)
