"""One option runs any pytest command on a simulated machine."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.simulated_board.board import library_folder
from tests.simulated_board.plugin import settings_of

pytestmark = pytest.mark.quiet

SLEEPER = """
import time

def test_sleep(energy):
    energy.pedantic(time.sleep, args=(0.3,), rounds=2)
"""


def run(tmp_path, root, *options: str) -> subprocess.CompletedProcess[str]:
    library_folder()  # skips where there is no compiler
    (tmp_path / "test_sleeper.py").write_text(SLEEPER)
    command = [
        sys.executable,
        "-m",
        "pytest",
        str(tmp_path),
        "-p",
        "tests.simulated_board.plugin",
        "-p",
        "no:cacheprovider",
    ]
    kept = (f"--energy-storage={tmp_path}", f"--rootdir={root}", f"--confcutdir={root}")
    return subprocess.run([*command, *kept, *options], cwd=root, capture_output=True, text=True, timeout=120)


def test_a_board_and_a_cpu(tmp_path, request):
    """Real Zeus meters the made-up board and powercap tree; nothing says that it was modelled."""
    root = request.config.rootpath
    machine = ("--simulated-board", "watts=400 tick_ms=20", "--simulated-powercap", "cpu:0=65 dram:0=8")
    done = run(tmp_path, root, *machine)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "simulated machine: board watts=400 tick_ms=20 · powercap cpu:0=65 dram:0=8" in done.stdout
    assert "meter: zeus · counter · gpu:0 cpu:0 dram:0" in done.stdout
    assert "1 passed" in done.stdout
    assert "modelled" not in done.stdout


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--simulated-board", "wats=400", "the simulated board has no setting wats"),
        ("--simulated-board", "400", "it needs NAME=VALUE"),
        ("--simulated-powercap", "gpu:0=3", "has no domain gpu:0; it has cpu:0"),
    ],
)
def test_what_it_cannot_be(tmp_path, request, option, value, sentence):
    """A setting that does not exist is refused by name before anything is measured."""
    done = run(tmp_path, request.config.rootpath, option, value)

    assert done.returncode == 4
    assert sentence in done.stderr


def test_settings():
    """Words NAME=VALUE, in which a value may hold another equals sign."""
    assert settings_of("watts=100/600@0.7  name=a=b", "--x") == {"watts": "100/600@0.7", "name": "a=b"}
