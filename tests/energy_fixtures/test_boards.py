"""Facts of the boards, read by the real pynvml from simulated ones."""

from __future__ import annotations

import json

import pytest

from tests.simulated_board.board import run_on_board

READ = """
import json, sys
from energy_fixtures.boards import read_boards
print(json.dumps([read_boards(), sorted({'torch', 'zeus'} & set(sys.modules))]))
"""


def test_facts_in_si_units():
    """A board's facts are read without torch or zeus, in bytes, watts and hertz."""
    boards, heavy = json.loads(run_on_board(READ, name="NVIDIA Something"))

    assert boards == [
        {
            "name": "NVIDIA Something",
            "uuid": "GPU-00000000-0000-0000-0000-000000000000",
            "driver": "570.00.simulated",
            "vbios": "96.00.SIM",
            "memory_total_bytes": 80 * 2**30,
            "power_limit_w": 700.0,
            "default_power_limit_w": 700.0,
            "persistence": True,
            "ecc": True,
            "mig": False,
            "max_graphics_clock_hz": 1_980_000_000,
            "max_memory_clock_hz": 2_619_000_000,
        }
    ]
    assert heavy == []


CLOCKS = """
import pynvml
hz = {{"now": {now}, "default": {default}}}
pynvml.nvmlDeviceGetApplicationsClock = lambda board, kind: hz["now"][kind]
pynvml.nvmlDeviceGetDefaultApplicationsClock = lambda board, kind: hz["default"][kind]
pynvml.nvmlSystemGetCudaDriverVersion = lambda: 12080
"""
GRAPHICS, MEMORY = 0, 2  # nvmlClockType_t


@pytest.mark.parametrize(
    ("graphics_mhz", "memory_mhz", "locked"), [(1980, 2619, False), (1500, 2619, True), (1980, 1593, True)]
)
def test_set_clocks_are_told(graphics_mhz: int, memory_mhz: int, locked: bool):
    """Applications clocks away from their default are a lock; they and the driver's CUDA are told in plain units."""
    patch = CLOCKS.format(now={GRAPHICS: graphics_mhz, MEMORY: memory_mhz}, default={GRAPHICS: 1980, MEMORY: 2619})
    (board,), _ = json.loads(run_on_board(patch + READ))

    assert board["clocks_locked"] is locked
    assert board["graphics_clock_setting_hz"] == graphics_mhz * 1_000_000
    assert board["memory_clock_setting_hz"] == memory_mhz * 1_000_000
    assert board["cuda_driver"] == "12.8"


@pytest.mark.parametrize(
    ("visible", "indices"),
    [("2,0", [2, 0]), ("", []), ("-1", []), ("1,9,0", [1]), ("GPU-00000000-0000-0000-0000-000000000002", [2])],
)
def test_only_visible_boards(visible: str, indices: list[int]):
    """CUDA_VISIBLE_DEVICES decides which boards are listed and in which order, by index or UUID."""
    boards, _ = json.loads(run_on_board(READ, count=3, environ={"CUDA_VISIBLE_DEVICES": visible}))

    assert [int(board["uuid"][-12:]) for board in boards] == indices


def test_no_driver_no_boards():
    """Without a driver that answers there are no boards, and no error."""
    assert json.loads(run_on_board(READ, init_error=9)) == [[], []]
