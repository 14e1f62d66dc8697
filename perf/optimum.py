"""Wall time beside optimum-benchmark on its own matrix: Transformers, tiny model, batch 1, 4 and 8, 64 + 64 tokens.

    ours ──► theirs ──► ours, ours      in one run; both do 2 warm-ups and 5 iterations, engines in processes of their own

Ours is the whole `pytest` command, theirs the whole Python program; nothing is cached between the runs but the model's
folder and the files that the operating system keeps in memory. The peer lives in an environment of its own, made on
first use beside ours.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from energy_fixtures.models.catalogue import resolve
from energy_fixtures.models.materialise import materialise
from perf.figure import ROOT, CommandFailed, Figure, pytest_command, run
from tools.install_engines import Pip, install_torch

GOAL_RATIO = 8.0
BATCH_SIZES = (1, 4, 8)
# It calls Transformers with arguments that version 5 dropped; 4.57.6 and CodeCarbon 3.3.2 were tried.
PEER = ("optimum-benchmark==0.6.0", "codecarbon>=3.3,<4", "transformers>=4.57,<5")
PEER_ENVIRONMENT = ROOT / ".tox" / "peer"
OURS = ("--energy-warmup-rounds", "2", "--energy-min-rounds", "5", "--energy-min-window", "0.001")
OFFLINE = {"HF_HUB_OFFLINE": "1"}  # the model is a folder


def peer_python() -> Path:
    """The interpreter of the peer's environment, which is made when it is not there; takes some minutes then.

    Raises:
        CommandFailed: The peer cannot be installed.
    """
    python = PEER_ENVIRONMENT / "bin" / "python"
    stamp = PEER_ENVIRONMENT / "made"
    torch = f"torch=={version('torch')}"
    wanted = "\n".join([sys.version, torch, *PEER])
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    print("perf: making the environment of optimum-benchmark, once", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(PEER_ENVIRONMENT)], check=True)
    pip = Pip(python)
    install_torch(pip, torch)
    if not pip.install(torch, *PEER):
        raise CommandFailed(f"optimum-benchmark cannot be installed into {PEER_ENVIRONMENT}; pip's message is above")
    stamp.write_text(wanted)
    return python


def timed_s(command: Sequence[str], *, cwd: Path) -> tuple[float, str]:
    """Wall seconds of a command, and what it printed."""
    began = time.monotonic()
    printed = run(command, cwd=cwd, environ=OFFLINE)
    return time.monotonic() - began, printed


def figures() -> Iterator[Figure]:
    """Run ours, theirs and ours twice again; the ratio takes the median of ours, since theirs is long and ours short."""
    model = materialise(resolve("tiny")).path
    peer = peer_python()
    for python in (sys.executable, str(peer)):
        run([python, "-c", "import torch, transformers"])  # files into memory, for both
    with tempfile.TemporaryDirectory() as folder:
        ours = pytest_command(
            "perf/cases/test_matrix.py", "-q", *OURS, "--energy-device", "cpu", "--energy-storage", folder
        )
        theirs = [str(peer), str(ROOT / "perf" / "peer" / "matrix.py"), model, *map(str, BATCH_SIZES)]
        ours_s = [_ours_s(ours)]
        theirs_s, printed = timed_s(theirs, cwd=Path(folder))
        done = [json.loads(line)["batch_size"] for line in printed.splitlines() if line.startswith("{")]
        if done != list(BATCH_SIZES):
            raise CommandFailed(f"optimum-benchmark finished batch sizes {done} of {list(BATCH_SIZES)}")
        ours_s += [_ours_s(ours), _ours_s(ours)]
    yield Figure(
        name="wall time of optimum-benchmark 0.6.0 over ours",
        value=theirs_s / statistics.median(ours_s),
        unit="times",
        goal=GOAL_RATIO,
        at_least=True,
        detail=f"{theirs_s:.1f} s against {', '.join(f'{value:.1f}' for value in ours_s)} s, same model, same matrix",
    )


def _ours_s(command: Sequence[str]) -> float:
    """Wall seconds of one run of ours, with all its cases passed."""
    wall_s, printed = timed_s(command, cwd=ROOT)
    if f"{len(BATCH_SIZES)} passed" not in printed:
        raise CommandFailed(f"not all of our cases passed:\n{printed[-2000:]}")
    return wall_s
