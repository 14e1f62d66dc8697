"""What a session tells whoever looks on, and that telling never costs it its work."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from energy_fixtures.live import KEPT_S, Began, Ended, Event, LiveFeed, Measured, Stepped, own_folder, runtime_folder
from energy_fixtures.meters.base import State
from tests.conftest import make_result


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def begun(state: State | None = None) -> LiveFeed:
    feed = LiveFeed(lambda since_s: state)
    feed.begin(meter="zeus", method="counter", domains=("gpu:0",), cases=3)
    return feed


def told() -> list[Event]:
    (file,) = runtime_folder().glob("*.jsonl")
    return [msgspec.json.decode(line, type=Event) for line in file.read_bytes().splitlines()]


def test_every_event_is_a_line_at_once():
    """A session's beginning, step, result and end are each in the file before the next thing happens."""
    feed = begun(State(power_w=300.0, temperature_c=50.0))
    assert [type(event) for event in told()] == [Began]
    feed.step("warming up", seconds_left=None)
    feed.measured(make_result(joules=(8.0, 8.0)))
    feed.end(("x.json",))

    began, step, result, ended = told()
    assert isinstance(began, Began) and (began.pid, began.cases, began.method) == (os.getpid(), 3, "counter")
    assert isinstance(step, Stepped) and (step.step, step.power_w, step.temperature_c) == ("warming up", 300.0, 50.0)
    assert isinstance(result, Measured) and (result.value, result.unit) == (1.0, "J/token")
    assert isinstance(ended, Ended) and ended.saved == ("x.json",)


def test_waiting_is_told_once_a_second(monkeypatch: pytest.MonkeyPatch):
    """A hundred looks of the engine host within a second are one line; the next second has its own."""
    now_s = [100.0]
    monkeypatch.setattr("energy_fixtures.live.time.monotonic", lambda: now_s[0])
    feed = begun()
    feed.step("round 1", seconds_left=5.0)
    for _ in range(100):
        now_s[0] += 0.009
        feed.wait(1.0)
    assert len(told()) == 2
    now_s[0] += 0.2
    feed.wait(1.1)
    assert len(told()) == 3


def test_only_this_user_can_read_it():
    """Folder and file are the user's alone."""
    begun()
    (file,) = runtime_folder().glob("*.jsonl")
    assert runtime_folder().stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_others_may_write_is_not_used():
    """In a shared temporary folder anybody can make one of our name: nothing is told there, and the session goes on."""
    runtime_folder().mkdir(mode=0o777)
    runtime_folder().chmod(0o777)
    feed = begun()
    feed.step("round 1", seconds_left=None)
    feed.end(())
    assert list(runtime_folder().iterdir()) == []
    with pytest.raises(PermissionError, match="not a folder of this user's alone"):
        own_folder()


def test_a_link_in_its_place_is_not_followed(tmp_path: Path):
    """A link of our folder's name leads to somebody else's folder."""
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    runtime_folder().symlink_to(tmp_path / "elsewhere")
    begun()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_that_cannot_be_written_is_given_up(monkeypatch: pytest.MonkeyPatch):
    """A full disk ends the telling and nothing else."""
    feed = begun()

    def full(file: int, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("energy_fixtures.live.os.write", full)
    feed.step("round 1", seconds_left=None)
    feed.step("round 2", seconds_left=None)
    feed.end(())
    assert len(told()) == 1


def test_files_of_yesterday_are_removed():
    """A session that begins takes away what ended a day ago, and leaves what is younger."""
    folder = own_folder()
    for name, age_s in (("1-1.jsonl", KEPT_S + 60), ("2-2.jsonl", KEPT_S - 60)):
        (folder / name).write_text("")
        at = (folder / name).stat().st_mtime - age_s
        os.utime(folder / name, (at, at))
    begun()
    assert {path.name for path in folder.iterdir()} > {"2-2.jsonl"}
    assert not (folder / "1-1.jsonl").exists()
