"""How long `joules compare` takes for two large runs, beside the plainest way to do it; and finding one run among many.

two runs of 50,000 cases × 10 trials, as the store writes them ─► joules compare --format json ─► seconds, memory
                                                             └─► json.load, scipy's t-test per case (the peer)
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

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
MEMORY = ROOT / "perf" / "peer" / "memory.py"

HERE = Environment(
    host={"cpu": "made up", "cores": 2, "system": "Linux"},
    boards=({"name": "Made-up Board", "uuid": "GPU-0", "power_limit_w": 700.0},),
    packages={"torch": "2.13.0"},
    engine={"framework": "vllm", "device": "cuda", "dtype": "bfloat16", "weights": "dummy"},
    meter={"name": "simulated", "method": "simulated", "domains": "gpu:0 cpu:0"},
)


def figures() -> Iterator[Figure]:
    """Compare two large runs as a user does, then open one run among many."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        old, new = folder / "old.json", folder / "new.json"
        for path, seed, shift in ((old, 1, 1.0), (new, 2, SHIFT)):
            write_run(path, CASES, seed, shift)
        sizes = f"{old.stat().st_size / 1e6:.0f} and {new.stat().st_size / 1e6:.0f} MB"
        joules = [sys.executable, "-c", "import sys; from reports.cli import main; sys.exit(main())"]
        command = [*joules, "compare", str(old), str(new), "--format"]
        plain, gated = [*command, "json"], [*command, "json", "--fail", "mean:5%"]
        ours_s, table_s, gated_s = (
            [_seconds(one, folder) for _ in range(REPEATS)] for one in (plain, [*command, "table"], gated)
        )
        memory = [_memory(one, folder) for one in (plain, gated)]
        peer = [sys.executable, str(PEER), str(old), str(new)]
        theirs_s, theirs = _seconds(peer, folder), _memory(peer, folder)
    said = ", ".join(f"{seconds:.2f}" for seconds in ours_s)
    beside = f"json.load and scipy.stats.ttest_ind per case: {theirs_s:.1f} s, {theirs.sum_bytes / 1e9:.2f} GB"
    yield Figure(
        name=f"joules compare, two runs of {CASES:,} cases × {TRIALS} trials",
        value=median(ours_s),
        unit="s",
        goal=GOAL_S,
        detail=f"JSON, median of {said} s; as a table {median(table_s):.2f} s; {sizes}; {beside}",
    )
    yield Figure(
        name="the same with --fail mean:5%",
        value=median(gated_s),
        unit="s",
        goal=GOAL_S,
        detail=f"median of {', '.join(f'{seconds:.2f}' for seconds in gated_s)} s",
    )
    largest = max(memory, key=lambda one: one.sum_bytes)
    yield Figure(
        name="memory of all its processes",
        value=largest.sum_bytes / 1e9,
        unit="GB",
        goal=GOAL_BYTES / 1e9,
        detail="largest sum of proportional set sizes, pages of the mapped files among them; "
        f"{max(one.anonymous_bytes for one in memory) / 1e9:.2f} GB at that moment are in no file; {beside}",
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


@dataclass(frozen=True, kw_only=True)
class Memory:
    """The largest sum of the proportional set sizes of a command and all that it started; what of it no file held then."""

    sum_bytes: int
    anonymous_bytes: int


def _seconds(command: list[str], folder: Path) -> float:
    """Wall time, nobody watching."""
    with (folder / "out").open("wb") as out:
        began = time.monotonic()
        status = subprocess.call(command, stdout=out, cwd=ROOT)
        seconds = time.monotonic() - began
    _check(status, command)
    return seconds


def _memory(command: list[str], folder: Path) -> Memory:
    """Of a run of its own, because watching takes time."""
    said = run([sys.executable, str(MEMORY), str(folder / "out"), *command])
    status, _, total, anonymous = said.split()
    _check(int(status), command)
    return Memory(sum_bytes=int(total), anonymous_bytes=int(anonymous))


def _check(status: int, command: list[str]) -> None:
    if status not in (0, 1):
        raise CommandFailed(f"{' '.join(command)} ended with {status}")
