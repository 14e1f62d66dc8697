"""Temporary folders of engines: they go with the process, or with the next session."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from energy_fixtures.engines.scratch import PREFIX, leading_to, make_scratch, remove_left

ROOT = Path(__file__).parents[3]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_of_a_killed_process_is_removed_by_the_next(temporary: Path):
    """What a process left that was killed goes, what a living one has stays, and foreign files are not touched."""
    script = "import os, signal; from energy_fixtures.engines.scratch import make_scratch; make_scratch(); os.kill(os.getpid(), 9)"
    environ = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)}
    killed = subprocess.run([sys.executable, "-c", script], env=environ, check=False)
    (left,) = temporary.iterdir()
    (left / "socket").write_text("")
    mine, foreign = make_scratch(), temporary / f"{PREFIX}notes"
    foreign.mkdir()
    remove_left()

    assert killed.returncode == -9
    assert set(temporary.iterdir()) == {mine, foreign}


def test_what_was_compiled_is_kept(temporary: Path, monkeypatch: pytest.MonkeyPatch):
    """Temporary files and sockets go into the folder, compiled code where it always was, and the user's word counts."""
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    monkeypatch.setenv("VLLM_RPC_BASE_PATH", "/chosen")
    led = leading_to(Path("/tmp/x"))

    assert led["TMPDIR"] == "/tmp/x"
    assert led["TORCHINDUCTOR_CACHE_DIR"].startswith(f"{temporary}/torchinductor_")
    assert "VLLM_RPC_BASE_PATH" not in led
    monkeypatch.delenv("VLLM_RPC_BASE_PATH")
    assert leading_to(Path("/tmp/x"))["VLLM_RPC_BASE_PATH"] == "/tmp/x"
    assert leading_to(Path("/tmp/" + "x" * 80))["VLLM_RPC_BASE_PATH"] == str(temporary)
