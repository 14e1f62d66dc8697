"""How long an estimate takes: a million queries to each of five models, and a fleet with the lengths of 44 million rows.

made-up trace of 44,000,000 rows ─► joules estimate --trace ─► seconds, peak memory
five models × 1,000,000 draws    ─► estimate()              ─► seconds, beside the released method plainly in NumPy
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from perf.figure import ROOT, CommandFailed, Figure, run
from reports.estimate.estimate import Question, estimate
from reports.estimate.reading import read_scenario

DRAWS, GOAL_DRAWS_S = 1_000_000, 1.5
ROWS, GOAL_TRACE_S, GOAL_TRACE_BYTES = 44_000_000, 60.0, 2e9
REPEATS = 5
PEER = ROOT / "perf" / "peer" / "monte_carlo.py"
COMMAND = "import sys; from reports.estimate.cli import estimate; import typer; typer.run(estimate)"
"""The command alone, as `joules estimate` starts it."""

# started by a small process: whoever has been large himself hands his peak on to what he starts
MEASURE = """
import resource, subprocess, sys, time
with open(sys.argv[1], "wb") as out:
    began = time.monotonic()
    status = subprocess.call(sys.argv[2:], stdout=out)
    print(status, time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


def figures() -> Iterator[Figure]:
    """Queries drawn, then a large trace."""
    yield draws_figure()
    yield from trace_figures(ROWS)


def draws_figure() -> Figure:
    """Five models, by the released method and by ours, beside the plainest way to do it, in turn."""
    seconds: dict[str, list[float]] = {"released": [], "refined": [], "peer": []}
    for _ in range(REPEATS):
        for method in ("released", "refined"):
            scenario = read_scenario(options={"draws": DRAWS, "method": method})
            began = time.perf_counter()
            estimate(scenario, Question())
            seconds[method].append(time.perf_counter() - began)
        seconds["peer"].append(float(run([sys.executable, "-m", "perf.peer.monte_carlo", str(DRAWS)]).split()[0]))
    median = {name: sorted(values)[REPEATS // 2] for name, values in seconds.items()}
    return Figure(
        name=f"estimate, 5 models × {DRAWS:,} draws, released method",
        value=median["released"],
        unit="s",
        goal=GOAL_DRAWS_S,
        detail=f"median of {REPEATS}; plainly in NumPy {median['peer']:.2f} s, {median['peer'] / median['released']:.1f} times as long; "
        f"refined method {median['refined']:.2f} s",
    )


def trace_figures(rows: int) -> Iterator[Figure]:
    """The command on a made-up trace with as many pairs of lengths as a real one has."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trace = folder / "trace.csv"
        write_trace(trace, rows)
        command = [sys.executable, "-c", COMMAND, "--trace", str(trace), "--format", "json"]
        out = folder / "answer.json"
        printed = run([sys.executable, "-c", MEASURE, str(out), *command])
        status, seconds, peak_bytes = (float(word) for word in printed.split())
        if status != 0:
            raise CommandFailed(f"joules estimate --trace ended with {status:g}: {printed}")
        found = json.loads(out.read_text())["trace"]
        size = trace.stat().st_size
    detail = f"{size / 1e9:.2f} GB, {found['distinct_lengths']:,} pairs of lengths, 5 models"
    yield Figure(name=f"fleet of a trace of {rows:,} rows", value=seconds, unit="s", goal=GOAL_TRACE_S, detail=detail)
    yield Figure(
        name="its peak memory",
        value=peak_bytes / 1e9,
        unit="GB",
        goal=GOAL_TRACE_BYTES / 1e9,
        detail="resident, the whole command",
    )


def write_trace(path: Path, rows: int, block: int = 1_000_000) -> None:
    """Time stamps, prompts and answers as in Azure's traces of 2024: lognormal lengths, the answers at most 2,000."""
    rng = np.random.default_rng(1)
    with path.open("wb") as file:
        file.write(b"TIMESTAMP,ContextTokens,GeneratedTokens\n")
        for first in range(0, rows, block):
            count = min(block, rows - first)
            given = np.clip(rng.lognormal(6.9, 1.1, count), 1, 16_000).astype(np.int64)
            generated = np.clip(rng.lognormal(4.6, 1.0, count), 1, 2_000).astype(np.int64)
            lines = (
                f"2024-05-10 00:00:00.0000000+00:00,{a},{b}\n"
                for a, b in zip(given.tolist(), generated.tolist(), strict=True)
            )
            file.write("".join(lines).encode())
