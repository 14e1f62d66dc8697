"""The board table: what it holds, how boards are found, how a file of one's own adds to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from energy_fixtures.errors import ConfigurationError
from reports.boards import all_boards, find_board, lookup

ROW = """
[[board]]
name = "Example 1"
aliases = ["X1"]
architecture = "Example"
tdp_w = 100
memory = "HBM3"
memory_gib = 10
bandwidth_gb_s = 1000
dense_tflops = { bf16 = 10 }
cores = 1
source = "made up"
"""


def a_file(folder: Path, text: str = ROW) -> Path:
    file = folder / "boards.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("A100-80", "NVIDIA A100 80GB SXM"),
        ("a100-40", "NVIDIA A100 40GB SXM"),
        ("H100", "NVIDIA H100 SXM"),
        ("6000 ada", "NVIDIA RTX 6000 Ada Generation"),
        ("a6000", "NVIDIA RTX A6000"),
        ("mi300x", "AMD Instinct MI300X"),
        ("V100", "Tesla V100 SXM2"),
        # as their drivers name them
        ("NVIDIA H100 80GB HBM3", "NVIDIA H100 SXM"),
        ("NVIDIA A100-SXM4-80GB", "NVIDIA A100 80GB SXM"),
        ("NVIDIA A100-PCIE-40GB", "NVIDIA A100 40GB PCIe"),
        ("NVIDIA A100 80GB PCIe", "NVIDIA A100 80GB PCIe"),
        ("NVIDIA H200", "NVIDIA H200"),
        ("NVIDIA L40S", "NVIDIA L40S"),
        ("Tesla T4", "Tesla T4"),
        ("Tesla V100-SXM2-32GB", "Tesla V100 SXM2 32GB"),
        ("AMD Instinct MI300X OAM", "AMD Instinct MI300X"),
    ],
)
def test_boards_are_found_as_people_and_drivers_name_them(typed: str, name: str) -> None:
    """Short names, drivers' names and any case mean the same board."""
    assert find_board(typed).name == name


def test_a_board_of_another_kind_is_never_taken_for_one_that_is_known() -> None:
    """What differs by a word is another board: it is unknown, not nearly right."""
    assert lookup("NVIDIA H200 NVL") is None
    assert lookup("NVIDIA RTX A600") is None


def test_names_lead_to_one_board() -> None:
    """No alias of one board is a name or an alias of another."""
    for board in all_boards():
        assert {find_board(name).name for name in (board.name, *board.aliases)} == {board.name}


def test_an_unknown_board_is_refused_with_the_nearest() -> None:
    """A misspelt name is answered with boards that look like it."""
    with pytest.raises(ConfigurationError, match=r"'H10'; nearest are NVIDIA H100 SXM.*--boards FILE"):
        find_board("H10")


@pytest.mark.parametrize("board", all_boards(), ids=lambda board: board.name)
def test_rows_are_possible(board) -> None:
    """Every row states its source; sparse rates double dense ones, 8 bits double 16, and rest is far below the limit."""
    assert board.source
    for dtype, sparse in board.sparse_flop_s.items():
        # NVIDIA itself prints 362.05 and 733 for the L40S
        assert sparse == pytest.approx(2 * board.dense_flop_s[dtype], rel=0.015)
    for eight in {"fp8", "int8"} & set(board.dense_flop_s):
        assert board.dense_flop_s[eight] == pytest.approx(2 * board.dense_flop_s["fp16"], rel=0.02)
    assert board.idle_w is None or board.idle_w < board.tdp_w / 4
    assert 10e9 < board.memory_bytes < 300e9
    assert 0.2e12 < board.bandwidth_bytes_s < 10e12


def test_units_are_si() -> None:
    """Rates are operations and bytes per second, memory bytes, power watts."""
    board = find_board("A100-80")
    assert (board.tdp_w, board.memory_bytes, board.bandwidth_bytes_s) == (400, 80 * 2**30, 2.039e12)
    assert board.peak_flop_s("bfloat16") == board.peak_flop_s("bf16") == 312e12
    assert board.peak_flop_s("bfloat16", "sparse") == 624e12
    assert board.peak_flop_s("float32", "sparse") == 19.5e12  # it has no sparse rate


def test_the_papers_board_costs_what_the_paper_says() -> None:
    """300 W at 309.7 TFLOPS, with sparsity, are 0.9687 pJ per operation (arXiv 2504.17674)."""
    board = find_board("A6000")
    assert board.tdp_w / board.peak_flop_s("bfloat16", "sparse") == pytest.approx(0.9687e-12, rel=1e-4)


def test_a_dtype_that_the_board_cannot_compute_in_is_refused() -> None:
    """A board without matrix units for a number format says which it has."""
    with pytest.raises(
        ConfigurationError, match="Tesla T4 has no peak rate for bfloat16; it computes in float32, float16, int8"
    ):
        find_board("T4").peak_flop_s("bfloat16")


def test_a_file_adds_boards(tmp_path: Path) -> None:
    """A row of one's own is found by name and alias, beside the table's."""
    board = find_board("x1", a_file(tmp_path))
    assert (board.name, board.tdp_w, board.idle_w) == ("Example 1", 100, None)
    assert find_board("H100", a_file(tmp_path)).name == "NVIDIA H100 SXM"
    assert len(all_boards(a_file(tmp_path))) == len(all_boards()) + 1


def test_a_file_replaces_a_row_of_the_same_name(tmp_path: Path) -> None:
    """A row named as one of the table takes its place, and its aliases go before the table's."""
    mine = a_file(tmp_path, ROW.replace("Example 1", "NVIDIA H200").replace("X1", "H100"))
    assert find_board("H200", mine).tdp_w == 100
    assert find_board("H100", mine).tdp_w == 100
    assert len(all_boards(mine)) == len(all_boards())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[board", "is no TOML"),
        ('[[board]]\nname = "X"', "missing required field"),
        (ROW.replace("tdp_w = 100", "tdp_w = -1"), "tdp_w of Example 1 must be > 0 and finite, got -1"),
        (ROW.replace("bf16 = 10", "bf16 = nan"), "dense bf16 of Example 1 must be > 0"),
        (ROW.replace("{ bf16 = 10 }", "{}"), "Example 1 has no dense_tflops"),
        (ROW.replace("cores = 1", "cores = 1\ncolour = 1"), "colour"),
        (ROW.replace("cores = 1", "cores = 1\nidle_w = 100"), "idle_w of Example 1 must lie in"),
        ('board = "X"', "Expected"),
    ],
)
def test_a_file_that_describes_no_boards_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """What is missing, unknown or impossible in a file is named, with the file."""
    with pytest.raises(ConfigurationError, match=r"boards\.toml") as refused:
        all_boards(a_file(tmp_path, text))
    assert said in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A path that leads nowhere is an answer, not a traceback."""
    with pytest.raises(ConfigurationError, match=r"none\.toml cannot be read: No such file"):
        find_board("H100", tmp_path / "none.toml")
