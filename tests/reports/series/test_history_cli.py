"""`joules history` as it is typed, on stores that the product's own writer wrote."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.records import Environment, Result
from energy_fixtures.storage.location import location_of
from energy_fixtures.storage.outgoing import OutgoingRun
from energy_fixtures.store import Head
from reports.cli import main
from reports.series.command import confidence_of, moment_of

Store = Callable[..., Path]
LEVELS = [0.040, 0.0402, 0.0399, 0.0401, 0.0398, 0.0420, 0.0421, 0.0419, 0.0422, 0.0420]


def test_a_store_becomes_series_with_their_steps(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """Two cases of ten sessions, 5 % dearer from the sixth on: both say so, between the same two commits."""
    assert main(["history", "joules_per_output_token", "--storage", str(store(LEVELS)), "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [(one["case"], one["runs"], len(one["steps"])) for one in answer["histories"]] == [
        ("b1", 10, 1),
        ("b8", 10, 1),
    ]
    step = answer["histories"][1]["steps"][0]
    assert (step["last_before"]["commit"][:8], step["first_after"]["commit"][:8]) == ("00000005", "00000006")
    assert step["size"]["share"] == pytest.approx(0.051, abs=0.003)
    assert step["size"]["better"] is False and step["suspects"] == "code"
    assert answer["histories"][1]["newest"]["rounds"] == 3


def test_a_driver_that_changed_is_read_from_the_runs(
    store: Store, environment: Callable[..., Environment], capsys: pytest.CaptureFixture[str]
) -> None:
    """The index knows keys alone; what differs is said in words."""
    board = {"name": "NVIDIA H200", "uuid": "GPU-1", "power_limit_w": 700.0}
    old, new = (environment(boards=({**board, "driver": driver},)) for driver in ("580", "590"))
    folder = store(LEVELS, [old] * 5 + [new] * 5)
    assert main(["history", "joules_per_output_token", "--storage", str(folder), "--case", "b8"]) == 0
    assert "the environment changed there as well (driver 580 → 590)" in capsys.readouterr().out


def test_runs_are_chosen_and_written_where_asked(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The newest five of one case into a file and a picture; the terminal gets a line."""
    folder, page, picture = store(LEVELS), tmp_path / "page.txt", tmp_path / "history.svg"
    options = ["--case", "b8", "--last", "5", "--since", "2026-09-01", "-o", str(page), "--plot", str(picture)]
    assert main(["history", "joules_per_output_token", "--storage", str(folder), *options]) == 0
    assert capsys.readouterr().out == "joules_per_output_token: 0 steps and 0 drifts in 1 series\n"
    assert "too few runs (< 6)" in page.read_text()
    assert picture.read_text().startswith("<svg")


def test_a_shared_store_has_a_history_as_a_folder_has(
    case: Callable[..., Result],
    environment: Callable[..., Environment],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Ten sessions behind a URL, a new driver at the sixth: the step, and the driver read from the runs there."""
    pytest.importorskip("fsspec", reason="no fsspec here; pip install 'pytest-joules[s3]'")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    url = (tmp_path / "shared").as_uri()
    board = {"name": "NVIDIA H200", "uuid": "GPU-1", "power_limit_w": 700.0}
    for number, level in enumerate(LEVELS):
        when = f"2026-09-{number + 1:02d}T00:00:00+00:00"
        commit = {"id": f"{number + 1:08x}{'0' * 32}", "branch": "main", "dirty": False}
        place = environment(boards=({**board, "driver": "580" if number < 5 else "590"},))
        run = OutgoingRun(
            location_of(url), "box", Head(machine_info={}, commit_info=commit, datetime=when, version="5.2.0")
        )
        run.open()
        made = case("b8", [0.999 * level, 1.001 * level])
        run.keep(msgspec.structs.replace(made, environment=place.key, started_at=when), place, None)
        run.close()
    assert main(["history", "joules_per_output_token", "--storage", url]) == 0
    page = capsys.readouterr().out
    assert "between 00000005 (run 5, 2026-09-05) and 00000006 (run 6, 2026-09-06)" in page
    assert "the environment changed there as well (driver 580 → 590)" in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["joules_per_output_tokens"], "unknown metric 'joules_per_output_tokens'; use one of joules_per_output_token"),
        (["joules_per_output_token", "--case", "b9"], "no case fits --case b9; there are"),
        (["joules_per_output_token", "--since", "lately"], "--since lately is no date"),
        (["joules_per_output_token", "--confidence", "120%"], "--confidence 120%: give a percentage from 50"),
        (["joules_per_output_token", "--plot", "x.pdf"], "--plot x.pdf is no kind of picture"),
        (["joules_per_output_token", "--last", "0"], "should be greater than or equal to 1"),
        (["joules_per_accepted_token"], "has joules_per_accepted_token; it has "),
    ],
)
def test_a_wrong_question_is_refused(
    store: Store, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """Exit status 4 and one sentence that says what there is."""
    assert main(["history", *arguments, "--storage", str(store(LEVELS[:2]))]) == 4
    assert said in capsys.readouterr().err


def test_a_store_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that does not exist is no empty history."""
    assert main(["history", "joules_per_output_token", "--storage", str(tmp_path / "none")]) == 4
    assert "cannot read the folder of saved runs" in capsys.readouterr().err


def test_a_broken_file_is_passed_over_and_told(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """The others still make a history."""
    folder = store(LEVELS)
    (folder / "box" / "0099_x.json").write_text("{")
    assert main(["history", "joules_per_output_token", "--storage", str(folder), "--case", "b8"]) == 0
    told = capsys.readouterr()
    assert "0099_x" in told.err and "1 step" in told.out


def test_dates_are_read_in_several_forms() -> None:
    """A date is UTC's midnight, a zone is kept, 30d counts back from now."""
    now = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
    assert moment_of("30d", now).isoformat() == "2026-10-22T12:00:00+00:00"
    assert moment_of("2026-10-01T08:00+02:00").isoformat() == "2026-10-01T08:00:00+02:00"
    with pytest.raises(ConfigurationError, match="is no date"):
        moment_of("d")
    with pytest.raises(ConfigurationError, match="is no date"):
        moment_of("99999999d")


@pytest.mark.parametrize("text", ["", "half", "49%", "100%", "nan"])
def test_a_confidence_is_a_percentage_that_means_something(text: str) -> None:
    """From 50 to below 100."""
    with pytest.raises(ConfigurationError, match="percentage from 50"):
        confidence_of(text)
