from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from energy_fixtures.engines.base import EngineSpec, Work
from energy_fixtures.engines.host import EngineHost
from energy_fixtures.errors import EngineFailed
from energy_fixtures.models.base import ModelSpec
from energy_fixtures.records import Scenario

FAKE_CHILD = Path(__file__).with_name("fake_child.py")
COMMAND = (sys.executable, str(FAKE_CHILD))
PATIENCE_S = 60.0  # for steps that should succeed: the machine may be busy
ROOT = Path(__file__).resolve().parents[3]


def spec(**options: str | bool) -> EngineSpec:
    return EngineSpec(
        engine="transformers",
        model=ModelSpec(name="tiny", source="built", default_dtype="float32"),
        dtype="auto",
        device="cpu",
        execution="eager",
        tensor_parallel=1,
        quantization=None,
        context_tokens=8,
        max_batch_size=1,
        prefix_caching=False,
        options=options,
    )


def work(iterations: int = 1, **options: str) -> Work:
    scenario = Scenario(engine="transformers", batch_size=1, input_tokens=1, output_tokens=1, engine_options=options)
    return Work(scenario=scenario, iterations=iterations, seed=0)


def load(**options: str | bool) -> EngineHost:
    return EngineHost.load(spec(**options), timeout_s=PATIENCE_S, command=COMMAND)


@pytest.fixture
def host() -> Iterator[EngineHost]:
    with load() as host:
        yield host


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until_gone(pid: int) -> bool:
    deadline_s = time.monotonic() + PATIENCE_S
    while not gone(pid) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return gone(pid)


def children() -> set[int]:
    return {process.pid for process in psutil.Process().children(recursive=True)}


def test_work_goes_through_the_four_steps(host: EngineHost) -> None:
    """Prepare, go and collect answer in turn, as often as wanted, with times of this machine's monotonic clock."""
    for iterations in (1, 3):
        host.prepare(work(iterations))
        before_s = time.monotonic()
        finished = host.go()
        assert before_s <= finished.started_s <= finished.ended_s <= time.monotonic()
        assert len(host.collect().requests) == iterations


def test_the_engine_is_another_process(host: EngineHost) -> None:
    """`pid` is the process that the engine runs in, in a session of its own."""
    assert host.pid == host.facts["pid"] != os.getpid()
    assert os.getsid(host.pid) == host.pid
    assert host.alive


@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        ("raise", "raised", "ValueError: the weights are of another model"),
        ("unsupported", "unsupported", "This engine has no beams; use greedy."),
        ("memory", "out_of_memory", "MemoryError"),
        ("cuda memory", "out_of_memory", "RuntimeError: CUDA error: out of memory"),
    ],
)
@pytest.mark.parametrize("step", ["prepare", "run"])
def test_an_error_concerns_its_request_alone(host: EngineHost, step: str, how: str, kind: str, message: str) -> None:
    """What the engine raises arrives as EngineFailed with its kind, and the same process does the next work."""

    def do() -> None:
        host.prepare(work(**{step: how}))
        host.go()

    with pytest.raises(EngineFailed) as caught:
        do()
    assert caught.value.kind == kind
    assert caught.value.args[0].rstrip(": ") == message
    assert ("Traceback" in caught.value.log_tail) == (how != "unsupported")
    assert host.alive
    host.prepare(work())
    host.go()
    assert host.collect().output_tokens == 1


def test_work_before_preparation_is_refused(host: EngineHost) -> None:
    """A failed step does not leave the two sides out of step with each other."""
    with pytest.raises(EngineFailed, match="_work"):
        host.go()
    host.prepare(work())
    host.go()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("sigkill", "was ended by SIGKILL, probably by the kernel's out-of-memory killer"),
        ("fork, sigkill", "was ended by SIGKILL, probably by the kernel's out-of-memory killer"),
        ("exit", "exited with status 3"),
    ],
)
def test_a_death_is_told_by_its_cause(how: str, message: str) -> None:
    """A process that dies at work is reported with its signal or status and its last words; nobody is left behind."""
    before = children()
    with load() as host:
        host.prepare(work(run=how))
        with pytest.raises(EngineFailed) as caught:
            host.go()
        assert caught.value.kind == "killed"
        assert message in caught.value.args[0]
        assert "while generating" in caught.value.args[0]
        assert caught.value.log_tail == ("fatal: the device fell off the bus" if how == "exit" else "")
        assert not host.alive
        assert not [pid for pid in psutil.pids() if _session(pid) == host.pid and not gone(pid)]
        with pytest.raises(EngineFailed, match="load it again"):
            host.prepare(work())
    assert children() == before


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def test_a_signal_from_outside_is_named(host: EngineHost) -> None:
    """A process that somebody terminates between two steps is reported at the next one."""
    os.kill(host.pid, signal.SIGTERM)
    assert wait_until_gone(host.pid)
    with pytest.raises(EngineFailed) as caught:
        host.prepare(work())
    assert caught.value.kind == "killed"


def test_a_hang_ends_at_the_timeout(host: EngineHost) -> None:
    """A process that does not answer in time is ended even when it is stopped, and the message names the option."""
    host.prepare(work(run="hang"))
    os.kill(host.pid, signal.SIGSTOP)
    with pytest.raises(EngineFailed, match=r"still generating after 0.3 s .* --energy-timeout") as caught:
        host.go(timeout_s=0.3)
    assert caught.value.kind == "timeout"
    assert not host.alive
    assert gone(host.pid)


@pytest.mark.parametrize(
    ("how", "kind"), [("raise", "raised"), ("unsupported", "unsupported"), ("sigkill", "killed"), ("hang", "timeout")]
)
def test_a_failed_load_leaves_no_process(how: str, kind: str) -> None:
    """When loading fails, whatever the cause, the process is gone before the error arrives."""
    before = children()
    with pytest.raises(EngineFailed) as caught:
        EngineHost.load(spec(load=how), timeout_s=3 if how == "hang" else PATIENCE_S, command=COMMAND)
    assert caught.value.kind == kind
    assert children() == before


def test_waiting_is_told_and_costs_nothing() -> None:
    """`on_wait` hears the growing seconds of a wait while this process sleeps."""
    waited_s: list[float] = []
    with load() as host:
        host.prepare(work(run="a second"))
        host.on_wait = waited_s.append
        processor_s = time.process_time()
        host.go()
        processor_s = time.process_time() - processor_s
    assert waited_s
    assert waited_s == sorted(waited_s)
    assert processor_s < 0.1


def test_ctrl_c_in_a_wait_leaves_a_host_that_can_be_closed() -> None:
    """KeyboardInterrupt passes through a wait; close then ends the busy process at once."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    host = load()
    host.prepare(work(run="hang"))
    host.on_wait = interrupt
    with pytest.raises(KeyboardInterrupt):
        host.go()
    host.close()
    assert gone(host.pid)
    assert not host.alive


def test_ctrl_c_while_loading_leaves_no_process() -> None:
    """KeyboardInterrupt during a load ends the half-loaded process, which nobody else knows."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    before = children()
    with pytest.raises(KeyboardInterrupt):
        EngineHost.load(spec(load="hang"), timeout_s=PATIENCE_S, on_wait=interrupt, command=COMMAND)
    assert children() == before


def test_the_child_is_deaf_to_ctrl_c(host: EngineHost) -> None:
    """SIGINT does not disturb an engine at work: the parent decides what an interrupt means."""
    host.prepare(work(run="sigint"))
    host.go()
    assert host.collect().output_tokens == 1


@pytest.mark.parametrize("death", ["close", "killed"])
def test_processes_of_the_engine_end_with_it(death: str) -> None:
    """What the engine started is gone after close, also when the engine itself died before."""
    with load(helper=True) as host:
        helper = int(host.facts["helper"])
        assert not gone(helper)
        if death == "killed":
            os.kill(host.pid, signal.SIGKILL)
            assert wait_until_gone(host.pid)
    assert gone(helper)
    assert gone(host.pid)


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="shared memory has no folder on this system")
@pytest.mark.parametrize("busy", [False, True])
def test_shared_memory_of_the_engine_is_unlinked(busy: bool) -> None:
    """Shared memory that a killed engine never unlinked does not stay in /dev/shm."""
    with load(shared_memory=True) as host:
        memory = Path("/dev/shm", str(host.facts["shared_memory"]))
        assert memory.exists()
        if busy:
            host.prepare(work(run="sigkill"))
            with pytest.raises(EngineFailed):
                host.go()
    assert not memory.exists()


def test_close_may_come_twice(host: EngineHost) -> None:
    """A closed host is not alive, refuses work, and can be closed again."""
    host.close()
    host.close()
    assert not host.alive
    with pytest.raises(EngineFailed):
        host.prepare(work())


def test_a_killed_parent_takes_the_child_with_it() -> None:
    """`kill -9` of the pytest process leaves no engine behind, not even one that is busy."""
    script = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(FAKE_CHILD.parent)!r}]
import importlib.util
module = importlib.util.spec_from_file_location("host_cases", {__file__!r})
cases = importlib.util.module_from_spec(module)
module.loader.exec_module(cases)
host = cases.load()
host.prepare(cases.work(run="hang"))
host.on_wait = lambda _: print(host.pid, flush=True)
host.go()
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
    assert wait_until_gone(child)


def test_environment_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child gets this process's variables, those of `environ` over them, and quiet defaults under them."""
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    with EngineHost.load(spec(), timeout_s=PATIENCE_S, environ={"JOULES_TEST": "yes"}, command=COMMAND) as host:
        assert host.facts["JOULES_TEST"] == "yes"
        assert host.facts["TOKENIZERS_PARALLELISM"] == "true"
    monkeypatch.delenv("TOKENIZERS_PARALLELISM")
    with load() as host:
        assert host.facts["TOKENIZERS_PARALLELISM"] == "false"


@pytest.mark.parametrize("answer", ["b'\\0\\0\\0\\2hi'", 'b\'\\0\\0\\0\\x13{"type":"prepared"}\''])
def test_a_child_of_another_version_is_ended(answer: str) -> None:
    """An answer that is none of this protocol's ends the process and says so."""
    before = children()
    script = f"import socket, sys, time; socket.socket(fileno=int(sys.argv[1])).sendall({answer}); time.sleep(600)"
    with pytest.raises(EngineFailed, match="broke the protocol"):
        EngineHost.load(spec(), timeout_s=PATIENCE_S, command=(sys.executable, "-c", script))
    assert children() == before
