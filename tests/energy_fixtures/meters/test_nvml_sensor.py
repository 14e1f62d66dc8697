"""What NVML tells of a board, through the real pynvml on simulated boards."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.meters.nvml_sensor import THROTTLE, throttle_names
from tests.simulated_board.board import run_on_board

ASK = """
import dataclasses, json, os, time
import pynvml
from energy_fixtures.meters.nvml_sensor import nvml_conditions
{first}
board = nvml_conditions({index})
seen = None
if board is not None:
    seen = dataclasses.asdict(board())
    {then}
    board.close()
    board.close()
print(json.dumps(seen))
"""


def asked(*, index: int = 0, first: str = "", then: str = "", **settings: object) -> Any:
    """What board `index` tells, in a process of its own."""
    return json.loads(run_on_board(ASK.format(index=index, first=first, then=then), **settings))


def test_a_board_tells_its_conditions():
    """Clock, limit, throttling, processes and MIG, in SI units, of the board that was asked for."""
    told = asked(index=1, count=2, sm_mhz_1=1500, limit_w_1=550, reasons_1=0x5, processes_1="70:512,42:512", mig_1=1)

    assert told == {
        "sm_clock_hz": 1.5e9,
        "power_limit_w": 550,
        "throttle": ["sw_power_cap"],
        "processes": [42, 70],
        "mig": True,
    }


def test_nothing_wrong_is_told_as_nothing():
    """A board at ease has no throttle names and no processes, which is another thing than not telling."""
    told = asked()

    assert (told["throttle"], told["processes"], told["mig"]) == ([], [], False)


def test_a_lost_board_is_silent():
    """All that a board no longer tells is None, and asking does not fail."""
    lose = "os.environ['SIMULATED_BOARD_LOST_AT_S'] = '0'; seen = dataclasses.asdict(board())"
    told = asked(then=lose)

    assert told.pop("mig") is False
    assert set(told.values()) == {None}


def test_no_driver():
    """Without a driver there is nothing to call."""
    assert asked(init_error=9) is None


def test_a_board_that_is_lost_from_the_start():
    """A board that is lost already tells nothing, not even whether it is partitioned."""
    assert set(asked(lost_at_s=0).values()) == {None}


def test_no_such_board():
    """An index that no board has gives nothing to call and leaves NVML as it was."""
    assert asked(index=3) is None


def test_older_drivers_know_throttling_by_its_old_name():
    """Where the driver has only the older function, the reasons come from that one."""
    older = """
def unknown(board):
    raise pynvml.NVMLError(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
pynvml.nvmlDeviceGetCurrentClocksEventReasons = unknown
"""
    told = asked(first=older, reasons=0x48)

    assert told["throttle"] == ["hw_slowdown", "hw_thermal_slowdown"]


def test_nvml_stays_up_for_others_and_goes_down_with_the_last():
    """Each close gives back one initialisation, however often it is called."""
    script = """
import pynvml
from energy_fixtures.meters.nvml_sensor import nvml_conditions
one, other = nvml_conditions(0), nvml_conditions(0)
counts = [pynvml._nvmlLib_refcount]
one.close()
one.close()
counts.append(pynvml._nvmlLib_refcount)
clock_hz = other().sm_clock_hz
other.close()
print(counts, clock_hz, pynvml._nvmlLib_refcount)
"""
    assert run_on_board(script).split("\n")[0] == "[2, 1] 1980000000.0 0"


@given(st.sets(st.sampled_from(sorted(THROTTLE))), st.booleans(), st.integers(0, 7))
def test_every_reason_has_its_name(bits: set[int], idle: bool, unknown: int):
    """Each bit gives its own name, idling and bits of later drivers give none."""
    names = throttle_names(sum(bits) | int(idle) | unknown << 9)

    assert set(names) == {THROTTLE[bit] for bit in bits}
