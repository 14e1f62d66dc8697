"""A running session is found, followed and told from one that is gone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import psutil
import pytest

from energy_fixtures.live import Began, Concluded, Ended, LiveFeed, Stepped, own_folder
from reports.live.follow import Follower, Watcher, newest
from reports.live.state import Picture


def write(name: str, *lines: bytes) -> None:
    with (own_folder() / name).open("ab") as file:
        file.write(b"".join(line + b"\n" for line in lines))


def began(pid: int, at: float) -> bytes:
    return msgspec.json.encode(
        Began(at=at, pid=pid, folder="x", meter="zeus", method="counter", domains=("gpu:0",), cases=1)
    )


def test_the_picture_is_what_was_told(feed: LiveFeed):
    """Joules, tests, verdicts and the rest of the time come out as the session told them."""
    found = newest()
    assert found is not None and found.picture is not None
    now = found.picture.now(time.time())
    assert (now.joules, now.windows, now.power_w, now.power_of) == (600.0, 2, None, "last window")
    assert (now.done, now.failed, now.left) == (1, 1, 2)
    assert now.seconds_left == pytest.approx(42, abs=5)
    assert now.verdicts == {"REGRESSED": 1}
    (row,) = found.picture.rows.values()
    assert (row.value, row.unit, row.verdict, row.outcome) == (2.0, "J/token", "REGRESSED", "failed")


def test_only_what_is_new_is_read(feed: LiveFeed):
    """A second look without news says so; half a line is left until it is whole."""
    follower = newest()
    assert follower is not None and not follower.look()
    with follower.path.open("ab") as file:
        file.write(b'{"event":"concluded","at":1,"fullname":"a::b","case":"b",')
        file.flush()
        assert not follower.look()
        file.write(b'"outcome":"skipped"}\n')
    assert follower.look()
    assert follower.picture is not None and follower.picture.now(time.time()).skipped == 1


def test_lines_of_others_are_passed_over():
    """A line that is no event, of another version or not even text, hides none of the others."""
    write("1-5.jsonl", began(os.getpid(), time.time()), b'{"event":"new"}', b"\xff\xfe", b"[" * 5000, b"")
    write("1-5.jsonl", msgspec.json.encode(Ended(at=9.0, saved=("\x1b[31m.json",))))
    found = newest()
    assert found is not None and found.picture is not None
    assert found.picture.now(time.time()).state == "ended"


def test_a_killed_session_is_lost():
    """A session whose process is gone without an end is cut off, and so is one whose number another process has now."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    write("1-1.jsonl", began(child.pid, time.time()))
    follower = newest()
    assert follower is not None and follower.picture is not None
    assert follower.picture.now(time.time()).state == "running"
    child.kill()
    child.wait()
    assert follower.look()
    assert follower.picture.now(time.time()).state == "lost"

    write("2-2.jsonl", began(os.getpid(), psutil.Process().create_time() - 100))
    other = newest(os.getpid())
    assert other is not None and other.picture is not None
    assert other.picture.now(time.time()).state == "lost"


def test_a_running_session_comes_before_a_newer_one_that_is_over():
    """What goes on is what is looked at."""
    write("1-1000.jsonl", began(os.getpid(), time.time()))
    write("2-2000.jsonl", began(1, time.time() + 50), msgspec.json.encode(Ended(at=1.0)))
    found = newest()
    assert found is not None and found.path.name == "1-1000.jsonl"


def test_the_watcher_goes_on_to_the_next_session():
    """When the run is over and a newer one begins, that one is watched; an older one that runs is not gone back to."""
    write("1-1000.jsonl", began(os.getpid(), time.time()))
    watcher = Watcher(None)
    watcher.look()
    assert watcher.number == 1
    write("1-1000.jsonl", msgspec.json.encode(Ended(at=9.0)))
    write("1-500.jsonl", began(os.getpid(), time.time()))
    watcher.look()
    assert watcher.number == 1 and watcher.picture is not None and watcher.picture.over
    write("1-3000.jsonl", began(os.getpid(), time.time()))
    watcher.look()
    assert watcher.number == 2 and watcher.picture is not None and not watcher.picture.over


def test_time_passes_while_nothing_is_told(feed: LiveFeed):
    """A step grows and the rest shrinks between two lines; a run that is over stands still."""
    found = newest()
    assert found is not None and found.picture is not None
    now, later = (found.picture.now(found.picture.began.at + seconds) for seconds in (5.0, 25.0))
    assert later.elapsed_s - now.elapsed_s == pytest.approx(20)
    assert now.seconds_left is not None and later.seconds_left is not None
    assert now.seconds_left - later.seconds_left == pytest.approx(20)
    feed.end(())
    found.look()
    over = [found.picture.now(found.picture.began.at + seconds) for seconds in (5.0, 25.0)]
    assert over[0] == over[1] and over[0].left == 2


def test_the_rest_of_plain_functions_goes_by_the_mean():
    """Where the session cannot tell the rest, three tests are left of four and the first took ten seconds."""
    picture = Picture(Began(at=100.0, pid=1, folder="x", meter="m", method="counter", domains=(), cases=4))
    picture.add(Stepped(at=100.0, step="test_a: round 1", elapsed_s=0.0))
    assert picture.now(101.0).seconds_left is None
    picture.add(Concluded(at=110.0, fullname="a::b", case="b", outcome="passed"))
    picture.add(Stepped(at=110.0, step="test_c: round 1", elapsed_s=0.0))
    assert picture.now(114.0).seconds_left == pytest.approx(26)


def test_a_run_begun_without_a_runtime_folder_is_found(monkeypatch: pytest.MonkeyPatch, runtime: Path):
    """A run of cron tells in the temporary folder; a login that has a folder of its own finds it all the same."""
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    feed = LiveFeed(lambda since_s: None)
    feed.begin(meter="zeus", method="counter", domains=("gpu:0",), cases=3)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    assert newest() is not None
    feed.end(())


def test_nothing_runs():
    """Without any session, and in a folder of somebody else, there is nothing to see."""
    assert newest() is None
    assert newest(1) is None
    assert Follower(own_folder() / "0-0.jsonl").look() is False
