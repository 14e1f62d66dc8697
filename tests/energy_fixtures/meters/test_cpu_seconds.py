"""CPU seconds of process trees, against processes that burn a known amount."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.errors import MeasurementInvalid
from energy_fixtures.meters.cpu_seconds import (
    OTHERS_SHARE,
    ProcessTime,
    Snapshot,
    busy_seconds,
    cpu_seconds_between,
    is_shared,
    snapshot,
)

BURN = "import time\nwhile time.process_time() < {seconds}: pass\n"


def burn(seconds: float) -> str:
    """Python code that uses that many CPU seconds, start of the interpreter included."""
    return BURN.format(seconds=seconds)


def run_parent(script: str) -> subprocess.Popen[str]:
    """A process that runs `script` line by line as it is told to, and stays."""
    return subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def tell(process: subprocess.Popen[str]) -> str:
    """Let the process go on to its next `print`."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


@pytest.mark.parametrize("how", ["itself", "thread", "child", "grandchild"])
def test_seconds_of_whoever_burned_them(how: str):
    """Work of the process, of an ended thread, and of ended children and grandchildren counts, to two clock ticks."""
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn(0.3)!r}])"
    bodies = {
        "itself": "work()",
        "thread": "t = threading.Thread(target=work); t.start(); t.join()",
        "child": f"subprocess.run([sys.executable, '-c', {burn(0.3)!r}])",
        "grandchild": f"subprocess.run([sys.executable, '-c', {child!r}])",
    }
    process = run_parent(
        "import subprocess, sys, threading, resource, time\n"
        "def work():\n    end = time.process_time() + 0.3\n    while time.process_time() < end: pass\n"
        "def used():\n"
        "    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]\n"
        "    return sum(one.ru_utime + one.ru_stime for one in both)\n"
        "input(); before = used(); print('ready', flush=True); input()\n"
        f"{bodies[how]}\nprint(used() - before, flush=True); input()\n"
    )
    with process:
        try:
            assert tell(process) == "ready"
            before = snapshot((process.pid,))
            burned_s = float(tell(process))
            seconds = cpu_seconds_between(before, snapshot((process.pid,), before), (process.pid,))
        finally:
            process.kill()

    assert burned_s >= 0.3
    assert seconds == pytest.approx(burned_s, abs=0.03)


def test_work_before_the_window_does_not_count():
    """What a child used before the window is not charged to the window in which it ends."""
    process = run_parent(
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', "
        "'import time\\nwhile time.process_time() < 0.4: pass\\nprint(1, flush=True)\\ninput()'],"
        " stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "child.stdout.readline(); input(); print('burned', flush=True); input()\n"
        "child.communicate(b'\\n'); print('ended', flush=True); input()\n"
    )
    with process:
        try:
            assert tell(process) == "burned"
            before = snapshot((process.pid,))
            assert tell(process) == "ended"
            after = snapshot((process.pid,), before)
        finally:
            process.kill()

    assert len(before) == 2
    assert len(after) == 1
    assert cpu_seconds_between(before, after, (process.pid,)) < 0.2


def test_living_child_is_read_to_the_nanosecond():
    """A process that sleeps costs next to nothing, far less than one clock tick."""
    process = run_parent("import time; input(); print('up', flush=True); time.sleep(60)")
    with process:
        try:
            assert tell(process) == "up"
            time.sleep(0.05)
            before = snapshot((os.getpid(),))
            after = snapshot((process.pid,), before)
            sleeper = {identity: times for identity, times in after.items() if identity[0] == process.pid}
            asleep = cpu_seconds_between(before, sleeper, (process.pid,))
        finally:
            process.kill()

    assert any(identity[0] == process.pid for identity in before)
    assert asleep < 0.009


def test_root_that_ended_makes_the_window_invalid():
    """A root process that ends inside the window is an error and not a small number."""
    process = run_parent("input(); print(1, flush=True); input()")
    with process:
        tell(process)
        before = snapshot((process.pid,))
        process.kill()
    with pytest.raises(MeasurementInvalid, match=f"process {process.pid} ended inside the window"):
        cpu_seconds_between(before, snapshot((process.pid,), before), (process.pid,))


times = st.builds(ProcessTime, own_s=st.floats(0, 1e6), reaped_s=st.floats(0, 1e6))
identities = st.tuples(st.integers(2, 9), st.just(0.0))


@given(before=st.dictionaries(identities, times), after=st.dictionaries(identities, times))
def test_seconds_never_run_backwards(before: Snapshot, after: Snapshot):
    """Whatever starts and ends in between, a tree never uses less than nothing."""
    assert cpu_seconds_between(before, after, ()) >= 0


def test_busy_seconds_see_every_process():
    """What another process burns is among the machine's busy seconds, which no machine can outrun."""
    before_s, began_s = busy_seconds(), time.monotonic()
    subprocess.run([sys.executable, "-c", burn(0.3)], check=True)
    busy_s, took_s = busy_seconds() - before_s, time.monotonic() - began_s
    cores = psutil.cpu_count() or 1

    assert 0.25 <= busy_s <= cores * (took_s + 0.05)


@given(cores=st.integers(1, 256), duration_s=st.floats(0.5, 1e4), own=st.floats(0, 1), others=st.floats(0, 1))
def test_shared_is_a_matter_of_others_alone(cores: int, duration_s: float, own: float, others: float):
    """Whatever the work itself uses, the verdict hangs on the share of all cores that others used."""
    all_s = cores * duration_s
    shared = is_shared((own + others) * all_s, own * all_s, duration_s, cores)

    if others > OTHERS_SHARE + 0.05:
        assert shared
    if others <= OTHERS_SHARE - 0.001:
        assert not shared


def test_clock_ticks_are_nobodys_work():
    """In a window of a few clock ticks the kernel's rounding is not taken for another process."""
    assert not is_shared(0.02, 0.0, 0.01, 1)
