"""How long `joules history` takes for 10,000 runs, and how often it is right, beside Apache Otava on the same series.

a store of 10,000 runs × 20 cases ─► joules history, twice ─► seconds with the index made, and with the index there
series drawn with a known truth    ─┬─► reports.series ─► false alarms, finds, how far off
                                    └─► Apache Otava (E-divisive means, the successor of Hunter), its own defaults
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean, median
from typing import Any

import msgspec
import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from energy_fixtures.readings import Reading
from energy_fixtures.records import SCHEMA_VERSION, Generation, Request, Result, Run, Scenario, Trial
from energy_fixtures.store import Head, Store
from perf.compare import HERE
from perf.figure import ROOT, CommandFailed, Figure, run
from reports.policy import CONFIDENCE
from reports.series.stretches import Found, found_in

RUNS, CASES, GOAL_S = 10_000, 20, 3.0
REPEATS = 3
NOISE = 0.01  # standard deviation from run to run, as a share
PEER = "apache-otava==0.8.0"
PEER_FOLDER = ROOT / ".tox" / "otava"
SCRIPT = ROOT / "perf" / "peer" / "changes.py"
JOULES = [sys.executable, "-c", "import sys; from reports.cli import main; sys.exit(main())", "history"]

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]


def figures() -> Iterator[Figure]:
    """The command on a large store, then series of which the truth is known."""
    yield speed()
    peer = install()
    yield from truth(peer)


def speed() -> Figure:
    """The whole command, from an index that is there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_store(folder / "runs", RUNS, CASES)
        command = [*JOULES, "joules_per_output_token", "--storage", str(folder / "runs"), "--format", "json"]
        cold_s, _, told = _seconds(command, folder)
        warm = [_seconds(command, folder) for _ in range(REPEATS)]
    series = json.loads(told)["histories"]
    if [one["runs"] for one in series] != [RUNS] * CASES or not all(one["steps"] for one in series):
        raise CommandFailed(f"joules history saw {len(series)} series, {[one['runs'] for one in series][:3]} runs ...")
    return Figure(
        name=f"joules history, {RUNS:,} runs × {CASES} cases",
        value=median(seconds for seconds, _, _ in warm),
        unit="s",
        goal=GOAL_S,
        detail=f"from its index, median of {', '.join(f'{seconds:.2f}' for seconds, _, _ in warm)} s; "
        f"{median(used for _, used, _ in warm):.2f} s of processor time; "
        f"{cold_s:.1f} s when every run has to be read first; load {os.getloadavg()[0]:.1f}",
    )


def write_store(root: Path, runs: int, cases: int) -> None:
    """Runs in the store's own shape, each with a commit and a day of its own; every case becomes 3 % dearer half-way."""
    random = np.random.default_rng(20260101)
    folder = root / "Linux-CPython-3.11-64bit-Made-up"
    folder.mkdir(parents=True)
    plain: Any = msgspec.to_builtins(_run(cases))
    for number in range(runs):
        when = f"{2000 + number // 336}-{1 + number % 336 // 28:02d}-{1 + number % 28:02d}T03:00:00+00:00"
        days = 40 * (1.03 if number >= runs // 2 else 1.0) * np.exp(random.normal(0, NOISE, cases))
        for result, level in zip(plain["results"], days, strict=True):
            result["started_at"] = when
            for trial, joules in zip(result["trials"], level * np.exp(random.normal(0, 0.005, 3)), strict=True):
                trial["reading"]["energy_j"]["gpu:0"] = float(joules)
        commit = {"id": f"{number:040x}", "branch": "main", "dirty": False}
        document = {"machine_info": {}, "commit_info": commit, "benchmarks": [], "datetime": when, "version": "5.2.0"}
        (folder / f"{number + 1:04d}_run.json").write_bytes(msgspec.json.encode({**document, "energy": plain}))


def _run(cases: int) -> Run:
    request = Request(input_tokens=64, output_tokens=64, finish_reason="length", ttft_s=0.02, e2e_s=0.5)
    trials = tuple(
        Trial(
            index=index,
            iterations=1,
            reading=Reading(energy_j={"gpu:0": 40.0}, duration_s=1.0, method="simulated"),
            generation=Generation(requests=(request,)),
        )
        for index in range(3)
    )
    results = tuple(
        Result(
            fullname=f"benchmarks/test_many.py::test_many[case-{number:02d}]",
            question="many",
            case=f"case-{number:02d}",
            scenario=Scenario(
                engine="vllm", batch_size=1, input_tokens=64, output_tokens=64, model="tiny", seed=number
            ),
            environment=HERE.key,
            scope=("gpu:0",),
            trials=trials,
            started_at="2026-01-01T00:00:00+00:00",
        )
        for number in range(cases)
    )
    return Run(schema_version=SCHEMA_VERSION, environments={HERE.key: HERE}, results=results)


def _seconds(command: list[str], folder: Path) -> tuple[float, float, bytes]:
    """Wall and processor seconds, and what was printed."""
    environ = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, check=False)
    seconds = time.monotonic() - began
    if done.returncode != 0:
        raise CommandFailed(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-2000:].decode()}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, used, done.stdout


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Series of one kind. `at` is where the step is, as a share of the runs; None where there is none to be found."""

    name: str
    draw: Draw
    counts: tuple[int, ...]
    at: float | None = None


def noise(random: np.random.Generator, count: int) -> Floats:
    """ln of the runs of a case that does not change."""
    return random.normal(0, NOISE, count)


def step(share: float, at: float = 0.5, *, bad: bool = False) -> Draw:
    """A step by a share, with one run of 20 % more beside it where asked."""

    def draw(random: np.random.Generator, count: int) -> Floats:
        values = noise(random, count)
        values[round(count * at) :] += math.log1p(share)
        if bad:
            values[random.integers(count)] += math.log(1.2)
        return values

    return draw


def remembering(share: float) -> Draw:
    """Noise of which a share goes over to the next run, as of a room that warms up over days."""

    def draw(random: np.random.Generator, count: int) -> Floats:
        values = noise(random, count)
        for index in range(1, count):
            values[index] += share * values[index - 1]
        return values

    return draw


def burst(share: float, runs: int) -> Draw:
    """A step by a share that is taken back after so many runs."""

    def draw(random: np.random.Generator, count: int) -> Floats:
        values = noise(random, count)
        values[count // 2 : count // 2 + runs] += math.log1p(share)
        return values

    return draw


def drift(share: float) -> Draw:
    """A slow rise from the first run to the last."""
    return lambda random, count: noise(random, count) + np.linspace(0, math.log1p(share), count)


def truth(peer: Path) -> Iterator[Figure]:
    """Rates over series of each kind; the same series for both, fewer of them for the peer."""
    for name, draw, goal in (
        ("constant", noise, 0.01),
        ("constant but for one bad run", step(0.0, bad=True), 0.01),
        ("constant, each run with 0.3 of the one before it", remembering(0.3), 0.1),
    ):
        rates = {}
        for count in (6, 30, 100, 300):
            series = _drawn(draw, count)
            ours = fmean(
                bool(found.steps or any(part.slope for part in found.stretches)) for found in map(_ours, series)
            )
            rates[count] = (ours, fmean(map(bool, _theirs(peer, series[:200]))))
        yield Figure(
            name=f"series told to change that are {name}",
            value=max(ours for ours, _ in rates.values()),
            unit="share",
            goal=goal,
            detail=_said(rates),
        )
    for share in (0.03, 0.05, 0.10):
        yield _finds(peer, f"steps of {100 * share:g} % found within two runs", step(share), 0.95)
    yield _finds(peer, "steps of 5 % found beside a bad run", step(0.05, bad=True), 0.95)
    yield _finds(peer, "steps of 5 % found five sixths of the way", step(0.05, 5 / 6), 0.95, at=5 / 6)
    yield bursts()
    drifts = [_ours(values) for values in _drawn(drift(0.05), 100, 300)]
    theirs = _theirs(peer, _drawn(drift(0.05), 100, 100))
    yield Figure(
        name="drifts of 5 % over 100 runs told as one",
        value=fmean(any(part.slope for part in found.stretches) for found in drifts),
        unit="share",
        goal=0.8,
        at_least=True,
        detail=f"with a step beside it {fmean(bool(found.steps) for found in drifts):.3g}; "
        f"Otava tells {fmean(map(len, theirs)):.1f} changes each",
    )


def bursts() -> Figure:
    """Steps that are taken back, by how many runs they last."""
    found = {
        runs: fmean(len(_ours(values).steps) == 2 for values in _drawn(burst(0.05, runs), 100, 300))
        for runs in (3, 5, 7, 10)
    }
    return Figure(
        name="steps of 5 % taken back after 10 of 100 runs, both told",
        value=found[10],
        unit="share",
        goal=0.95,
        at_least=True,
        detail=", ".join(f"{share:.3g} after {runs}" for runs, share in found.items()),
    )


def _finds(peer: Path, name: str, draw: Draw, goal: float, at: float = 0.5) -> Figure:
    """The share of 30 runs; 100 and 300 in the detail, with how far off the place was."""
    rates, off = {}, []
    for count in (30, 100, 300):
        place, series = round(count * at), _drawn(draw, count, 300)
        nearest = [min((abs(cut.at - place) for cut in _ours(values).steps), default=None) for values in series]
        known = [distance for distance in nearest if distance is not None]
        off.append(f"{fmean(known):.2f}" if known else "-")
        theirs = [min((abs(index - place) for index in found), default=99) for found in _theirs(peer, series[:100])]
        rates[count] = (
            fmean(distance is not None and distance <= 2 for distance in nearest),
            fmean(distance <= 2 for distance in theirs),
        )
    return Figure(
        name=f"{name}, 30 runs",
        value=rates[30][0],
        unit="share",
        goal=goal,
        at_least=True,
        detail=f"{_said(rates)}; runs off on average {', '.join(off)}",
    )


def _said(rates: dict[int, tuple[float, float]]) -> str:
    ours = ", ".join(f"{one:.3g} of {count} runs" for count, (one, _) in rates.items())
    theirs = ", ".join(f"{other:.3g}" for _, other in rates.values())
    return f"{100 * NOISE:g} % noise: {ours}; Otava {theirs}"


def _drawn(draw: Draw, count: int, series: int = 1000) -> list[Floats]:
    random = np.random.default_rng(count)
    return [draw(random, count) for _ in range(series)]


def _ours(values: Floats) -> Found:
    return found_in(values, 1 - CONFIDENCE)


def _theirs(peer: Path, series: Sequence[Floats]) -> list[list[int]]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        input=json.dumps([np.exp(values).tolist() for values in series]),
        env={**os.environ, "PYTHONPATH": str(peer)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CommandFailed(f"Otava ended with {done.returncode}: {done.stderr[-2000:]}")
    found: list[list[int]] = json.loads(done.stdout)["found"]
    return found


def install() -> Path:
    """The peer in a folder of its own, without what it needs to read databases; with our NumPy and SciPy.

    Raises:
        CommandFailed: It cannot be installed.
    """
    if not (PEER_FOLDER / "otava").exists():
        run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(PEER_FOLDER), PEER])
    return PEER_FOLDER


def write_example(root: Path) -> None:
    """The store that docs/history.md shows: 60 sessions of three cases on a made-up board, by the product's own writer.

    One case stays as it is, one has a step of 5 % at session 21, another of -7 % with a new driver at session 43 and a bad
    session 34, one becomes 7 % dearer little by little.
    """
    random, store = np.random.default_rng(5), Store(root, "Linux-CPython-3.11-64bit-Made-up")
    for number in range(60):
        when = (datetime(2026, 9, 1, 3, tzinfo=UTC) + timedelta(days=number)).isoformat()
        commit = hashlib.sha1(str(number).encode(), usedforsecurity=False).hexdigest()
        head = {"id": commit, "branch": "main", "dirty": False}
        writer = store.begin(commit[:8], Head(machine_info={}, commit_info=head, datetime=when, version="5.2.0"))
        board = {**HERE.boards[0], "driver": "580.95.05" if number < 42 else "590.44.01"}
        place = structs.replace(HERE, boards=(board,))
        steps = (1.05 if number >= 20 else 1.0) * (0.93 if number >= 42 else 1.0) * (1.12 if number == 33 else 1.0)
        levels = {"b1-greedy": 0.21, "b8-greedy": 0.0412 * steps, "b32-greedy": 0.0151 * math.exp(0.07 * number / 60)}
        for (case, level), like in zip(levels.items(), _run(3).results, strict=True):
            day = level * math.exp(random.normal(0, 0.008))
            trials = tuple(
                structs.replace(
                    trial,
                    reading=structs.replace(
                        trial.reading, energy_j={"gpu:0": 64 * day * math.exp(random.normal(0, 0.005))}
                    ),
                )
                for trial in like.trials
            )
            name = f"benchmarks/test_frameworks.py::test_frameworks[{case}]"
            result = structs.replace(
                like, fullname=name, case=case, trials=trials, started_at=when, environment=place.key
            )
            writer.append(result, place, None)
        writer.close()


if __name__ == "__main__":
    write_example(Path(sys.argv[1]))
