"""Whole examinations: on fakes for what is rare, on the simulated board through the real command for the rest."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from energy_fixtures.doctor.examine import examine
from energy_fixtures.doctor.sources import Machine
from energy_fixtures.examination import SCHEMA_VERSION, CounterFinding, Examination
from energy_fixtures.meters.nvml_sensor import BoardSensor, Conditions
from energy_fixtures.meters.ticking import CounterSource, CounterUnreadable
from tests.energy_fixtures.doctor.fakes import FakeClock, FakeCounter
from tests.simulated_board.board import run_on_board

pytestmark = pytest.mark.quiet

DOCTOR = """
import sys
from reports.cli import main
sys.exit(main(["doctor", "--json", "--seconds", "5"]))
"""
POWERCAP = """
import os, pathlib, sys, tempfile
from tests.simulated_board.powercap import Powercap, show_to_zeus
from reports.cli import main
with tempfile.TemporaryDirectory() as folder:
    with Powercap(pathlib.Path(folder) / "tree", {"cpu:0": 65, "dram:0": 8}) as tree:
        show_to_zeus(tree.folder)
        status = main(["doctor", "--json", "--seconds", "5"])
sys.exit(status)
"""
MACHINES: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "slow": (DOCTOR, {"watts": "66~74@0.9", "tick_ms": 100, "quantum_mj": 100, "power_gain": 1.2}),
    "quick": (DOCTOR, {"watts": "60~80@0.9", "tick_ms": 20, "mig": 1, "processes": "4242:512", "celsius": 51}),
    "hasty": (DOCTOR, {"watts": 70, "tick_ms": 20, "haste_mj": 30}),
    "denied": (DOCTOR, {"denied": 1, "no_power": 1}),
    "uncounted": (DOCTOR, {"watts": 70, "no_counter": 1}),
    "lost": (DOCTOR, {"watts": 70, "tick_ms": 20, "lost_at_s": 0}),
    "stuck": (DOCTOR, {"watts": 70, "tick_ms": 20, "stuck_at_s": 0}),
    "rapl": (POWERCAP, {"init_error": 9}),
}


@pytest.fixture(scope="module")
def examined() -> Mapping[str, Examination]:
    """Each machine examined by the command, four at a time: it mostly waits."""

    def one(name: str) -> tuple[str, Examination]:
        script, settings = MACHINES[name]
        return name, msgspec.json.decode(run_on_board(script, **settings), type=Examination)

    with ThreadPoolExecutor(max_workers=4) as pool:
        return dict(pool.map(one, MACHINES))


def counter_of(seen: Examination, domain: str = "gpu:0") -> CounterFinding:
    (counter,) = (counter for counter in seen.counters if counter.domain == domain)
    return counter


@pytest.mark.parametrize(("name", "tick_s", "least_s"), [("slow", 0.1, 10), ("quick", 0.02, 2)])
def test_a_board(examined, name, tick_s, least_s):
    """Period, idle power, rate of reading, limit and temperature of a sound board are found, and windows follow."""
    seen = examined[name]
    counter, (board,) = counter_of(seen), seen.boards

    assert counter.problem is None
    assert counter.period_s == pytest.approx(tick_s, rel=0.02)
    assert counter.idle is not None and counter.idle.mean_w == pytest.approx(70, rel=0.03)
    assert counter.read_rate is not None and counter.read_rate.fast_hz > 50
    assert board.power_limit_w == 700
    assert (board.temperature_start_c, board.temperature_end_c) == ((51, 51) if name == "quick" else (45, 45))
    assert seen.verdict.measured
    assert seen.verdict.shortest_changing_s is not None and seen.verdict.shortest_changing_s > least_s
    assert seen.verdict.loses_when_read_fast == ()


def test_step_and_disagreement(examined):
    """The counter's step is seen, and a sensor that says a fifth more than the counter is a doubt."""
    counter = counter_of(examined["slow"])

    assert counter.step_j
    assert counter.step_j / 0.1 == pytest.approx(round(counter.step_j / 0.1))
    assert counter.agreement is not None and counter.agreement.ratio == pytest.approx(1.2, rel=0.02)
    assert ("gpu:0", "meters_disagree") in examined["slow"].verdict.doubts


def test_company(examined):
    """A partitioned board and a process of somebody else are doubts."""
    (board,) = examined["quick"].boards

    assert (board.mig, board.foreign_processes) == (True, 1)
    assert {("gpu:0", "foreign_process"), ("gpu:0", "whole_card_reading")} <= set(examined["quick"].verdict.doubts)


def test_haste(examined):
    """A board that loses 30 mJ at each hasty reading is found to lose about an eighth of 70 W at 300 readings a second."""
    counter = counter_of(examined["hasty"])

    assert counter.read_rate is not None
    assert counter.read_rate.fast_short == pytest.approx(0.03 * counter.read_rate.fast_hz / 70, rel=0.2)
    assert examined["hasty"].verdict.loses_when_read_fast == ("gpu:0",)


@pytest.mark.parametrize("name", ["denied", "lost"])
def test_a_board_that_cannot_be_read(examined, name):
    """A board that may not be read or is lost ends in no measured joules, and a sentence says why."""
    seen = examined[name]

    assert not seen.verdict.measured
    assert [sentence for sentence in seen.missing if "GPU" in sentence or "gpu:0" in sentence]
    assert [board.facts.get("name") for board in seen.boards] == (["Simulated Board"] if name == "denied" else [])
    assert seen.modelled.load_w_per_core > 0


def test_a_board_without_a_counter(examined):
    """Its power is shown, and that joules are integrated from it is a doubt."""
    seen = examined["uncounted"]

    assert seen.counters == ()
    assert seen.boards[0].sensor_w == pytest.approx(70)
    assert seen.verdict.measured
    assert ("gpu:0", "power_integrated") in seen.verdict.doubts


def test_a_stuck_counter(examined):
    """A counter that does not move is named as not working and nothing is concluded from it."""
    counter = counter_of(examined["stuck"])

    assert counter.problem is not None and "did not move" in counter.problem
    assert counter.idle is None
    assert not examined["stuck"].verdict.measured


def test_powercap(examined):
    """CPU and memory have their watts, range and the time after which they start again from zero."""
    seen = examined["rapl"]

    for domain, watts in (("cpu:0", 65), ("dram:0", 8)):
        counter = counter_of(seen, domain)
        assert counter.problem is None
        assert counter.idle is not None and counter.idle.mean_w == pytest.approx(watts, rel=0.05)
        assert counter.wraps_after_s == pytest.approx(262_143 / watts, rel=0.06)
    assert seen.verdict.measured
    assert seen.verdict.doubts == ()


def test_nothing_at_all():
    """Without any meter it ends at once, says what the modelled meter takes, and its JSON comes back as it went."""
    clock = FakeClock()
    seen = examine(machine=Machine(missing=("no GPU: none",)), clock=clock, sleep=clock.sleep)

    assert seen.took_s == 0
    assert seen.schema_version == SCHEMA_VERSION
    assert (seen.counters, seen.boards, seen.missing) == ((), (), ("no GPU: none",))
    assert not seen.verdict.measured
    assert msgspec.json.decode(msgspec.json.encode(seen), type=Examination) == seen


def test_json_of_a_full_examination_comes_back_as_it_went():
    """Every field of an examined board survives the way through JSON, and what was started is closed."""
    clock, closed = FakeClock(late_s=1e-4), []
    fake = FakeCounter(clock, lambda at_s: 70 * at_s, period_s=0.02)
    sensor = BoardSensor(
        domain="gpu:0",
        power_w=lambda: 71.0,
        temperature_c=lambda: 40.0,
        conditions=lambda: Conditions(
            sm_clock_hz=1e9, power_limit_w=400.0, throttle=("sw_power_cap",), processes=(os.getpid(),), mig=False
        ),
    )
    machine = Machine(
        counters=(CounterSource(domain="gpu:0", read_j=fake.read_j),),
        sensors=(sensor,),
        boards=({"name": "Fake", "ecc": True},),
        close=lambda: closed.append(True),
    )
    seen = examine(seconds=8, machine=machine, clock=clock, sleep=clock.sleep)
    counter = counter_of(seen)

    assert closed == [True]
    assert counter.agreement is not None and counter.agreement.ratio == pytest.approx(71 / 70, rel=5e-3)
    assert seen.boards[0].facts["name"] == "Fake"
    assert seen.boards[0].throttle == ("sw_power_cap",)
    assert msgspec.json.decode(msgspec.json.encode(seen), type=Examination) == seen


def test_a_board_lost_on_the_way():
    """A counter and a sensor that fail in the middle end that counter's examination with a sentence, nothing else."""
    clock = FakeClock(late_s=1e-4)
    fake = FakeCounter(clock, lambda at_s: 70 * at_s, period_s=0.02)

    def read_j() -> float:
        if clock() > 1003:
            raise CounterUnreadable("GPU is lost")
        return fake.read_j()

    def power_w() -> float:
        if clock() > 1003:
            raise RuntimeError("GPU is lost")
        return 70.0

    machine = Machine(
        counters=(CounterSource(domain="gpu:0", read_j=read_j),),
        sensors=(BoardSensor(domain="gpu:0", power_w=power_w),),
    )
    seen = examine(seconds=10, machine=machine, clock=clock, sleep=clock.sleep)

    assert counter_of(seen).problem == "the counter of gpu:0 cannot be read any more: GPU is lost"
    assert counter_of(seen).read_rate is None
    assert seen.boards[0].temperature_end_c is None
    assert not seen.verdict.measured
