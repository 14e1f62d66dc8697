"""Wall time beside optimum-benchmark on its own matrix: Transformers, tiny model, batch 1, 4 and 8, 64 + 64 tokens.

    ours ──► theirs ──► ours      in one run; both do 2 warm-ups and 5 iterations, each engine in its own process

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
    """Run ours, theirs and ours again; the ratio takes our slower run."""
    model = materialise(resolve("tiny")).path
    peer = peer_python()
    for python in (sys.executable, str(peer)):
        run([python, "-c", "import torch, transformers"])  # files into memory, for both
    with tempfile.TemporaryDirectory() as folder:
        ours = pytest_command(
            "perf/cases/test_matrix.py", "-q", *OURS, "--energy-device", "cpu", "--energy-storage", folder
        )
        theirs = [str(peer), str(ROOT / "perf" / "peer" / "matrix.py"), model, *map(str, BATCH_SIZES)]
        first_s, printed = timed_s(ours, cwd=ROOT)
        if f"{len(BATCH_SIZES)} passed" not in printed:
            raise CommandFailed(f"not all of our cases passed:\n{printed[-2000:]}")
        theirs_s, printed = timed_s(theirs, cwd=Path(folder))
        done = [json.loads(line)["batch_size"] for line in printed.splitlines() if line.startswith("{")]
        if done != list(BATCH_SIZES):
            raise CommandFailed(f"optimum-benchmark finished batch sizes {done} of {list(BATCH_SIZES)}")
        second_s, _ = timed_s(ours, cwd=ROOT)
    ours_s = max(first_s, second_s)
    yield Figure(
        name="wall time of optimum-benchmark 0.6.0 over ours",
        value=theirs_s / ours_s,
        unit="times",
        goal=GOAL_RATIO,
        at_least=True,
        detail=f"{theirs_s:.1f} s against {first_s:.1f} and {second_s:.1f} s "
        f"(mean {statistics.mean((first_s, second_s)):.1f} s), same model, same matrix",
    )
