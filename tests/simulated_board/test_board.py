"""The simulated board does what the head of nvml.c says, seen through the real pynvml and the real Zeus."""

from __future__ import annotations

import json
import math
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulated_board.board import SOURCES, board_environ, known_settings, run_on_board, step, true_energy_j

BEGIN = """
import json, os, pathlib, time
import pynvml as nvml
nvml.nvmlInit()
board = nvml.nvmlDeviceGetHandleByIndex(0)
def energy_mj():
    return nvml.nvmlDeviceGetTotalEnergyConsumption(board)
def word(ask, *arguments):
    try:
        return ask(*arguments)
    except nvml.NVMLError as error:
        return str(error)
def at(moment_s):
    os.environ["SIMULATED_BOARD_ORIGIN_S"] = str(time.monotonic() - moment_s)
"""


def through_pynvml(script: str, **settings: object) -> Any:
    """What the script puts into `seen`; `board` is the handle of board 0, `at(s)` moves the clock of the settings."""
    return json.loads(run_on_board(f"{BEGIN}{script}\nprint(json.dumps(seen))", **settings))


WATCH = """
seen = []
for _ in range(60):
    seen.append((time.monotonic(), energy_mj(), time.monotonic()))
    time.sleep(0.007)
"""
TRACES = [
    "400",
    "100/600@0.7",
    "100~600@0.3",
    "0:300,0.1:300,0.1:500,0.3:200",
    "0:100,0.02:600,0.05:600,0.05:100@0.15",
]


@pytest.mark.parametrize("trace", TRACES)
@pytest.mark.parametrize(("tick_ms", "phase_ms", "quantum_mj", "gain"), [(20, 0, 1, 1), (100, 37.5, 500, 1.05)])
def test_counter_is_the_true_energy(trace: str, tick_ms: float, phase_ms: float, quantum_mj: float, gain: float):
    """At each reading the counter is the gain times the closed form since boot at the last tick, less than a step below."""
    origin_s = time.monotonic()
    asked: dict[str, Any] = {"tick_ms": tick_ms, "phase_ms": phase_ms, "quantum_mj": quantum_mj, "gain": gain}
    seen = through_pynvml(WATCH, watts=trace, origin_s=origin_s, **asked)
    tick_s, phase_s = tick_ms / 1e3, phase_ms / 1e3

    def counted_mj(at_s: float) -> float:
        ticked_s = math.floor((at_s - origin_s - phase_s) / tick_s) * tick_s + phase_s + origin_s
        return 1e3 * gain * true_energy_j(trace, 0, ticked_s, origin_s=origin_s)

    for before_s, energy_mj, after_s in seen:
        assert energy_mj % quantum_mj == 0
        # a clock one float apart may be on the other side of a tick
        assert counted_mj(before_s - 1e-6) - quantum_mj - 0.01 <= energy_mj <= counted_mj(after_s + 1e-6) + 0.01
    values = [energy_mj for _, energy_mj, _ in seen]
    assert values == sorted(values)
    assert 2 <= len(set(values)) <= (seen[-1][2] - seen[0][0]) / tick_s + 2


def test_trace_in_a_file(tmp_path: Path):
    """A trace of thousands of points in a file, one per line, is read like one in the variable, by both sides."""
    lines = tmp_path / "trace"
    lines.write_text("\n".join(f"{index / 1000}:{300 + 200 * math.sin(index / 50)}" for index in range(3000)))
    origin_s = time.monotonic()
    seen = through_pynvml(WATCH, watts=f"file:{lines}", origin_s=origin_s)

    for before_s, energy_mj, after_s in seen:
        low_j = true_energy_j(f"file:{lines}", 0, before_s - 0.001, origin_s=origin_s)
        assert 1e3 * low_j - 2 <= energy_mj <= 1e3 * true_energy_j(f"file:{lines}", 0, after_s, origin_s=origin_s) + 1


@given(
    st.sampled_from(TRACES),
    st.lists(st.floats(-50, 50), min_size=3, max_size=3).map(sorted),
    st.floats(-10, 10),
)
def test_true_energy_adds_up(trace: str, moments: list[float], origin_s: float):
    """Joules of two windows in a row are those of both, never below the least watts nor above the most."""
    first, middle, last = moments
    parts = true_energy_j(trace, first, middle, origin_s=origin_s) + true_energy_j(
        trace, middle, last, origin_s=origin_s
    )
    both = true_energy_j(trace, first, last, origin_s=origin_s)

    assert parts == pytest.approx(both, abs=1e-6)
    assert 100 * (last - first) - 1e-6 <= both <= 600 * (last - first) + 1e-6


@pytest.mark.parametrize(
    ("trace", "end_s", "joules"),
    [
        ("300", 2, 600),
        ("100/600@1", 2.25, 725),
        ("100~600@1", 1, 350),
        ("100~600@1", 0.5, 175 + 250 / math.pi),
        ("1:300,2:300,2:500", 3, 300 + 300 + 500),
        ("0:0,2:600", 3, 600 + 600),
        ("0:100,0.5:100,0.5:600,1:600@1", 2.25, 725),
        ("1:300,2:500", -1, -300),
    ],
)
def test_true_energy_known_answers(trace: str, end_s: float, joules: float):
    """The closed form gives what one works out by hand for each kind of trace."""
    assert true_energy_j(trace, 10, 10 + end_s, origin_s=10) == pytest.approx(joules)


POWER = """
import zeus.device.gpu as zeus_gpu
gpu = zeus_gpu.get_gpus().gpus[0]
asks = dict(average=gpu.get_average_power_usage, instant=gpu.get_instant_power_usage)
asks |= dict(usage=lambda: nvml.nvmlDeviceGetPowerUsage(board))
seen = []
for _ in range(20):
    for name, ask in asks.items():
        seen.append((name, time.monotonic(), ask() / 1000, time.monotonic()))
        time.sleep(0.011)
"""


def test_power_fields_as_zeus_asks_for_them():
    """Average power is the mean of the last second, instant power of the last 25 ms, with both gains."""
    trace, origin_s = "100/600@0.7", time.monotonic()
    seen = through_pynvml(POWER, watts=trace, origin_s=origin_s, gain=1.05, power_gain=0.9)

    for name, before_s, power_w, after_s in seen:
        window_s = 0.025 if name == "instant" else 1.0
        mean_w = true_energy_j(trace, after_s - window_s, after_s, origin_s=origin_s) / window_s
        late_s = after_s - before_s + 0.001  # power is renewed every millisecond
        assert power_w == pytest.approx(1.05 * 0.9 * mean_w, abs=600 * late_s / window_s + 0.01)
    assert {round(power_w) for name, _, power_w, _ in seen if name == "instant"} & {94, 95, 567}


def test_power_is_renewed_by_its_tick():
    """With a tick of a hundred seconds power stays as it is, while it changes with the default."""
    script = "seen = []\nfor _ in range(9):\n    seen.append(nvml.nvmlDeviceGetPowerUsage(board)); time.sleep(0.02)"
    ramp = {"watts": "0:0,600:600", "origin_s": time.monotonic() - 150}

    assert len(set(through_pynvml(script, **ramp))) > 3
    held = through_pynvml(script, **ramp, power_tick_ms=100_000)
    assert held == [99_500] * 9  # the mean from 99 to 100 s


ZEUS = """
from zeus.monitor import ZeusMonitor
monitor = ZeusMonitor(gpu_indices=[0], cpu_indices=[])
seen = []
for seconds in (0.35, 0.6):
    moments = [time.monotonic()]
    monitor.begin_window("window", sync_execution=False)
    moments.append(time.monotonic())
    time.sleep(seconds)
    moments.append(time.monotonic())
    joules = monitor.end_window("window", sync_execution=False).gpu_energy[0]
    moments.append(time.monotonic())
    seen.append((moments, joules))
"""


@pytest.mark.parametrize(("trace", "tick_ms"), [("400", 100), ("100/600@0.7", 20), ("100/600@0.7", 100)])
def test_a_window_of_zeus_is_within_one_tick_and_a_step(trace: str, tick_ms: int):
    """ZeusMonitor's joules are the true ones of the window, but for one tick at the highest power and one step."""
    origin_s = time.monotonic()
    asked: dict[str, Any] = {"watts": trace, "tick_ms": tick_ms, "phase_ms": 13, "quantum_mj": 100}
    for moments, joules in through_pynvml(ZEUS, origin_s=origin_s, **asked):
        entered_s, begun_s, ending_s, ended_s = moments
        slack_j = 600 * tick_ms / 1e3 + 0.1
        assert joules >= true_energy_j(trace, begun_s, ending_s, origin_s=origin_s) - slack_j
        assert joules <= true_energy_j(trace, entered_s, ended_s, origin_s=origin_s) + slack_j


STATE = """
def state():
    processes = nvml.nvmlDeviceGetComputeRunningProcesses(board)
    return dict(
        celsius=nvml.nvmlDeviceGetTemperatureV(board, nvml.NVML_TEMPERATURE_GPU),
        sm_mhz=nvml.nvmlDeviceGetClockInfo(board, nvml.NVML_CLOCK_SM),
        memory_mhz=nvml.nvmlDeviceGetClockInfo(board, nvml.NVML_CLOCK_MEM),
        reasons=nvml.nvmlDeviceGetCurrentClocksEventReasons(board),
        limit_mw=nvml.nvmlDeviceGetPowerManagementLimit(board),
        enforced_mw=nvml.nvmlDeviceGetEnforcedPowerLimit(board),
        processes=[(process.pid, process.usedGpuMemory) for process in processes],
        graphics=len(nvml.nvmlDeviceGetGraphicsRunningProcesses(board)),
        mig=nvml.nvmlDeviceGetMigMode(board),
    )
seen = []
for moment_s in (-100, 3, 100):
    at(moment_s)
    seen.append(state())
"""


def test_what_changes_at_a_time():
    """Temperature, clocks, throttle reasons, the power limit and processes follow their schedules."""
    before, between, after = through_pynvml(
        STATE,
        celsius="-60:40,90:70",
        sm_mhz=step(2, 1980, 1200),
        memory_mhz=step(2, 2619, 1593),
        reasons="2:0,2:0x20,50:0x20,50:0x4",
        limit_w=step(2, 700, 500),
        processes="11:100,4242:512@2,77:1@2-50",
        mig=1,
    )
    common = {"graphics": 0, "mig": [1, 1]}
    slow = common | {"sm_mhz": 1200, "memory_mhz": 1593, "limit_mw": 500_000, "enforced_mw": 500_000}

    assert before == common | {
        "celsius": 40,
        "sm_mhz": 1980,
        "memory_mhz": 2619,
        "reasons": 0,
        "limit_mw": 700_000,
        "enforced_mw": 700_000,
        "processes": [[11, 100 << 20]],
    }
    mib = 1 << 20
    assert between == slow | {
        "celsius": 52,
        "reasons": 32,
        "processes": [[11, 100 * mib], [4242, 512 * mib], [77, mib]],
    }
    assert after == slow | {"celsius": 70, "reasons": 4, "processes": [[11, 100 * mib], [4242, 512 * mib]]}


def test_a_quiet_board():
    """Without settings nothing happens: 45 °C, full clocks, no reason, no process, no MIG."""
    (first, _, last) = through_pynvml(STATE)

    assert first == last
    assert (first["celsius"], first["sm_mhz"], first["memory_mhz"], first["limit_mw"]) == (45, 1980, 2619, 700_000)
    assert (first["reasons"], first["processes"], first["mig"]) == (0, [], [0, 0])


def test_reset_and_stuck_counter():
    """The counter starts from zero at the reset, and stands still from the moment it is stuck, while power goes on."""
    script = """
seen = []
for moment_s in (4, 6, 8, 9):
    at(moment_s)
    seen.append((energy_mj(), nvml.nvmlDeviceGetPowerUsage(board)))
"""
    (full, _), (one, _), (three, power_mw), (still, also_mw) = through_pynvml(
        script, watts=300, reset_at_s=5, stuck_at_s=8
    )

    assert full >= 4 * 300_000  # since boot
    assert 299_000 <= one <= three == still == pytest.approx(900_000, abs=301)
    assert (power_mw, also_mw) == (300_000, 300_000)


def test_hasty_readings_cost_energy():
    """Readings faster than the tick make the counter fall short, where that is asked for."""
    script = "seen = [energy_mj() for _ in range(11)]"
    asked = {"watts": "0:100,1:0", "reset_at_s": 0, "tick_ms": 60_000, "haste_mj": 5}

    assert through_pynvml(script, **asked, origin_s=time.monotonic() - 100) == [50_000 - 5 * n for n in range(11)]


def test_lost_board_in_the_middle():
    """From that moment everything that is asked of the board answers that it is lost, and Zeus says so too."""
    script = """
import zeus.device.gpu as zeus_gpu
gpu = zeus_gpu.get_gpus().gpus[0]
at(0)
seen = [word(nvml.nvmlDeviceGetName, board), energy_mj() > 0]
at(10)
asks = (nvml.nvmlDeviceGetName, nvml.nvmlDeviceGetPowerUsage, nvml.nvmlDeviceGetComputeRunningProcesses)
seen += [word(ask, board) for ask in asks]
try:
    gpu.get_total_energy_consumption()
except zeus_gpu.common.ZeusGPULostError as error:
    seen.append(type(error).__name__)
"""
    lost = ["GPU is lost"] * 3

    assert through_pynvml(script, lost_at_s=5) == ["Simulated Board", True, *lost, "ZeusGPULostError"]


def test_what_is_missing_or_refused():
    """A board may lack the counter or power, and refuse the counter always, from a time on, or alone among boards."""
    ask = "seen = [word(energy_mj), word(nvml.nvmlDeviceGetPowerUsage, board)]"
    other = "board = nvml.nvmlDeviceGetHandleByIndex(1)\n" + ask
    later = "at(0)\nseen = [type(word(energy_mj)).__name__]\nat(9)\nseen.append(word(energy_mj))"

    assert through_pynvml(ask, no_counter=1) == ["Not Supported", 300_000]
    assert through_pynvml(ask, denied=1) == ["Insufficient Permissions", 300_000]
    assert through_pynvml(ask, no_power=1)[1] == "Not Supported"
    assert through_pynvml(later, denied_at_s=5) == ["int", "Insufficient Permissions"]
    assert through_pynvml(other, count=2, denied_1=1, watts_1=250) == ["Insufficient Permissions", 250_000]
    assert through_pynvml(other, count=2, denied_0=1)[1] == 301_000


def test_another_process_changes_its_mind(tmp_path: Path):
    """A setting in a file holds from the moment the file is there, in a process that has long begun."""
    switch = tmp_path / "denied"
    script = f"seen = [energy_mj() > 0]\npathlib.Path({str(switch)!r}).write_text('1')\nseen.append(word(energy_mj))"

    assert through_pynvml(script, denied=f"file:{switch}") == [True, "Insufficient Permissions"]


def test_reading_takes_its_time():
    """A reading lasts as long as it is asked to, and is of its end."""
    script = "seen = [time.monotonic(), energy_mj(), time.monotonic()]"
    before_s, energy_mj, after_s = through_pynvml(script, read_ms=30, origin_s=0)

    assert after_s - before_s >= 0.03
    assert energy_mj >= 1e3 * true_energy_j(300, 0, before_s + 0.029) - 1


def test_energy_field_is_the_counter():
    """The counter is among the field values too, between two readings of it."""
    script = """
seen = [energy_mj(), *nvml.nvmlDeviceGetFieldValues(board, [nvml.NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION]), energy_mj()]
seen[1] = [seen[1].value.ullVal, seen[1].nvmlReturn, seen[1].valueType == nvml.NVML_VALUE_TYPE_UNSIGNED_LONG_LONG]
"""
    before, (value, status, typed), after = through_pynvml(script)

    assert before <= value <= after
    assert (status, typed) == (0, True)


@pytest.mark.parametrize("setting", [{"watts": "3OO"}, {"watts": "2:300,1:500"}, {"processes": "me"}, {"gain": "1,05"}])
def test_a_typing_error_is_loud(setting: dict[str, str]):
    """A value that cannot be read ends the process with the variable's name instead of passing for a default."""
    with pytest.raises(AssertionError, match=f"SIMULATED_BOARD_{next(iter(setting)).upper()}="):
        through_pynvml("seen = [energy_mj(), len(nvml.nvmlDeviceGetComputeRunningProcesses(board))]", **setting)


def test_an_unknown_setting_is_loud():
    """A name that nvml.c does not list is an error of the test."""
    with pytest.raises(ValueError, match="no setting wats"):
        board_environ(wats=300)


def test_the_head_lists_what_the_code_reads():
    """Each setting that the C code reads is documented at the top of nvml.c, and each documented one is read."""
    code = "".join(source.read_text() for source in SOURCES).partition("*/")[2]
    read = re.findall(r'(?:&every_?\w*|board), "([A-Z_]+)"', code)
    ticks = re.findall(r'stepped_s\(board, "(\w+)", "(\w+)"', code)
    windows = re.findall(r'power_mw\(board, "(\w+)"', code)

    assert {name.lower() for name in (*read, *sum(ticks, ()), *windows)} == known_settings()
