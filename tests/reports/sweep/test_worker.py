"""A slot of this machine: real pytest processes, forked from a warm one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import psutil
import pytest

from reports.sweep.journal import Journal, journal_of, lines_of
from reports.sweep.order import Order
from reports.sweep.warm import _locked
from reports.sweep.worker import Worker, _locks, clock_name, left_over

OPTIONS = ("--energy-meter=simulated:cpu:0=50", "--energy-min-window=0.02", "-p", "no:cacheprovider")
PATIENCE_S = 60.0


@pytest.fixture
def worker(project: Path, tmp_path: Path, environ: Mapping[str, str]) -> Iterator[Worker]:
    """Ends with the test."""
    made = Worker(project, tmp_path / "node" / "sweep", environ)
    yield made
    made.close()


def order(worker: Worker, *nodeids: str, token: str = "t1") -> Order:
    return Order(
        sweep="s",
        group=1,
        token=token,
        nodeids=nodeids,
        boards=0,
        devices=None,
        node="here",
        clock=clock_name(),
        folder=str(worker.scratch),
    )


def test_a_board_has_one_group_whoever_ordered_it(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Groups with other boards run beside each other; one of the same board, of the host, or whose boards nobody named waits
    for it, also where another driver gave the order under another name of the node.
    """
    (tmp_path / "other").mkdir()
    here = msgspec.structs.replace(order(worker, "t.py::t"), boards=1, devices="0")
    theirs = tmp_path / "other" / "sweep"

    def locks(devices: str | None, boards: int = 1) -> list[tuple[str, bool]]:
        return _locks(msgspec.structs.replace(here, boards=boards, devices=devices), theirs)

    monkeypatch.setattr("reports.sweep.warm.BUSY_S", 0.0)
    pid = os.fork()
    if pid == 0:  # locks belong to processes
        ok = _locked(_locks(here, worker.scratch)) and _locked(locks("1"))
        (tmp_path / "ready").write_text(str(ok))
        time.sleep(PATIENCE_S)
        os._exit(0)
    try:
        deadline_s = time.monotonic() + PATIENCE_S
        while (
            not ((tmp_path / "ready").exists() and (tmp_path / "ready").read_text()) and time.monotonic() < deadline_s
        ):
            time.sleep(0.02)
        assert (tmp_path / "ready").read_text() == "True"
        assert _locked(locks("2"))
        for taken in (locks("0"), locks("2,1"), locks(None), locks("", 2), locks(None, 0)):
            assert not _locked(taken)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def follow(worker: Worker, until: int = 10**6) -> tuple[Journal, bool, str | None]:
    """The journal so far, whether it ended, and why not as it should; until so many cases are finished."""
    text, deadline_s = b"", time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        step = worker.step(1.0)
        text += step.lines
        journal = journal_of(lines_of(text))
        if step.ended or len(journal.finished) >= until:
            return journal, step.ended, step.failure
    raise AssertionError("it did not end")


def test_orders_run_one_after_the_other_in_clean_processes(worker: Worker) -> None:
    """Two orders in one warm slot: each case's reports and results, what fails included, and nothing of the first in the second."""
    worker.begin(order(worker, "test_c.py::test_fails", "test_a.py::test_sleep[1]"), OPTIONS)
    first, ended, failure = follow(worker)
    worker.begin(
        order(worker, "test_b.py::test_sleep[0]", token="t2"), [*OPTIONS, "--energy-save=x", "--junitxml=x.xml"]
    )
    second, _, _ = follow(worker)

    assert ended and failure is None
    assert [case.nodeid for case in first.finished] == ["test_c.py::test_fails", "test_a.py::test_sleep[1]"]
    assert [report["outcome"] for report in first.finished[0].reports] == ["passed", "failed", "passed"]
    assert [len(case.results) for case in (*first.finished, *second.finished)] == [1, 1, 1]
    assert first.end is not None and first.end.status == 1
    assert second.end is not None and second.end.status == 0
    assert not (
        worker.scratch.parents[1] / "project" / "x.xml"
    ).exists()  # what concerns the whole is left to the report


def test_cases_can_be_given_away_while_others_run(worker: Worker) -> None:
    """The last cases that have not begun are left to others, and the journal says which; none of them is run."""
    asked = [f"test_a.py::test_sleep[{index}]" for index in (0, 4, 5)]
    worker.begin(order(worker, *(f"test_a.py::test_sleep[{index}]" for index in range(6))), OPTIONS)
    worker.give(asked)
    text, ended = b"", False
    while not ended:
        step = worker.step(PATIENCE_S)
        text, ended = text + step.lines, step.ended
    given = [nodeid for line in lines_of(text) for nodeid in line.given or ()]
    done = [case.nodeid for case in journal_of(lines_of(text)).finished]
    assert given == asked[1:]
    assert done == [f"test_a.py::test_sleep[{index}]" for index in range(4)]


def test_a_pytest_that_dies_is_told_and_its_cases_are_kept(worker: Worker, project: Path) -> None:
    """A test that ends its process: the case before it is finished, the reason names the signal, and the slot serves on."""
    (project / "test_d.py").write_text(
        "import os, signal\ndef test_one(energy): energy(sum, range(9))\n"
        "def test_two(energy): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    worker.begin(order(worker, "test_d.py::test_one", "test_d.py::test_two"), OPTIONS)
    journal, ended, failure = follow(worker)
    assert ended and failure == "pytest was killed by signal 9 on here"
    assert [case.nodeid for case in journal.finished] == ["test_d.py::test_one"]
    assert journal.started == "test_d.py::test_two"
    worker.begin(order(worker, "test_b.py::test_sleep[0]", token="t2"), OPTIONS)
    assert follow(worker)[2] is None
    assert {token for _, token, _ in left_over(worker.scratch, "s")} == {"t1", "t2"}
    assert list(left_over(worker.scratch, "other")) == []


def test_code_that_lacks_the_case_is_a_failure_with_its_name(worker: Worker) -> None:
    """A node whose checkout is another one says which case it does not find."""
    worker.begin(order(worker, "test_a.py::test_sleep[99]"), OPTIONS)
    assert follow(worker)[2] == "its code is another: here does not find test_a.py::test_sleep[99]"


def test_nothing_goes_on_when_the_owner_dies(worker: Worker, project: Path) -> None:
    """When whoever ordered is gone, pytest and the warm process end by themselves, and the machine is free."""
    (project / "test_d.py").write_text(
        "import pathlib, os, time\ndef test_long(energy):\n    pathlib.Path('pid').write_text(str(os.getpid()))\n    time.sleep(60)\n"
    )
    worker.begin(order(worker, "test_d.py::test_long"), OPTIONS)
    deadline_s = time.monotonic() + PATIENCE_S
    while not ((project / "pid").exists() and (project / "pid").read_text()) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    running = psutil.Process(int((project / "pid").read_text()))
    warm = running.ppid()
    worker.close()  # as its pipe ends when the owner is killed
    gone, alive = psutil.wait_procs([running], timeout=PATIENCE_S)
    assert gone and not alive
    assert not psutil.pid_exists(warm) or psutil.Process(warm).status() == psutil.STATUS_ZOMBIE


def test_pytest_does_not_outlive_a_warm_process_that_is_killed(worker: Worker, project: Path) -> None:
    """SIGKILL of the warm process takes pytest with it, so that nobody measures for nobody."""
    (project / "test_d.py").write_text(
        "import pathlib, os, time\ndef test_long(energy):\n    pathlib.Path('pid').write_text(str(os.getpid()))\n    time.sleep(60)\n"
    )
    worker.begin(order(worker, "test_d.py::test_long"), OPTIONS)
    deadline_s = time.monotonic() + PATIENCE_S
    while not ((project / "pid").exists() and (project / "pid").read_text()) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    running = psutil.Process(int((project / "pid").read_text()))
    os.kill(running.ppid(), signal.SIGKILL)
    gone, alive = psutil.wait_procs([running], timeout=PATIENCE_S)
    assert gone and not alive
    assert follow(worker)[1]
