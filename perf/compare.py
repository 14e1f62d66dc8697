"""How long `joules compare` takes for two large runs, beside the plainest way to do it; and finding one run among many.

two runs of 50,000 cases × 10 trials, as the store writes them ─► joules compare --format json ─► seconds, peak memory
                                                             └─► json.load, scipy's t-test per case (the peer)
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from energy_fixtures.readings import Reading
from energy_fixtures.records import SCHEMA_VERSION, Environment, Generation, Request, Result, Scenario, Trial
from energy_fixtures.store import Store, read_run
from energy_fixtures.timing import time_statistics
from perf.figure import ROOT, CommandFailed, Figure, run

CASES, TRIALS, REQUESTS = 50_000, 10, 2
GOAL_S, GOAL_BYTES = 5.0, 1e9
RUNS, GOAL_FIND_S = 10_000, 0.3
REPEATS = 3
SHIFT = 1.01  # of the second run

PEER = ROOT / "perf" / "peer" / "ttest.py"

HERE = Environment(
    host={"cpu": "made up", "cores": 2, "system": "Linux"},
    boards=({"name": "Made-up Board", "uuid": "GPU-0", "power_limit_w": 700.0},),
    packages={"torch": "2.13.0"},
    engine={"framework": "vllm", "device": "cuda", "dtype": "bfloat16", "weights": "dummy"},
    meter={"name": "simulated", "method": "simulated", "domains": "gpu:0 cpu:0"},
)

# started by a small process: whoever has been large himself hands his peak on to what he starts
MEASURE = """
import resource, subprocess, sys, time
with open(sys.argv[1], "wb") as out:
    began = time.monotonic()
    status = subprocess.call(sys.argv[2:], stdout=out)
    print(status, time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


def figures() -> Iterator[Figure]:
    """Compare two large runs as a user does, then open one run among many."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        old, new = folder / "old.json", folder / "new.json"
        for path, seed, shift in ((old, 1, 1.0), (new, 2, SHIFT)):
            write_run(path, CASES, seed, shift)
        sizes = f"{old.stat().st_size / 1e6:.0f} and {new.stat().st_size / 1e6:.0f} MB"
        joules = [sys.executable, "-c", "import sys; from reports.cli import main; sys.exit(main())"]
        ours = [_measured([*joules, "compare", str(old), str(new), "--format", "json"], folder) for _ in range(REPEATS)]
        gated = _measured([*joules, "compare", str(old), str(new), "--format", "json", "--fail", "mean:5%"], folder)
        theirs = _measured([sys.executable, str(PEER), str(old), str(new)], folder)
    median_s = sorted(seconds for seconds, _ in ours)[REPEATS // 2]
    said = ", ".join(f"{seconds:.2f}" for seconds, _ in ours)
    peer = f"json.load and scipy.stats.ttest_ind per case: {theirs[0]:.1f} s, {theirs[1] / 1e9:.2f} GB"
    yield Figure(
        name=f"joules compare, two runs of {CASES:,} cases × {TRIALS} trials",
        value=median_s,
        unit="s",
        goal=GOAL_S,
        detail=f"median of {said} s; with --fail mean:5% {gated[0]:.2f} s; {sizes}; {peer}",
    )
    yield Figure(
        name="its largest process",
        value=max(peak_bytes for _, peak_bytes in ours) / 1e9,
        unit="GB",
        goal=GOAL_BYTES / 1e9,
        detail=f"peak resident memory, {peer}",
    )
    yield find_figure()


def find_figure() -> Figure:
    """Find and read one run among many of a machine."""
    with tempfile.TemporaryDirectory() as name:
        store = Store(Path(name), "made-up")
        store.folder.mkdir()
        first = store.folder / "0001_first.json"
        write_run(first, 50, 1, 1.0)
        for number in range(2, RUNS + 1):
            (store.folder / f"{number:04d}_run.json").hardlink_to(first)
        times_s = []
        for reference in ("5000", None, "first"):
            began = time.monotonic()
            path = store.find(reference)
            assert path is not None
            read_run(path)
            times_s.append(time.monotonic() - began)
    return Figure(
        name=f"open one run among {RUNS:,}",
        value=max(times_s),
        unit="s",
        goal=GOAL_FIND_S,
        detail="by number {:.3f}, the newest {:.3f}, by name {:.3f} s".format(*times_s),
    )


def write_run(path: Path, cases: int, seed: int, shift: float) -> None:
    """A made-up run in the store's own shape, written case by case: 2 % noise, the work of a small batch."""
    rng = random.Random(seed)
    head = {"machine_info": {}, "commit_info": {}, "datetime": "2026-01-01T00:00:00+00:00", "version": "5.2.0"}
    entry = _indented(time_statistics(_result(0, rng, shift)).as_dict(include_data=True))
    with path.open("wb") as file:
        file.write(msgspec.json.encode(head)[:-1] + b',\n "benchmarks": [\n')
        file.write(b",\n".join(entry.replace(b"case-00000", b"case-%05d" % number) for number in range(cases)))
        file.write(b'],\n "energy": {"schema_version": %d, "environments": ' % SCHEMA_VERSION)
        file.write(msgspec.json.encode({HERE.key: HERE}) + b', "results": [\n')
        for number in range(cases):
            file.write((b",\n" if number else b"") + _indented(_result(number, rng, shift)))
        file.write(b"]}}")


def _result(number: int, rng: random.Random, shift: float) -> Result:
    name = f"case-{number:05d}"
    trials = []
    for index in range(TRIALS):
        duration_s = rng.lognormvariate(0, 0.01)
        requests = tuple(
            Request(
                input_tokens=64,
                output_tokens=64,
                finish_reason="length",
                ttft_s=0.02 * duration_s * rng.random(),
                e2e_s=duration_s / 2,
            )
            for _ in range(REQUESTS)
        )
        reading = Reading(
            energy_j={"gpu:0": 300 * shift * rng.lognormvariate(0, 0.02), "cpu:0": 40 * duration_s},
            duration_s=duration_s,
            method="simulated",
            uncertainty_j={"gpu:0": 0.3 * duration_s, "cpu:0": 0.01 * duration_s},
            doubts=("simulated_not_measured",),
        )
        generation = Generation(requests=requests)
        trials.append(Trial(index=index, iterations=REQUESTS, reading=reading, generation=generation, seed=index))
    return Result(
        fullname=f"benchmarks/test_many.py::test_many[{name}]",
        question="many",
        case=name,
        scenario=Scenario(engine="vllm", batch_size=1, input_tokens=64, output_tokens=64, model="tiny", seed=number),
        environment=HERE.key,
        scope=("gpu:0",),
        trials=tuple(trials),
        started_at="2026-01-01T00:00:00+00:00",
    )


def _indented(record: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(record), indent=1)


def _measured(command: list[str], folder: Path) -> tuple[float, float]:
    """Wall seconds, and the peak resident memory of the largest process."""
    out = folder / "out.json"
    status, seconds, peak_bytes = json.loads(
        f"[{run([sys.executable, '-c', MEASURE, str(out), *command]).replace(' ', ',')}]"
    )
    if status not in (0, 1):
        raise CommandFailed(f"{' '.join(command)} ended with {status}")
    return seconds, peak_bytes
