"""A real session tells what it does."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from energy_fixtures.live import Began, Concluded, Ended, Event, Judged, Measured, Stepped, Windowed


def test_a_session_tells_every_step_and_verdict(
    pytester: pytest.Pytester, run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Steps, windows, results, verdicts and the end come in order, for tests that measure and for no other."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    pytester.makepyfile(
        test_it="""
        import time, pytest

        def test_work(energy):
            energy(time.sleep, 0.02)

        def test_not_here(energy):
            pytest.skip("no reason")

        def test_other():
            pass
        """
    )
    quick = ("--energy-meter=simulated", "--energy-min-rounds=2", "--energy-min-window=0.02", "--energy-storage=kept")
    run(*quick, "--energy-save=first").assert_outcomes(passed=2, skipped=1)
    run(*quick, "--energy-compare", "--energy-compare-fail=joules_per_iteration:mean:500%")

    sessions = [
        [msgspec.json.decode(line, type=Event) for line in file.read_bytes().splitlines()]
        for file in sorted(tmp_path.glob("*/*.jsonl"), key=lambda file: file.stat().st_mtime_ns)
    ]
    first, second = sessions
    began, ended = first[0], first[-1]
    assert isinstance(began, Began) and began.cases == 2 and began.method == "simulated"
    assert isinstance(ended, Ended) and len(ended.saved) == 1
    assert {type(event) for event in first} == {Began, Stepped, Windowed, Measured, Concluded, Ended}
    outcomes = [(event.fullname, event.outcome, event.why) for event in first if isinstance(event, Concluded)]
    assert outcomes == [
        ("test_it.py::test_work", "passed", ""),
        ("test_it.py::test_not_here", "skipped", "no reason"),
    ]
    assert sum(isinstance(event, Windowed) for event in first) == 2
    (verdict,) = [event for event in second if isinstance(event, Judged)]
    assert verdict.fullname == "test_it.py::test_work" and verdict.verdict in ("UNCHANGED", "INCONCLUSIVE")
