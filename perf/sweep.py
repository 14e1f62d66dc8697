"""What a sweep adds to the engines' own time: per group on a real slot, and idle slots on a simulated cluster."""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from perf.figure import ROOT, Figure, pytest_command, run
from reports.sweep.journal import journal_of, lines_of
from reports.sweep.order import Order
from reports.sweep.schedule import Node, Schedule, Work
from reports.sweep.simulate import Simulated, simulate
from reports.sweep.worker import Worker, clock_name

GROUPS = 5
CASES, NODES, SEED = 10_000, 100, 20260101
LOAD_S = (30.0, 180.0)  # uniform: from a small model on a warm page cache to 70 B from a disk
CASE_LOG_S, CASE_SIGMA = 3.2, 0.5  # lognormal, median 25 s: five windows, warm-up and cool-down
GROUP_CASES = (4, 60)

PROJECT = {
    "conftest.py": 'pytest_plugins = ["energy_fixtures.plugin", "reports.plugin"]\n',
    "test_work.py": "import time\n\ndef test_work(energy):\n    energy.pedantic(time.sleep, args=(0.2,), rounds=3)\n",
}
OPTIONS = ("--energy-meter=simulated:cpu:0=50", "-p", "no:cacheprovider")


def figures() -> Iterator[Figure]:
    """Overhead per group beside plain pytest, then how busy slots are."""
    yield _overhead()
    yield _busy()


def _overhead() -> Figure:
    """From an order to the end of its process, less what its cases took, in one warm slot as a Ray actor holds it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in PROJECT.items():
            (folder / file).write_text(text)
        began_s = time.monotonic()
        run(pytest_command(*OPTIONS), cwd=folder, environ={"PYTHONPATH": str(ROOT)})
        plain_s = time.monotonic() - began_s
        worker = Worker(folder, folder / "node" / "sweep", os.environ)
        try:
            worker.warm_up()
            taken = [_one(worker, number) for number in range(1, GROUPS + 2)][1:]  # the first waits for the imports
        finally:
            worker.close()
    own_s = sorted(whole_s - cases_s for whole_s, cases_s in taken)
    cases_s = taken[0][1]
    return Figure(
        name="overhead per group of a sweep",
        value=own_s[len(own_s) // 2],
        unit="s",
        goal=2.0,
        detail=f"median of {GROUPS}, {own_s[0]:.2f} to {own_s[-1]:.2f} s, beside cases of {cases_s:.2f} s; "
        f"plain pytest adds {plain_s - cases_s:.2f} s to the same",
    )


def _one(worker: Worker, number: int) -> tuple[float, float]:
    """Seconds of one order, and of its cases alone."""
    order = Order(
        sweep="perf",
        group=number,
        token="t",
        nodeids=("test_work.py::test_work",),
        boards=0,
        devices=None,
        node="here",
        clock=clock_name(),
        folder=str(worker.scratch),
    )
    began_s, lines = time.monotonic(), b""
    worker.begin(order, OPTIONS)
    while True:
        step = worker.step(10.0)
        lines += step.lines
        if step.ended:
            break
    whole_s = time.monotonic() - began_s
    return whole_s, sum(case.ended_s - case.began_s for case in journal_of(lines_of(lines)).finished)


def _busy() -> Figure:
    known, unknown = _simulated(known=True), _simulated(known=False)
    return Figure(
        name=f"slots busy, {CASES} cases on {NODES} simulated nodes",
        value=100 * known.busy,
        unit="%",
        goal=95.0,
        at_least=True,
        detail=f"{known.took_s / 3600:.2f} h, {known.loads} engine loads, times as in an earlier sweep; "
        f"{100 * unknown.busy:.1f} % and {unknown.took_s / 3600:.2f} h where no time is known beforehand",
    )


def _simulated(*, known: bool) -> Simulated:
    """One board a node; loads and cases as above, and groups that differ in how long their cases last."""
    draw = random.Random(SEED)
    works: list[Work] = []
    load_s: dict[int, float] = {}
    case_s: dict[str, float] = {}
    while len(case_s) < CASES:
        group = len(works) + 1
        load_s[group], mean_s = draw.uniform(*LOAD_S), draw.lognormvariate(CASE_LOG_S, CASE_SIGMA)
        count = min(draw.randint(*GROUP_CASES), CASES - len(case_s))
        nodeids = tuple(f"t.py::t{group}[{index}]" for index in range(count))
        case_s |= {nodeid: mean_s * draw.uniform(0.8, 1.25) for nodeid in nodeids}
        times = {nodeid: case_s[nodeid] if known else None for nodeid in nodeids}
        works.append(Work(group=group, boards=1, nodeids=nodeids, cases_s=times))
    nodes = [Node(key=str(index), boards=1) for index in range(NODES)]
    return simulate(Schedule(nodes, works, 0), lambda one: load_s[one.work.group], case_s.__getitem__)
