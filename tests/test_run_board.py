"""`docs/evidence/run_board.sh` with a stand-in for Python: what it leaves, where it stops, and how it goes on."""

from __future__ import annotations

import gzip
import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "docs" / "evidence" / "run_board.sh"

STAND_IN = """#!/usr/bin/env bash
# Answers as pytest would: notes that it ran, writes the file that --energy-json names, and ends as ENDS says.
echo "$*" >>"$RAN"
while [ $# -gt 0 ]; do
    [ "$1" = --energy-json ] && [ -z "$SKIPS" ] && echo '{"energy": 1}' >"$2"
    shift
done
echo "1 passed"
exit "${ENDS:-0}"
"""


class Board:
    """A folder to measure into, and a stand-in that notes each call."""

    def __init__(self, folder: Path) -> None:
        self.out, self._ran, self._python = folder / "board-2026", folder / "ran", folder / "python"
        self._python.write_text(STAND_IN)
        self._python.chmod(0o755)

    def run(self, *stages: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """One call of the script."""
        known = {**os.environ, "PYTHON": str(self._python), "RAN": str(self._ran), **environ}
        known.pop("REHEARSE", None) if "REHEARSE" not in environ else None
        return subprocess.run([SCRIPT, self.out, *stages], env=known, capture_output=True, text=True, timeout=60)

    @property
    def calls(self) -> list[str]:
        """What Python was asked to do."""
        return self._ran.read_text().splitlines() if self._ran.exists() else []


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


def test_a_finished_command_is_packed_and_left_alone(board: Board):
    """Its file and log are compressed, commands.txt says how it ended, and a second call does not run it again."""
    first = board.run("moe")
    assert (first.returncode, len(board.calls)) == (0, 2)
    assert gzip.decompress((board.out / "moe-vllm.json.gz").read_bytes()) == b'{"energy": 1}\n'
    assert b"1 passed" in gzip.decompress((board.out / "moe-vllm.log.gz").read_bytes())
    assert "    exit 0, " in (board.out / "commands.txt").read_text()

    assert board.run("moe").returncode == 0
    assert len(board.calls) == 2


def test_a_command_that_was_cut_off_is_run_again_and_resumes(board: Board):
    """Its file stays as it is, exit 75 asks for another call, and that one goes on with it."""
    cut = board.run("moe", ENDS="2", NO_VLLM="1")
    assert (cut.returncode, (board.out / "moe-transformers.json").exists()) == (75, True)
    assert "1 not finished yet (moe-transformers); run the same command again" in cut.stdout

    assert board.run("moe", NO_VLLM="1").returncode == 0
    assert all("--energy-resume" in call for call in board.calls)
    assert not (board.out / "moe-transformers.json").exists()


def test_nothing_begins_that_its_call_has_no_time_for(board: Board):
    """With seconds left no engine is loaded; what is open is said."""
    late = board.run("moe", "speculative", CALL_S="3")
    assert (late.returncode, board.calls) == (75, [])
    assert "3 not finished yet (moe-transformers moe-vllm speculative)" in late.stdout


def test_failed_cases_are_results(board: Board):
    """A test that failed leaves the cases that it measured: the file is whole."""
    assert board.run("speculative", ENDS="1").returncode == 0
    assert (board.out / "speculative.json.gz").exists()


@pytest.mark.parametrize("ends", ["0", "4", "5"])
def test_a_command_that_measured_nothing_is_said(board: Board, ends: str):
    """Every case skipped, an option that cannot be, or a selection of nothing are no result: exit 1 and the log's name."""
    done = board.run("speculative", ENDS=ends, SKIPS="1")
    assert done.returncode == 1
    assert "nothing was measured by speculative; speculative.log says why" in done.stderr


def test_an_unknown_stage_is_named_before_anything_runs(board: Board):
    """A misspelt stage ends with 4 and the list of stages."""
    wrong = board.run("moe", "sepculative")
    assert (wrong.returncode, board.calls) == (4, [])
    assert "no stage is called sepculative; use doctor window" in wrong.stderr


def test_a_rehearsal_says_so_in_its_commands(board: Board):
    """The head of every call that was rehearsed says that nothing was measured."""
    board.run("moe", REHEARSE="1", NO_VLLM="1")
    assert "REHEARSED on a simulated board: nothing here was measured" in (board.out / "commands.txt").read_text()
    assert all("--simulated-board" in call for call in board.calls)


def test_the_dataset_goes_on_from_the_runs_that_are_there(board: Board):
    """Earlier runs are unpacked for the sweep to look into, and packed again; what it did not reach is asked for."""
    earlier = board.out / "dataset" / "machine" / "0001_dataset.json.gz"
    earlier.parent.mkdir(parents=True)
    earlier.write_bytes(gzip.compress(b"earlier"))

    assert board.run("dataset", ENDS="2").returncode == 75
    assert gzip.decompress(earlier.read_bytes()) == b"earlier"
    assert board.run("dataset").returncode == 0
    assert board.run("dataset").returncode == 0
    assert len(board.calls) == 2
