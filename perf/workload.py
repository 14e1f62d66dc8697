"""How long `joules workload` takes for a week of requests, beside pandas on a tenth of it.

the lengths of a real hour (drawn ones where it is not there), resampled, in the form of Azure's files of 2024
    44,100,000 rows ─► joules workload --format json ─► seconds, peak memory
     4,410,000 rows ─► the same, and perf/peer/workload.py ─► ratio; both have to say the same
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perf.figure import ROOT, CommandFailed, Figure, run

ROWS, TENTH = 44_100_000, 4_410_000  # Azure's two files of 2024 have 16,803,695 and 27,303,999
GOAL_S, GOAL_BYTES = 20.0, 2e9
GOAL_RATIO = 1.0
WEEK_S = 7 * 86_400
BATCH = 1_000_000
HOUR = ROOT.parent / "shared" / "data" / "AzureLLMInferenceTrace_conv.csv.gz"
PEER = ROOT / "perf" / "peer" / "workload.py"
JOULES = [sys.executable, "-c", "import sys; from reports.cli import main; sys.exit(main())", "workload"]

# started by a small process: whoever has been large himself hands his peak on to what he starts
MEASURE = """
import os, resource, subprocess, sys, time
load = os.getloadavg()[0]
with open(sys.argv[1], "wb") as out:
    began = time.monotonic()
    status = subprocess.call(sys.argv[2:], stdout=out)
    wall_s = time.monotonic() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(status, wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, load)
"""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one command took, and its answer. `load`: how many processes wanted a core just before, ours not yet."""

    wall_s: float
    cpu_s: float
    peak_bytes: float
    load: float
    answer: dict[str, Any]

    @property
    def said(self) -> str:
        """In a few words."""
        return f"{self.wall_s:.1f} s, {self.cpu_s:.1f} CPU s, {self.peak_bytes / 1e9:.2f} GB at load {self.load:.1f}"


def figures() -> Iterator[Figure]:
    """Bin a week of requests as a user does, then a tenth of it both ways."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        week, tenth = folder / "week.csv", folder / "tenth.csv"
        run([sys.executable, "-m", "perf.workload", str(week), str(ROWS)])
        size_bytes = week.stat().st_size
        whole = _measured([*JOULES, str(week), "--format", "json"], folder)
        week.unlink()
        run([sys.executable, "-m", "perf.workload", str(tenth), str(TENTH)])
        ours = _measured([*JOULES, str(tenth), "--format", "json"], folder)
        theirs = _measured([sys.executable, str(PEER), str(tenth)], folder)
    _agree(ours.answer, theirs.answer)
    said = f"{whole.answer['summary']['requests']:,} rows, {size_bytes / 1e9:.2f} GB; {whole.said}"
    yield Figure(name="joules workload, a week of requests", value=whole.wall_s, unit="s", goal=GOAL_S, detail=said)
    yield Figure(name="its peak memory", value=whole.peak_bytes / 1e9, unit="GB", goal=GOAL_BYTES / 1e9, detail=said)
    yield Figure(
        name="pandas over joules workload",
        value=theirs.wall_s / ours.wall_s,
        unit="times as long",
        goal=GOAL_RATIO,
        at_least=True,
        detail=f"the same {TENTH:,} rows, same answer: pandas {theirs.said}; joules {ours.said}",
    )


def write_trace(path: Path, rows: int) -> None:
    """A made-up week in the form of Azure's files of 2024: real lengths resampled, independent arrivals."""
    import numpy as np
    import polars as pl

    from energy_fixtures.workloads.catalogue import workload

    lengths = workload(HOUR) if HOUR.exists() else workload("azure-chat-like", 20_000)
    random = np.random.default_rng(20260101)
    start = np.datetime64("2024-05-12T00:00:00", "us")
    at_s, written = 0.0, 0
    moment = pl.col("TIMESTAMP")
    # as there: no decimals at a full second
    text = (
        pl.when(moment.dt.microsecond() == 0)
        .then(moment.dt.strftime("%Y-%m-%d %H:%M:%S+00:00"))
        .otherwise(moment.dt.strftime("%Y-%m-%d %H:%M:%S%.6f+00:00"))
    )
    with path.open("wb") as file:
        while written < rows:
            count = min(BATCH, rows - written)
            times_s = at_s + np.cumsum(random.exponential(WEEK_S / rows, count))
            picked = random.integers(0, len(lengths), count)
            frame = pl.DataFrame(
                {
                    "TIMESTAMP": start + (times_s * 1e6).astype("timedelta64[us]"),
                    "ContextTokens": lengths.input_tokens[picked],
                    "GeneratedTokens": lengths.output_tokens[picked],
                }
            )
            frame.with_columns(text.alias("TIMESTAMP")).write_csv(file, include_header=written == 0)
            at_s, written = float(times_s[-1]), written + count


def _measured(command: list[str], folder: Path) -> Run:
    out = folder / "out.json"
    line = run([sys.executable, "-c", MEASURE, str(out), *command])
    status, wall_s, cpu_s, peak_bytes, load = line.split()[-5:]
    if status != "0":
        raise CommandFailed(f"{' '.join(command)} ended with {status}: {line[-2000:]}")
    return Run(
        wall_s=float(wall_s),
        cpu_s=float(cpu_s),
        peak_bytes=float(peak_bytes),
        load=float(load),
        answer=json.loads(out.read_text()),
    )


def _agree(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """A ratio of two different answers would say nothing."""
    cells = {f"{cell['input_tokens']} {cell['output_tokens']}": cell["requests"] for cell in ours["binned"]["cells"]}
    side, pace = ours["summary"]["input"], ours["summary"]["pace"]
    pairs = [
        (side["mean"], theirs["input"][0]),
        (side["sd"], theirs["input"][1]),
        (side["p99"], theirs["input"][5]),
        (pace["gap_cv"], theirs["pace"][1]),
        (ours["binned"]["output_inflation"], theirs["inflation"][1]),
    ]
    if cells != theirs["cells"] or any(abs(one / other - 1) > 1e-6 for one, other in pairs):
        raise CommandFailed(f"joules workload and pandas disagree: {pairs}, {cells}, {theirs['cells']}")


if __name__ == "__main__":
    write_trace(Path(sys.argv[1]), int(sys.argv[2]))
