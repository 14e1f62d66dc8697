from __future__ import annotations

import pytest

from energy_fixtures.errors import ConfigurationError
from reports.boards import all_boards, find_board
from reports.predict.machines import machine_of


@pytest.mark.parametrize("row", all_boards(), ids=lambda row: row.name)
def test_every_board_makes_a_machine(row):
    """Each row of the board table has what the physics needs, in its range."""
    machine = machine_of(row)
    assert 0 < machine.idle_w < machine.tdp_w
    assert machine.flop_s_8bit >= machine.flop_s_16bit > 1e12
    assert machine.flop_s_int8 >= machine.flop_s_16bit > machine.flop_s_32bit > 1e12
    assert 0.5 <= machine.host <= 2


def test_published_idle_power_goes_before_a_share(board):
    """The H200's reading of 73.7 W stands, the T4 takes 13 % of its 70 W."""
    assert board("H200").idle_w == 73.7
    assert board("T4").idle_w == pytest.approx(9.1)


def test_memory_is_what_the_driver_reports(board):
    """T4 and L4 hand out 15,360 and 23,034 MiB of their 16 and 24 GiB; a board without a reading has its size."""
    assert [board(name).memory_bytes / 2**20 for name in ("T4", "L4", "A100-80")] == [15_360, 23_034, 81_920]


def test_usable_memory_is_no_more_than_there_is(tmp_path):
    """A row whose driver hands out more than the board has is refused."""
    path = tmp_path / "boards.toml"
    path.write_text(
        '[[board]]\nname = "Mine"\narchitecture = "x"\ntdp_w = 100\nmemory = "y"\nmemory_gib = 16\nusable_gib = 17\n'
        'bandwidth_gb_s = 500\ndense_tflops = { fp16 = 50 }\ncores = 1\nsource = "made up"\n'
    )
    with pytest.raises(ConfigurationError, match="usable_gib of Mine must lie in"):
        all_boards(path)


def test_a_strange_board_is_offered_few_names():
    """Where no name is near, three are offered as examples, not the whole table."""
    with pytest.raises(ConfigurationError, match="none is near it; among the") as refused:
        find_board("zzzzqq")
    assert sum(board.name in str(refused.value) for board in all_boards()) <= 4  # a name may be part of another


def test_links(board):
    """Boards with NVLink, with PCIe from board to board, and with PCIe through the host are told apart."""
    assert [board(name).link for name in ("A100-80", "A6000", "L4")] == ["nvlink", "pcie_peer", "pcie"]


def test_old_boards_have_no_bfloat16(board):
    """T4 and V100 compute in float16 only, A100 in both."""
    assert [board(name).bfloat16 for name in ("T4", "V100", "A100-80")] == [False, False, True]
