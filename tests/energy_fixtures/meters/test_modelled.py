"""The modelled meter: watts per core, from whom, and the formula."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.meters.cpu_power import IDLE_SHARE, UNKNOWN_IDLE_W, UNKNOWN_LOAD_W, core_power
from energy_fixtures.meters.cpu_seconds import OTHERS_SHARE
from energy_fixtures.meters.modelled import ModelledMeter, usable_cores


def test_busy_core_costs_load_and_the_rest_idle():
    """Joules are idle power of all cores over the window, and load minus idle over the CPU seconds used."""
    moments = iter([10.0, 14.0])
    meter = ModelledMeter(cpu_watts="2:8", clock=lambda: next(moments), machine_busy_s=lambda: 0.0)
    token = meter.begin("case", (os.getpid(),))
    used = time.process_time()
    while time.process_time() < used + 0.2:
        pass
    reading = meter.end(token)

    above_idle_j = reading.energy_j["cpu:0"] - 2 * usable_cores() * 4.0
    assert 0.2 * 6 <= above_idle_j <= 0.35 * 6
    assert reading.duration_s == 4.0
    assert (reading.method, reading.doubts) == ("modelled", ("modelled_not_measured",))


def test_details_name_the_assumption():
    """The meter tells its watts, its cores and where they come from."""
    details = dict(ModelledMeter(cpu_watts="8").info.details)

    assert details["idle_w_per_core"] == 0.0
    assert details["load_w_per_core"] == 8.0
    assert details["cores"] == usable_cores()
    assert details["source"] == "--energy-cpu-watts, idle taken as 0"


def test_known_cpu_comes_from_its_data_sheet():
    """A CPU of the table gets its TDP shared out over its threads."""
    power = core_power(None, "AMD EPYC 7763 64-Core Processor")

    assert power.load_w == 280 / 128
    assert power.idle_w == pytest.approx(power.load_w * IDLE_SHARE)
    assert "TDP of 280 W over 128 threads" in power.source


def test_similar_name_is_another_cpu():
    """A CPU whose name only begins like one of the table is unknown, and the source says so."""
    power = core_power(None, "Intel(R) Xeon(R) Gold 6248R CPU @ 3.00GHz")

    assert (power.idle_w, power.load_w) == (UNKNOWN_IDLE_W, UNKNOWN_LOAD_W)
    assert "assumed for an unknown CPU" in power.source


@given(idle=st.floats(0, 50), more=st.floats(0.1, 50))
def test_user_watts_round_trip(idle: float, more: float):
    """IDLE:LOAD means exactly the two numbers that were written."""
    power = core_power(f"{idle}:{idle + more}", "AMD EPYC 7763")

    assert (power.idle_w, power.load_w, power.source) == (idle, idle + more, "--energy-cpu-watts")


@pytest.mark.parametrize("text", ["", ":", "8:2", "-1:8", "two:8", "0", "1:2:3", "nan", "inf", "2:"])
def test_bad_watts_are_refused(text: str):
    """Watts that are no IDLE:LOAD are refused with the form that is needed."""
    with pytest.raises(ConfigurationError, match="IDLE:LOAD"):
        core_power(text, "")


def test_power_never_exceeds_what_all_cores_can_take() -> None:
    """A window around nothing is not charged with the meter's own reading of clocks beyond what its time allows."""
    meter = ModelledMeter(cpu_watts="1:5")
    readings = [meter.end(meter.begin("x", (os.getpid(),))) for _ in range(50)]

    limit_w = 5.0 * usable_cores()
    assert all(reading.energy_j["cpu:0"] <= 1.0001 * limit_w * reading.duration_s for reading in readings)


def window(*busy_s: float, pids: tuple[int, ...] = ()) -> tuple[str, ...]:
    """The doubts of a second's window in which all processes together used so much."""
    moments, seconds = iter([10.0, 11.0]), iter(busy_s)
    meter = ModelledMeter(cpu_watts="2:8", clock=lambda: next(moments), machine_busy_s=lambda: next(seconds))
    return meter.end(meter.begin("case", pids or (os.getpid(),))).doubts


def test_processor_that_others_use_is_a_doubt():
    """Busy cores that are not the work's own make the reading doubtful, a little background does not."""
    cores = psutil.cpu_count() or 1

    assert window(100.0, 100.0 + 0.5 * cores) == ("modelled_not_measured", "cpu_shared")
    assert window(100.0, 100.0 + 0.05 * cores) == ("modelled_not_measured",)


@pytest.mark.parametrize("who", ["work", "pytest"])
def test_own_seconds_are_not_others(who: str):
    """What the work and this process burn is never taken for somebody else's, whichever of them did it."""
    cores, busy_s = psutil.cpu_count() or 1, [0.0]
    moments = iter([10.0, 11.0])
    most_s = cores * (OTHERS_SHARE * 1.0 + 0.02)  # of others, a clock tick per core and end among them
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    meter = ModelledMeter(cpu_watts="2:8", clock=lambda: next(moments), machine_busy_s=lambda: busy_s[0])
    with other:
        token = meter.begin("case", (os.getpid(),) if who == "work" else (other.pid,))
        began_s = time.process_time()
        while time.process_time() < began_s + 0.3:
            pass
        busy_s[0] = time.process_time() - began_s + most_s - 0.15  # with this process's own it would be too much
        doubts = meter.end(token).doubts
        other.kill()

    assert doubts == ("modelled_not_measured",)


def test_real_neighbours_are_seen():
    """Processes that burn a quarter of this machine's cores beside the work make a real window doubtful."""
    ready = "print(1, flush=True)\nwhile True: pass\n"
    command = [sys.executable, "-c", ready]
    burning = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range((psutil.cpu_count() or 1) // 4 + 1)]
    work = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    meter = ModelledMeter(cpu_watts="2:8")
    try:
        for neighbour in burning:
            assert neighbour.stdout is not None
            neighbour.stdout.readline()
        token = meter.begin("case", (work.pid,))
        time.sleep(0.5)
        doubts = meter.end(token).doubts
    finally:
        for process in (work, *burning):
            process.kill()
            process.communicate()

    assert "cpu_shared" in doubts
