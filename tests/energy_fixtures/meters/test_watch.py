"""Watching boards: on simulated ones through the real pynvml and Zeus, and with sensors that fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.meters.nvml_sensor import BoardSensor, Conditions
from energy_fixtures.meters.watch import LONGEST_S, SHORTEST_S, BoardWatch, family, foreign
from energy_fixtures.readings import BoardTrace
from tests.simulated_board.board import run_on_board, step, true_energy_j

WATCH = """
import json, os, subprocess, sys, time
import msgspec
import zeus.device.gpu as zeus_gpu
from energy_fixtures.meters.nvml_sensor import BoardSensor, nvml_conditions
from energy_fixtures.meters.timeline import integrate
from energy_fixtures.meters.watch import BoardWatch
gpus = zeus_gpu.get_gpus()
def sensor(index):
    return BoardSensor(
        domain=f"gpu:{{index}}",
        power_w=lambda: gpus.get_instant_power_usage(index) / 1000,
        temperature_c=lambda: gpus.get_gpu_temperature(index),
        conditions=nvml_conditions(index),
    )
os.environ["SIMULATED_BOARD_ORIGIN_S"] = str(time.monotonic())  # the settings' zero is the window's start, or nearly
watch = BoardWatch([sensor(index) for index in range(len(gpus))])
{before}
token = watch.begin((os.getpid(),))
begin_s = time.monotonic()
time.sleep({seconds})
end_s = time.monotonic()
traces = watch.end(token, begin_s, end_s)
seen = dict(begin_s=begin_s, end_s=end_s, origin_s=float(os.environ["SIMULATED_BOARD_ORIGIN_S"]))
seen |= dict(traces={{domain: msgspec.to_builtins(trace) for domain, trace in traces.items()}})
{after}
watch.close()
print(json.dumps(seen))
"""


def watched(seconds: float = 0.6, before: str = "", after: str = "", **settings: object) -> Any:
    """What one window of that length saw, in a process of its own that settings count from."""
    return json.loads(run_on_board(WATCH.format(seconds=seconds, before=before, after=after), **settings))


def trace(seconds: float = 0.6, before: str = "", **settings: object) -> Any:
    """What it saw on board 0, fields at their default left out."""
    return watched(seconds, before, **settings)["traces"]["gpu:0"]


def test_a_quiet_window():
    """At ease, both ends of every range are the board's own, and the timeline spans the window."""
    seen = watched(0.7, count=2, watts=300, celsius=51, sm_mhz=1700, limit_w=650)
    one, other = seen["traces"]["gpu:0"], seen["traces"]["gpu:1"]
    times, watts, celsius = zip(*one.pop("timeline"), strict=True)

    assert one == {
        "temperature_start_c": 51,
        "temperature_end_c": 51,
        "temperature_max_c": 51,
        "sm_clock_min_hz": 1.7e9,
        "sm_clock_max_hz": 1.7e9,
        "power_limit_min_w": 650,
        "power_limit_max_w": 650,
        "foreign_processes": 0,
        "mig": False,
    }
    assert times[0] >= 0 and times[-1] <= seen["end_s"] - seen["begin_s"] and list(times) == sorted(times)
    assert (set(watts), set(celsius)) == ({300}, {51})
    assert {power_w for _, power_w, _ in other["timeline"]} == {301}


def test_a_short_window_has_both_ends():
    """A window that ends before the thread looks even once knows throttling, limit and processes all the same."""
    seen = trace(0.001, limit_w=step(60, 500, 1), reasons=0x40)

    assert (seen["power_limit_min_w"], seen["throttle"], seen["foreign_processes"]) == (
        500,
        ["hw_thermal_slowdown"],
        0,
    )


def test_throttling_in_the_middle_is_seen():
    """A reason that comes and goes inside the window is in the trace, with those that were there all along."""
    seen = trace(2.0, reasons="0:4,0.3:4,0.3:12,1.6:12,1.6:4")

    assert seen["throttle"] == ["sw_power_cap", "hw_slowdown"]


def test_a_changed_limit_and_clock_are_seen():
    """Lowest and highest limit and clock of the window differ when somebody changes them inside it."""
    seen = trace(2.2, limit_w=step(1.1, 700, 500), sm_mhz=step(1.1, 1980, 990))

    assert (seen["power_limit_min_w"], seen["power_limit_max_w"]) == (500, 700)
    assert (seen["sm_clock_min_hz"], seen["sm_clock_max_hz"]) == (0.99e9, 1.98e9)


def test_temperature_of_both_ends_and_the_peak():
    """A board that warms up and cools down again shows where it began, where it ended and how hot it was."""
    seen = trace(2.4, celsius="0:40,0.5:40,0.5:70,1.8:70,1.8:55")

    assert (seen["temperature_start_c"], seen["temperature_max_c"], seen["temperature_end_c"]) == (40, 70, 55)
    assert {40, 70} <= {celsius for _, _, celsius in seen["timeline"]}


def test_a_foreign_process_that_comes_and_goes():
    """Somebody's process on the board is counted although it is gone again by the window's end."""
    stranger = "os.environ['SIMULATED_BOARD_PROCESSES'] = f'1:64@0.3-1.6,{os.getpid()}:64'"

    assert trace(2.0, before=stranger)["foreign_processes"] == 1


def test_our_own_processes_are_not_foreign():
    """This process and the trees that do the work may be on the board; what was there before them may not."""
    ours = """
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
os.environ["SIMULATED_BOARD_PROCESSES"] = f"{os.getpid()}:64,{child.pid}:64"
"""
    assert trace(before=ours + "import atexit; atexit.register(child.kill)")["foreign_processes"] == 0
    assert trace(processes="3999999:64")["foreign_processes"] == 1


def test_a_partitioned_board_says_so():
    """MIG is in the trace, so that the whole card's energy is not taken for an instance's."""
    assert trace(0.01, mig=1)["mig"] is True


def test_a_board_lost_in_the_middle():
    """A board that falls off the bus ends its timeline; what it cannot tell is None; the other goes on."""
    seen = watched(1.2, count=2, lost_at_s_0=0.6)
    lost, other = seen["traces"]["gpu:0"], seen["traces"]["gpu:1"]

    assert lost["timeline"][-1][0] < 0.8 < 1 < other["timeline"][-1][0]
    assert (lost["temperature_start_c"], lost.get("temperature_end_c")) == (45, None)
    assert other["temperature_end_c"] == 45


def test_integrated_power_is_the_true_energy():
    """The samples of a real thread, integrated, give the true energy of a changing load within their uncertainty."""
    take = """
time.sleep(0.2)
samples = watch.samples("gpu:0", begin_s - 0.2, end_s + 0.2)
integral = integrate(samples, begin_s, end_s)
seen |= dict(energy_j=integral.energy_j, error_j=integral.sample_gaps_j, count=integral.count, ordered=samples == sorted(samples))
"""
    watts = "100~600@0.7"
    seen = watched(1.4, after=take, watts=watts)
    truth_j = true_energy_j(watts, seen["begin_s"], seen["end_s"], origin_s=seen["origin_s"])

    assert seen["count"] >= 5 and seen["ordered"]
    assert abs(seen["energy_j"] - truth_j) < 1.96 * seen["error_j"] < 0.5 * truth_j


def test_state_is_the_boards_together():
    """Mean power since a moment is summed over the boards; the temperature is the hottest one's now."""
    later = "state = watch.state(begin_s); seen |= dict(power_w=state.power_w, celsius=state.temperature_c)"
    seen = watched(0.3, after=later, count=2, watts=300, celsius_1=66)

    assert (seen["power_w"], seen["celsius"]) == (601, 66)


def test_nvml_is_given_back_and_the_thread_ends():
    """Closing the watch ends its thread and its hold on NVML."""
    script = """
import threading, pynvml
from energy_fixtures.meters.nvml_sensor import BoardSensor, nvml_conditions
from energy_fixtures.meters.watch import BoardWatch
watch = BoardWatch([BoardSensor(domain="gpu:0", power_w=lambda: 1.0, conditions=nvml_conditions(0))])
before = pynvml._nvmlLib_refcount, threading.active_count()
watch.close()
print(before, (pynvml._nvmlLib_refcount, threading.active_count()))
"""
    assert run_on_board(script).strip() == "(1, 2) (0, 1)"


@pytest.fixture
def watch_of() -> Iterator[Callable[..., BoardWatch]]:
    """Makes watches of sensors given by hand, and closes them."""
    made: list[BoardWatch] = []

    def make(*sensors: BoardSensor, **options: Any) -> BoardWatch:
        made.append(BoardWatch(sensors, **options))
        return made[-1]

    yield make
    for watch in made:
        watch.close()


def gone() -> float:
    """A sensor that does not answer."""
    raise OSError("lost")


def test_a_sensor_that_raises_is_silent(watch_of: Callable[..., BoardWatch]):
    """A board that answers nothing has no samples and an empty trace, and says so instead of a zero."""
    watch = watch_of(BoardSensor(domain="gpu:0", power_w=gone, temperature_c=gone, conditions=gone))  # type: ignore[arg-type]
    token = watch.begin(())
    begin_s = time.monotonic()

    assert watch.end(token, begin_s, time.monotonic()) == {"gpu:0": BoardTrace()}
    assert watch.samples("gpu:0", 0, time.monotonic()) == []
    state = watch.state(0)
    assert state is not None and (state.power_w, state.temperature_c) == (None, None)


def test_a_sensor_that_answers_again_is_heard_again(watch_of: Callable[..., BoardWatch]):
    """One failed answer is a gap, not the end of the board."""
    answers = iter([100.0, 100.0, 100.0])
    again = threading.Event()

    def power_w() -> float:
        value = next(answers, None)
        if value is None and not again.is_set():
            again.set()
            raise OSError("busy")
        return 200.0 if value is None else value

    watch = watch_of(BoardSensor(domain="gpu:0", power_w=power_w), period_s=SHORTEST_S)
    deadline_s = time.monotonic() + 20
    while not any(s.power_w == 200 for s in watch.samples("gpu:0", 0, deadline_s)) and time.monotonic() < deadline_s:
        time.sleep(0.01)

    assert again.is_set()
    assert watch.samples("gpu:0", 0, deadline_s)[-1].power_w == 200


def test_windows_nest_and_overlap(watch_of: Callable[..., BoardWatch]):
    """Each window has its own processes at its start, and its own part of the timeline."""
    on_board: list[int] = []
    sensor = BoardSensor(
        domain="gpu:0", power_w=lambda: 5.0, conditions=lambda: Conditions(processes=tuple(on_board), throttle=())
    )
    watch = watch_of(sensor, period_s=LONGEST_S)
    outer = watch.begin(())
    outer_s = time.monotonic()
    on_board.append(3_999_999)  # exists nowhere, so it can be known by its coming alone
    inner = watch.begin(())
    inner_s = time.monotonic()
    seen_inner = watch.end(inner, inner_s, time.monotonic())
    seen_outer = watch.end(outer, outer_s, time.monotonic())

    assert (seen_inner["gpu:0"].foreign_processes, seen_outer["gpu:0"].foreign_processes) == (0, 1)
    assert len(seen_inner["gpu:0"].timeline) < len(seen_outer["gpu:0"].timeline)


def burn(seconds: float) -> float:
    """A sensor whose answer costs processor time."""
    until_s = time.thread_time() + seconds
    while time.thread_time() < until_s:
        pass
    return 1.0


def test_a_dear_sensor_is_asked_less_often(watch_of: Callable[..., BoardWatch]):
    """The period follows what an answer costs, from what was asked for up to the longest."""
    cheap, dear, dearest = (
        watch_of(BoardSensor(domain="gpu:0", power_w=lambda seconds=seconds: burn(seconds)))  # type: ignore[misc]
        for seconds in (0.0, 0.002, 0.05)
    )

    assert cheap.period_s == 0.05
    assert 0.19 < dear.period_s < LONGEST_S
    assert dearest.period_s == LONGEST_S
    waits = watch_of(BoardSensor(domain="gpu:0", power_w=lambda: time.sleep(0.1) or 1.0))
    assert 0.19 < waits.period_s <= LONGEST_S
    assert watch_of(period_s=0.001).period_s == SHORTEST_S


def test_without_boards_there_is_no_state(watch_of: Callable[..., BoardWatch]):
    """A watch of nothing knows no state, no samples and no traces."""
    watch = watch_of()

    assert watch.state(0) is None
    assert watch.samples("gpu:0", 0, 1) == []
    assert watch.end(watch.begin(()), 0, 1) == {}


PIDS = st.frozensets(st.integers(1, 12))


@given(PIDS, PIDS, PIDS, PIDS, PIDS)
def test_who_is_foreign(
    on_board: frozenset[int],
    ours: frozenset[int],
    visible: frozenset[int],
    at_start: frozenset[int],
    at_begin: frozenset[int],
):
    """Ours never; others if they can be seen, were there before us, or came while the window was open."""
    found = foreign(on_board, ours=ours, visible=visible, at_start=at_start, at_begin=at_begin)

    for pid in range(1, 13):
        reasons = pid in visible or pid in at_start or pid not in at_begin
        assert (pid in found) == (pid in on_board and pid not in ours and reasons)


def test_an_engine_under_another_number_is_not_foreign():
    """In a container, the engine that was loaded before the window is on the board under an id that nobody here has."""
    assert foreign([70_001], ours={12}, visible=(), at_start=(), at_begin=[70_001]) == frozenset()


def test_a_family_is_the_tree_and_the_session(tmp_path: Path):
    """Children of children belong to a root, and so do orphans of a session that it leads."""
    pids = tmp_path / "pids"
    inner = f"import os, pathlib, time; pathlib.Path({str(pids)!r}).write_text(str(os.getpid())); time.sleep(30)"
    outer = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {inner!r}]).wait()"
    root = subprocess.Popen([sys.executable, "-c", outer], start_new_session=True)
    deadline_s = time.monotonic() + 20
    while not (pids.exists() and pids.read_text()) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    try:
        assert family([root.pid]) == {root.pid, int(pids.read_text())}
        root.kill()
        assert int(pids.read_text()) in family([root.pid])
        assert {os.getpid(), int(pids.read_text())} & family([]) == set()
    finally:
        os.kill(int(pids.read_text()), 9)
        root.wait()
