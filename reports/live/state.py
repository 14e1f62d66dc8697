"""What is known of a running session: its events, folded into one picture."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from energy_fixtures.live import Began, Concluded, Ended, Event, Judged, Measured, Stepped, Windowed
from energy_fixtures.readings import MEASURED
from energy_fixtures.record import Record

MOST_POINTS = 600
"""Of the power's course: ten minutes at one a second."""


class Row(Record, frozen=True, kw_only=True, omit_defaults=False):
    """One result with the gate's verdict once it has spoken, or a test that has none; `outcome` and `why` as in `Concluded`."""

    fullname: str
    case: str
    question: str
    outcome: str
    why: str
    value: float | None
    unit: str
    method: str
    verdict: str | None = None
    sentence: str = ""


class Now(Record, frozen=True, kw_only=True, omit_defaults=False):
    """Everything but the rows.

    Attributes:
        state: running, ended, or lost: its process is gone and it never said that it ended.
        joules: Sum over the metered windows so far, scope of each case. windows: How many.
        measured: Whether these joules come from a counter of a board or a processor.
        power_w: Newest look at the boards; mean power of the newest window where no board tells, see `power_of`.
        done, failed, skipped: Tests that are over. left: Tests still to come, this one included.
        verdicts: How often each verdict was given.
    """

    pid: int
    folder: str
    meter: str
    method: str
    measured: bool
    state: str
    began_at: float
    seen_at: float
    step: str
    elapsed_s: float
    joules: float
    windows: int
    power_w: float | None
    power_of: str
    temperature_c: float | None
    done: int
    failed: int
    skipped: int
    left: int
    seconds_left: float | None
    verdicts: dict[str, int]
    saved: tuple[str, ...]


@dataclass
class Picture:
    """Grows by `add`. `changes` holds the name of each row that came or changed, in order: a reader keeps its place in it."""

    began: Began
    lost: bool = False
    rows: dict[str, Row] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    power: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=MOST_POINTS))
    joules: float = 0.0
    windows: int = 0
    _tests: dict[str, str] = field(default_factory=dict)  # outcome by name
    _step: Stepped | None = None
    _window: Windowed | None = None
    _ended: Ended | None = None
    _seen_at: float = 0.0
    _concluded_at: float = 0.0

    def add(self, event: Event) -> None:
        """Take in what happened next."""
        self._seen_at = event.at
        if isinstance(event, Stepped):
            self._step = event
            if event.power_w is not None:
                self.power.append((event.at, event.power_w))
        elif isinstance(event, Windowed):
            self.windows += 1
            self.joules += event.joules or 0.0
            self._window = event
            watts = mean_w(event)
            if watts is not None and (self._step is None or self._step.power_w is None):
                self.power.append((event.at, watts))
        elif isinstance(event, Measured):
            self._put(_of_result(event))
        elif isinstance(event, Concluded):
            self._tests[event.fullname] = event.outcome
            self._concluded_at = event.at
            if event.outcome != "passed":
                self._put(_of_test(event, self.rows.get(event.fullname)))
        elif isinstance(event, Judged) and event.fullname in self.rows:
            row = self.rows[event.fullname]
            self._put(_with(row, verdict=event.verdict, sentence=event.sentence))
        elif isinstance(event, Ended):
            self._ended = event

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self._ended is not None or self.lost

    def now(self, at: float) -> Now:
        """The picture without its rows, at a moment in seconds since 1970."""
        left = max(0, self.began.cases - len(self._tests))
        # a plain function tells nothing while it runs, an engine about once a second
        elapsed_s = (
            0.0 if self._step is None else self._step.elapsed_s + (0.0 if self.over else max(0.0, at - self._step.at))
        )
        step, outcomes = self._step, Counter(self._tests.values())
        watts, of = None if step is None else step.power_w, "boards"
        if watts is None and self._window is not None:
            watts, of = mean_w(self._window), "last window"
        return Now(
            pid=self.began.pid,
            folder=self.began.folder,
            meter=self.began.meter,
            method=self.began.method,
            measured=self.began.method in MEASURED,
            state="ended" if self._ended is not None else "lost" if self.lost else "running",
            began_at=self.began.at,
            seen_at=max(self._seen_at, self.began.at),
            step="" if step is None or self.over else step.step,
            elapsed_s=elapsed_s,
            joules=self.joules,
            windows=self.windows,
            power_w=watts,
            power_of=of,
            temperature_c=None if step is None else step.temperature_c,
            done=len(self._tests),
            failed=outcomes["failed"],
            skipped=outcomes["skipped"],
            left=left,
            seconds_left=None if step is None or self.over else self._seconds_left(step, left, at),
            verdicts=dict(Counter(row.verdict for row in self.rows.values() if row.verdict is not None)),
            saved=() if self._ended is None else self._ended.saved,
        )

    def _seconds_left(self, step: Stepped, left: int, at: float) -> float | None:
        """What the session said, less what has passed since; else by the mean of the tests so far; None before the first."""
        if step.seconds_left is not None:
            return max(0.0, step.seconds_left - max(0.0, at - step.at))
        done = len(self._tests)
        return (
            None
            if done == 0
            else max(0.0, (self._concluded_at - self.began.at) / done * left - (at - self._concluded_at))
        )

    def _put(self, row: Row) -> None:
        self.rows[row.fullname] = row
        self.changes.append(row.fullname)


def mean_w(window: Windowed) -> float | None:
    """Mean power of a window, None where it has no joules."""
    return None if window.joules is None or window.duration_s <= 0 else window.joules / window.duration_s


def _of_result(event: Measured) -> Row:
    return Row(
        fullname=event.fullname,
        case=event.case,
        question=event.question,
        outcome="passed",
        why="",
        value=event.value,
        unit=event.unit,
        method=event.method,
    )


def _of_test(event: Concluded, before: Row | None) -> Row:
    """A test that fails after its result, for its verdict say, keeps the result's figure."""
    if before is not None:
        return _with(before, outcome=event.outcome, why=event.why)
    return Row(
        fullname=event.fullname, case=event.case, question="", outcome=event.outcome, why=event.why,
        value=None, unit="", method="",
    )  # fmt: skip


def _with(row: Row, **changes: str) -> Row:
    import msgspec

    return msgspec.structs.replace(row, **changes)
