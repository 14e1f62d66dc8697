"""The replay meter: recorded windows, in order, and nothing that was not recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from energy_fixtures.errors import ConfigurationError, MeasurementInvalid, MeterUnavailable
from energy_fixtures.meters.base import RecordedWindows
from energy_fixtures.meters.replay import ReplayMeter
from energy_fixtures.readings import Reading
from energy_fixtures.records import SCHEMA_VERSION, Result, Run, Trial

CASE = "benchmarks/test_x.py::test_x[b8]"


def recorded_run() -> Run:
    """Two windows of one case, on a GPU and a CPU."""
    trials = tuple(
        Trial(
            index=index,
            iterations=index + 3,
            reading=Reading(
                energy_j={"gpu:0": 10.0 + index, "cpu:0": 1.0},
                duration_s=2.0,
                method="counter",
                uncertainty_j={"gpu:0": 0.5},
                doubts=("window_short_for_meter",),
            ),
        )
        for index in range(2)
    )
    result = Result(
        fullname=CASE,
        question="x",
        case="b8",
        scenario=None,
        environment="0",
        scope=("gpu:0",),
        trials=trials,
        started_at="2026-01-01T00:00:00Z",
    )
    return Run(schema_version=SCHEMA_VERSION, environments={}, results=(result,))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that exists; what it holds is up to the given reader."""
    path = tmp_path / "0001_run.json"
    path.touch()
    return path


def test_windows_come_back_in_order(file: Path):
    """Each window gets the next recorded joules and duration, labelled as a replay, recorded doubts kept."""
    meter = ReplayMeter(file, load_run=lambda path: recorded_run())
    readings = [meter.end(meter.begin(CASE, ())) for _ in range(2)]

    assert [reading.energy_j for reading in readings] == [{"gpu:0": 10.0, "cpu:0": 1.0}, {"gpu:0": 11.0, "cpu:0": 1.0}]
    assert {reading.duration_s for reading in readings} == {2.0}
    assert {reading.method for reading in readings} == {"replay"}
    assert readings[0].doubts == ("replayed_not_measured", "window_short_for_meter")
    assert readings[0].uncertainty_j == {"gpu:0": 0.5}


def test_iterations_are_told(file: Path):
    """The runner learns how many iterations each recorded window held."""
    assert ReplayMeter(file, load_run=lambda path: recorded_run()).recorded(CASE) == RecordedWindows(iterations=(3, 4))


def test_only_wanted_domains(file: Path):
    """`--energy-domains` picks among the recorded domains, and an unrecorded one is refused."""
    meter = ReplayMeter(file, load_run=lambda path: recorded_run(), wanted=("gpu",))

    assert meter.info.domains == ("gpu:0",)
    assert meter.end(meter.begin(CASE, ())).energy_j == {"gpu:0": 10.0}
    with pytest.raises(ConfigurationError, match="asks for 'dram', which the replay meter does not have"):
        ReplayMeter(file, load_run=lambda path: recorded_run(), wanted=("dram",))


def test_unrecorded_case_is_named(file: Path):
    """A case that the file lacks is unavailable; the sentence names the file, the case and a case that it holds."""
    meter = ReplayMeter(file, load_run=lambda path: recorded_run())
    other = CASE.replace("b8", "b16")
    for ask in (lambda: meter.begin(other, ()), lambda: meter.recorded(other)):
        with pytest.raises(MeterUnavailable) as caught:
            ask()
        assert "0001_run.json" in str(caught.value)
        assert other in str(caught.value)
        assert CASE in str(caught.value)


def test_more_windows_than_recorded(file: Path):
    """One window more than was recorded is invalid, not a repetition."""
    meter = ReplayMeter(file, load_run=lambda path: recorded_run())
    for _ in range(2):
        meter.end(meter.begin(CASE, ()))
    with pytest.raises(MeasurementInvalid, match=r"holds 2 windows of .* one more was opened"):
        meter.end(meter.begin(CASE, ()))


def test_missing_file_is_refused(tmp_path: Path):
    """A path without a file is a usage error before anything is read."""
    with pytest.raises(ConfigurationError, match="finds no file"):
        ReplayMeter(tmp_path / "none.json", load_run=lambda path: recorded_run())
