"""A running session is found, followed and told from one that is gone."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import msgspec
import psutil

from energy_fixtures.live import Began, Ended, LiveFeed, own_folder
from reports.live.follow import Follower, Watcher, newest


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
    now = found.picture.now()
    assert (now.joules, now.windows, now.power_w, now.power_of) == (600.0, 2, None, "last window")
    assert (now.done, now.failed, now.left, now.seconds_left) == (1, 1, 2, 42.0)
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
    assert follower.picture is not None and follower.picture.now().skipped == 1


def test_lines_of_others_are_passed_over():
    """A line that is no event, of another version or not even text, hides none of the others."""
    write("1-5.jsonl", began(os.getpid(), time.time()), b'{"event":"new"}', b"\xff\xfe", b"[" * 5000, b"")
    write("1-5.jsonl", msgspec.json.encode(Ended(at=9.0, saved=("\x1b[31m.json",))))
    found = newest()
    assert found is not None and found.picture is not None
    assert found.picture.now().state == "ended"


def test_a_killed_session_is_lost():
    """A session whose process is gone without an end is cut off, and so is one whose number another process has now."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    write("1-1.jsonl", began(child.pid, time.time()))
    follower = newest()
    assert follower is not None and follower.picture is not None
    assert follower.picture.now().state == "running"
    child.kill()
    child.wait()
    assert follower.look()
    assert follower.picture.now().state == "lost"

    write("2-2.jsonl", began(os.getpid(), psutil.Process().create_time() - 100))
    other = newest(os.getpid())
    assert other is not None and other.picture is not None
    assert other.picture.now().state == "lost"


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


def test_nothing_runs():
    """Without any session, and in a folder of somebody else, there is nothing to see."""
    assert newest() is None
    assert newest(1) is None
    assert Follower(own_folder() / "0-0.jsonl").look() is False
