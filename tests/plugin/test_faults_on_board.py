"""What a user sees, and what is stored, when a board misbehaves while it is measured: real Zeus, a simulated board."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.simulated_board.board import board_environ

PLUGINS = ("-p", "energy_fixtures.plugin", "-p", "reports.plugin", "-p", "no:cacheprovider")
QUICK = (
    "--energy-meter=zeus",
    "--energy-domains=gpu",
    "--energy-min-rounds=3",
    "--energy-min-window=0.25",
    "--energy-max-error=30%",
    "--energy-max-warmup=0.3",
    "--energy-idle=0.2",
)
CASES = """
import pathlib
import time

import pytest

class Fault:
    '''Work of 50 ms, six to a window; during seven calls, so at a window's end, the board has another setting.'''

    def __init__(self, setting, value, first, last):
        self.file, self.value, self.first, self.last = pathlib.Path(setting), value, first, last
        self.usual = self.file.read_text() if self.file.exists() else None
        self.calls = 0

    def __call__(self):
        self.calls += 1
        if self.calls == self.first:
            self.file.write_text(self.value() if callable(self.value) else self.value)
        time.sleep(0.05)
        if self.calls == self.last:
            self.mend()

    def mend(self):
        if self.usual is None:
            self.file.unlink(missing_ok=True)
        else:
            self.file.write_text(self.usual)

def now():
    return repr(time.monotonic())

def test_calm(energy):
    energy(time.sleep, 0.05)

@pytest.mark.parametrize("setting, value, first, last", [
    pytest.param("reasons", "8", 18, 24, id="throttle"),
    pytest.param("limit_w", "400", 18, None, id="limit"),
    pytest.param("processes", "1:512", 18, 24, id="process"),
    pytest.param("stuck_at_s", now, 1, None, id="stuck"),
    pytest.param("denied_at_s", now, 1, None, id="denied"),
    pytest.param("lost_at_s", now, 1, None, id="lost"),
])
def test_fault(energy, setting, value, first, last):
    fault = Fault(setting, value, first, last)
    try:
        energy(fault)
    finally:
        fault.mend()
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """One session on one board, a fault per case; what it printed, and its stored results by case."""
    folder = tmp_path_factory.mktemp("faults")
    (folder / "test_cases.py").write_text(CASES)
    for name, text in (("reasons", "0"), ("limit_w", "700"), ("processes", "")):
        (folder / name).write_text(text)
    settings = {
        name: f"file:{folder / name}"
        for name in ("reasons", "limit_w", "processes", "stuck_at_s", "denied_at_s", "lost_at_s")
    }
    command = [sys.executable, "-m", "pytest", *PLUGINS, f"--rootdir={folder}", *QUICK, "--energy-json=out.json"]
    environ = board_environ(watts=400, tick_ms=20, **settings)
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=120)
    results = json.loads((folder / "out.json").read_text())["energy"]["results"]
    return done, {result["case"]: result for result in results}


def reasons(result):
    return [trial.get("invalid_reasons", []) for trial in result["trials"]]


def test_the_session_goes_on_past_every_fault(session):
    """Each case ends for itself, passed or failed, and nothing in the log is an internal error."""
    done, results = session

    assert done.returncode == 1, done.stdout + done.stderr
    assert "4 passed" in done.stdout and "3 failed" in done.stdout, done.stdout
    assert "INTERNALERROR" not in done.stdout and "Traceback" not in done.stdout
    assert reasons(results["test_calm"]) == [[]] * 3


@pytest.mark.parametrize(
    ("case", "code"),
    [("throttle", "throttled"), ("limit", "power_limit_changed"), ("process", "foreign_process")],
)
def test_passing_fault_costs_the_windows_it_fell_into(session, case, code):
    """A fault of a fraction of a second makes the windows around it invalid; they are kept, and others replace them."""
    _, results = session
    seen = reasons(results[case])

    assert seen.count([]) == 3 or len(seen) == 3 + 2  # all the spare ones were needed
    assert [code] in seen
    assert all(one in ([], [code]) for one in seen)


@pytest.mark.parametrize(
    ("case", "codes"),
    [
        ("stuck", {"counter_stuck"}),
        ("denied", {"counter_unreadable"}),
        ("lost", {"counter_unreadable"}),
    ],
)
def test_lasting_fault_fails_the_case_with_its_remedy(session, case, codes):
    """A counter that no longer tells anything ends its case early, with the reason and what to do, and no number."""
    done, results = session

    assert len(results[case]["trials"]) == 3
    for seen in reasons(results[case]):
        assert codes <= set(seen), seen
    for code in codes:
        assert f"{case}: 0 valid of 3 trials: " in done.stdout
        assert f"({code});" in done.stdout
