"""What a running session tells whoever looks on: one line of JSON per event, in a file of this user's alone.

    <runtime folder>/pytest-joules-<uid>/<pid>-<began>.jsonl

`joules live` reads it. The session never waits for a reader, opens no port and sends nothing: it appends a line when a
step begins, a window ends, a case is measured, judged or over, and about once a second while it waits for an engine anyway.
A file that cannot be written is given up; the measuring goes on.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import msgspec

from energy_fixtures.meters.base import State
from energy_fixtures.metrics import headline
from energy_fixtures.record import Record
from energy_fixtures.records import Result

SUFFIX = ".jsonl"
TICK_S = 1.0
"""Between two events of one step; a person's eye needs no more."""
KEPT_S = 24 * 3600.0
"""Files of sessions that ended longer ago are removed when the next one begins."""


class Began(Record, frozen=True, kw_only=True, tag_field="event", tag="began"):
    """The first line.

    Attributes:
        at: Seconds since 1970, as every `at` here.
        pid: Of the pytest process; the session is over when it is gone.
        folder: Where pytest was started, by its last name alone.
        meter, method: As the header says. domains: What is metered.
        cases: How many tests measure.
    """

    at: float
    pid: int
    folder: str
    meter: str
    method: str
    domains: tuple[str, ...]
    cases: int


class Stepped(Record, frozen=True, kw_only=True, tag_field="event", tag="step"):
    """What is being done now.

    Attributes:
        step: In words, as the terminal's live line.
        elapsed_s: Since the step began.
        seconds_left: Until the end; None while nothing comparable was seen.
        power_w: Of the metered boards over the last second, summed; None where no board tells.
        temperature_c: Of the hottest of them.
    """

    at: float
    step: str
    elapsed_s: float
    seconds_left: float | None = None
    power_w: float | None = None
    temperature_c: float | None = None


class Windowed(Record, frozen=True, kw_only=True, tag_field="event", tag="window"):
    """A metered window ended.

    Attributes:
        joules: Of the case's domains; None where no reading came.
        duration_s: Of the window.
    """

    at: float
    joules: float | None
    duration_s: float


class Measured(Record, frozen=True, kw_only=True, tag_field="event", tag="measured"):
    """A Result is there; a test may have several.

    Attributes:
        fullname, case, question: The result's names.
        value, unit, method: The headline metric's mean, None without a valid window.
    """

    at: float
    fullname: str
    case: str
    question: str
    value: float | None
    unit: str
    method: str


class Judged(Record, frozen=True, kw_only=True, tag_field="event", tag="judged"):
    """The gate's verdict on a finished result, with its sentence."""

    at: float
    fullname: str
    verdict: str
    sentence: str


class Concluded(Record, frozen=True, kw_only=True, tag_field="event", tag="concluded"):
    """A test that measures has ended.

    Attributes:
        fullname, case: The test's names.
        outcome: passed, failed or skipped. why: First line of the reason where it did not pass.
    """

    at: float
    fullname: str
    case: str
    outcome: str
    why: str = ""


class Ended(Record, frozen=True, kw_only=True, tag_field="event", tag="ended"):
    """The last line of a session that was not killed; where its results are."""

    at: float
    saved: tuple[str, ...] = ()


Event = Began | Stepped | Windowed | Measured | Judged | Concluded | Ended


def runtime_folders() -> list[Path]:
    """This user's folders for running sessions, the one to write to first; not made here.

    `XDG_RUNTIME_DIR` is the user's own by its specification; elsewhere the name carries the user's number.
    """
    base = os.environ.get("XDG_RUNTIME_DIR")
    roots = [*([Path(base)] if base and os.path.isabs(base) else []), Path(tempfile.gettempdir())]
    return [root / f"pytest-joules-{os.getuid()}" for root in dict.fromkeys(roots)]


def runtime_folder() -> Path:
    """Where a session that begins now tells."""
    return runtime_folders()[0]


def own_folder() -> Path:
    """The runtime folder, made if need be.

    Raises:
        OSError: It cannot be made, or is another user's: in a shared temporary folder anybody can make one of any name.
    """
    folder = runtime_folder()
    folder.mkdir(mode=0o700, exist_ok=True)
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid() or seen.st_mode & 0o077:
        raise PermissionError(f"{folder.name} is not a folder of this user's alone")
    return folder


class LiveFeed:
    """Appends events; silent until `begin`, and after the first line that cannot be written.

    Args:
        look: How the metered boards are since a moment of `time.monotonic()`; None where none tells.
    """

    def __init__(self, look: Callable[[float], State | None]) -> None:
        self._look = look
        self._file: int | None = None
        self._step: tuple[str, float | None] | None = None
        self._began_s = 0.0
        self._told_s = 0.0

    def begin(self, *, meter: str, method: str, domains: tuple[str, ...], cases: int) -> None:
        """Open the file of this session."""
        at = time.time()
        with contextlib.suppress(OSError):  # nobody can look on; nothing else is lost
            folder = own_folder()
            _forget_old(folder, at)
            path = folder / f"{os.getpid()}-{int(at * 1000)}{SUFFIX}"
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._tell(
            Began(
                at=at, pid=os.getpid(), folder=Path.cwd().name, meter=meter, method=method, domains=domains, cases=cases
            )
        )

    def step(self, text: str, *, seconds_left: float | None) -> None:
        """A step begins."""
        self._step = (text, seconds_left)
        self._began_s = time.monotonic()
        self._tell_step(0.0)

    def wait(self, elapsed_s: float) -> None:
        """Called while waiting, as often as one likes."""
        if self._step is not None and time.monotonic() - self._told_s >= TICK_S:
            self._tell_step(elapsed_s)

    def window(self, joules: float | None, duration_s: float) -> None:
        """A metered window ended."""
        self._tell(Windowed(at=time.time(), joules=joules, duration_s=duration_s))

    def measured(self, result: Result) -> None:
        """A Result is there."""
        if self._file is None:
            return
        metric = headline(result)
        values = metric.values(result)
        self._tell(
            Measured(
                at=time.time(),
                fullname=result.fullname,
                case=result.case,
                question=result.question,
                value=fmean(values) if values else None,
                unit=metric.unit,
                method=result.method,
            )
        )

    def concluded(self, fullname: str, case: str, outcome: str, why: str) -> None:
        """A test has ended; `why` is the first line of the reason where it did not pass."""
        self._tell(Concluded(at=time.time(), fullname=fullname, case=case, outcome=outcome, why=why))

    def judged(self, fullname: str, verdict: str, sentence: str) -> None:
        """The gate has spoken."""
        self._tell(Judged(at=time.time(), fullname=fullname, verdict=verdict, sentence=sentence))

    def end(self, saved: tuple[str, ...]) -> None:
        """The session is over."""
        self._tell(Ended(at=time.time(), saved=saved))
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _tell_step(self, elapsed_s: float) -> None:
        if self._file is None or self._step is None:
            return
        self._told_s = now_s = time.monotonic()
        state = self._look(now_s - TICK_S)
        text, seconds_left = self._step
        self._tell(
            Stepped(
                at=time.time(),
                step=text,
                elapsed_s=elapsed_s,
                seconds_left=seconds_left,
                power_w=None if state is None else state.power_w,
                temperature_c=None if state is None else state.temperature_c,
            )
        )

    def _tell(self, event: Event) -> None:
        if self._file is None:
            return
        try:
            os.write(self._file, msgspec.json.encode(event) + b"\n")  # one call: a reader sees whole lines
        except OSError:
            os.close(self._file)
            self._file = None


def _forget_old(folder: Path, now: float) -> None:
    for path in folder.glob(f"*{SUFFIX}"):
        with contextlib.suppress(OSError):
            if now - path.stat().st_mtime > KEPT_S:
                path.unlink()
