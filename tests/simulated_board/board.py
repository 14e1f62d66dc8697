"""Builds the simulated NVIDIA driver once and says with which environment a process sees its boards."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

import pytest

from tests.simulated_board.trace import step, true_energy_j

__all__ = ["board_environ", "library_folder", "run_on_board", "step", "true_energy_j"]

SOURCES = tuple(Path(__file__).with_name(name) for name in ("nvml.c", "schedule.c"))
ROOT = Path(__file__).parents[2]


@lru_cache(maxsize=1)
def library_folder() -> Path:
    """A folder with the compiled `libnvidia-ml.so.1`; skips the test where there is no C compiler."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("the simulated board needs a C compiler (cc)")
    folder = Path(tempfile.mkdtemp(prefix="simulated-board-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    options = ("-std=c11", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror")
    subprocess.run([compiler, *options, "-o", folder / "libnvidia-ml.so.1", *SOURCES, "-lm"], check=True)
    return folder


@lru_cache(maxsize=1)
def known_settings() -> frozenset[str]:
    """The settings that the head of `nvml.c` documents, as `board_environ` takes them."""
    listed = re.findall(r"^ \*   SIMULATED_BOARD_(\w+)", SOURCES[0].read_text(), re.MULTILINE)
    return frozenset(name.lower() for name in listed)


def board_environ(**settings: object) -> dict[str, str]:
    """This process' environment, with a driver of simulated boards.

    `settings` are the variables that `nvml.c` lists, without their prefix and in lower case: `watts="100/600@0.7"`,
    and `watts_1=500` for board 1 alone.

    Raises:
        ValueError: There is no such setting.
    """
    unknown = {name for name in settings if re.sub(r"_\d+$", "", name) not in known_settings()}
    if unknown:
        raise ValueError(f"the simulated board has no setting {', '.join(sorted(unknown))}; see the head of nvml.c")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CUDA_", "HIP_", "ZEUSD_"))}
    asked = {f"SIMULATED_BOARD_{name.upper()}": str(value) for name, value in settings.items()}
    paths = {"LD_LIBRARY_PATH": str(library_folder()), "PYTHONPATH": str(ROOT)}
    return kept | paths | asked


def run_on_board(
    script: str, *, timeout_s: float = 60, environ: dict[str, str] | None = None, **settings: object
) -> str:
    """Run Python code in a process that sees the boards; returns what it prints.

    Args:
        script: Runs as a file with a `__main__` guard around it, because Zeus spawns processes that import it.
        timeout_s: After this it is killed and the test fails.
        environ: More variables.
        settings: See `board_environ`.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "script.py"
        lines = "\n".join(f"    {line}" for line in script.splitlines())
        file.write_text(f"if __name__ == '__main__':\n{lines}\n")
        done = subprocess.run(
            [sys.executable, file],
            env=board_environ(**settings) | (environ or {}),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            cwd=folder,
        )
    assert done.returncode == 0, done.stderr
    return done.stdout
