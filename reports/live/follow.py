"""Find the sessions of this user that run, and read on in what they tell."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil

from energy_fixtures.live import SUFFIX, Began, Event, runtime_folders
from reports.live.state import Picture

MOST_BYTES = 4_000_000
"""Read at once; what is longer comes with the next look."""

LONGEST_LINE = 1_000_000
"""A line of ours has a few hundred bytes; a longer one is not ours and is passed over."""

_EVENT = msgspec.json.Decoder(Event)


class Follower:
    """One session's picture, brought up to date by `look`.

    Args:
        path: Its file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.picture: Picture | None = None
        self._offset = 0

    def look(self) -> bool:
        """Read what came since the last look; whether something did."""
        changed = False
        for event in self._new():
            changed = True
            if self.picture is None:
                self.picture = Picture(event) if isinstance(event, Began) else None
            else:
                self.picture.add(event)
        picture = self.picture
        if picture is not None and not picture.over and not _alive(picture.began):
            picture.lost = changed = True
        return changed

    def _new(self) -> Iterator[Event]:
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                text = file.read(MOST_BYTES)
        except OSError:  # it was removed: what is known stays
            return
        whole, newline, _ = text.rpartition(b"\n")
        if not newline:
            if len(text) > LONGEST_LINE:
                self._offset += len(text)
            return
        self._offset += len(whole) + 1
        for line in whole.split(b"\n"):
            with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):  # of another version, or not ours
                yield _EVENT.decode(line)


class Watcher:
    """Follows the newest session, and goes on to the next one when a newer one runs.

    Args:
        pid: The one session that is meant; None for the newest.
    """

    def __init__(self, pid: int | None) -> None:
        self._pid = pid
        self._follower: Follower | None = None
        self.number = 0  # of sessions seen so far
        self.picture: Picture | None = None

    def look(self) -> None:
        """Bring the picture up to date."""
        follower = self._follower
        found = newest(self._pid) if follower is None else None
        if follower is not None:
            follower.look()
            over = follower.picture is not None and follower.picture.over
            found = newer(follower) if over and self._pid is None else None
        if found is not None:
            self._follower, self.number = found, self.number + 1
        self.picture = None if self._follower is None else self._follower.picture


def newest(pid: int | None = None) -> Follower | None:
    """The session that began last, one that runs before one that is over; of this process where a `pid` is named."""
    followers = [Follower(path) for path in _files()]
    for follower in followers:
        follower.look()
    known = [
        (not follower.picture.over, follower.picture.began.at, follower)
        for follower in followers
        if follower.picture is not None and pid in (None, follower.picture.began.pid)
    ]
    return max(known, key=lambda one: one[:2])[2] if known else None


def newer(than: Follower) -> Follower | None:
    """A session that began after this one and runs; looks at names first, which tell when each began."""
    if not any(_began_ms(path) > _began_ms(than.path) for path in _files()):
        return None
    found = newest()
    running = found is not None and found.picture is not None and not found.picture.over
    return found if running and found is not None and _began_ms(found.path) > _began_ms(than.path) else None


def _files() -> list[Path]:
    """Of every folder in which a session of this user may tell: one that was begun by cron has no XDG_RUNTIME_DIR."""
    found: list[Path] = []
    for folder in runtime_folders():
        with contextlib.suppress(OSError):  # no session has run yet
            if folder.lstat().st_uid == os.getuid():  # anybody can make one of any name in a shared temporary folder
                found += folder.glob(f"*{SUFFIX}")
    return sorted(found, key=_began_ms)


def _began_ms(path: Path) -> int:
    _, _, began = path.stem.partition("-")
    return int(began) if began.isdecimal() else 0


def _alive(began: Began) -> bool:
    """Whether its process is still there, and is not a later one with the same number."""
    try:
        process = psutil.Process(began.pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= began.at + 1
    except psutil.Error:
        return False
