from __future__ import annotations

import pytest

from reports.boards import all_boards
from reports.predict.machines import machine_of


@pytest.mark.parametrize("row", all_boards(), ids=lambda row: row.name)
def test_every_board_makes_a_machine(row):
    """Each row of the board table has what the physics needs, in its range."""
    machine = machine_of(row)
    assert 0 < machine.idle_w < machine.tdp_w
    assert machine.flop_s_8bit >= machine.flop_s_16bit > 1e12
    assert 0.5 <= machine.host <= 2


def test_published_idle_power_goes_before_a_share(board):
    """The H200's reading of 73.7 W stands, the T4 takes 13 % of its 70 W."""
    assert board("H200").idle_w == 73.7
    assert board("T4").idle_w == pytest.approx(9.1)


def test_old_boards_have_no_bfloat16(board):
    """T4 and V100 compute in float16 only, A100 in both."""
    assert [board(name).bfloat16 for name in ("T4", "V100", "A100-80")] == [False, False, True]
